//! The life of a plugin configuration.

use std::rc::Rc;

use super::by_hand::ByHand;
use super::chronicle::Chronicle;
use super::console::{Console, ConsoleStream};
use super::feedback::Feedback;
use super::generation::Generation;
use super::metrics::{RolloutMetrics, Shown};
use super::random::Draws;
use super::redirect::Redirects;
use super::stream::Stream;
use super::walker::{TICK_MS, Walker};
use super::{host, logger, rejections, steering};
use crate::assignment::{EffectiveShare, Share};
use crate::config::{Config, Plugin, Role};
use crate::console::PluginKind;
use crate::rollout::{Phase, Snapshot};

/// A plugin in one VM. Envoy makes a new root context for a new configuration and
/// keeps the old one while streams that began under it last.
pub struct Root {
    context_id: u32,
    running: Option<Rc<Running>>,
    /// In the place of what is run on, where the operator's page is shown.
    console: Option<Rc<Console>>,
    /// The number of its latest use, which is a configuration or a stream.
    used: u64,
    /// The number of the use that was its configuration.
    configured: u64,
}

/// A rollout that this VM runs on.
pub struct InUse {
    pub running: Rc<Running>,
    /// Whether another rollout has come since, and no request under this one.
    pub is_replaced: bool,
}

/// What the streams of one configuration share.
pub struct Running {
    pub context_id: u32,
    /// The plugin's name in Envoy's configuration.
    pub plugin: String,
    pub config: Config,
    generation: Generation,
    pub metrics: Rc<RolloutMetrics>,
    /// Who walks the ramp, where there is one.
    pub walker: Option<Rc<Walker>>,
    /// Weights that are set by hand.
    pub by_hand: Option<Rc<ByHand>>,
    /// Which shares were in force when, where conversations keep theirs.
    pub chronicle: Option<Chronicle>,
    pub random: Draws,
    /// What it takes to listen to users and judges, where they are.
    pub feedback: Option<Feedback>,
    /// Requests that Envoy sends through the filters once more.
    pub redirects: Redirects,
}

// === impl Root ===

impl Root {
    pub fn new(context_id: u32) -> Self {
        Self { context_id, running: None, console: None, used: 0, configured: 0 }
    }

    pub fn context_id(&self) -> u32 {
        self.context_id
    }

    /// Takes the plugin configuration over; whether it can be run on.
    ///
    /// Runs in every VM, also in the one in which Envoy tries a configuration out:
    /// the answer depends on the configuration's text alone.
    pub fn configure(&mut self, used: u64) -> bool {
        logger::follow_host_level();
        match self.run() {
            Ok(()) => {
                (self.used, self.configured) = (used, used);
                true
            }
            Err(message) => {
                log::error!("configuration refused, the one in force stays: {message}");
                let text = host::plugin_configuration();
                rejections::reject(text.as_deref().unwrap_or_default(), &message);
                false
            }
        }
    }

    fn run(&mut self) -> Result<(), String> {
        let text = host::plugin_configuration()
            .map_err(|error| format!("the host did not give it: {error:?}"))?;
        let config = match Plugin::parse(&text).map_err(|refused| refused.to_string())? {
            Plugin::Rollout(config) => *config,
            Plugin::Console(config) => {
                self.console = Some(Rc::new(Console::new(config)));
                rejections::accept(PluginKind::Console, &text);
                return Ok(());
            }
        };
        let rollout = config.rollout.as_str();
        let metrics = RolloutMetrics::of(rollout);
        // Then it decides nothing, and has no share in force that a gauge could show.
        let is_shadow = config.role == Some(Role::Shadow);
        if is_shadow || config.shadow.is_some() {
            metrics.define_shadow(rollout);
        }
        if config.answers.is_some() {
            metrics.define_outcomes(rollout);
        }
        let ramp = config.ramp.as_ref().filter(|_| !is_shadow);
        let walker = ramp.map(|_| Walker::of(rollout));
        let generation = Generation::of(&text);
        if let Some(walker) = &walker {
            walker.begin(generation);
        }
        let can_steer = !is_shadow && steering::is_possible();
        let by_hand = (!is_shadow && walker.is_none()).then(|| ByHand::of(rollout));
        match &by_hand {
            Some(by_hand) => by_hand.begin(generation, config.share),
            None if walker.is_some() => ByHand::forget(rollout),
            None => {}
        }
        let is_ticked = walker.is_some() || can_steer;
        // A host that refuses leaves the ramp where it is, and requests alone.
        let _ = host::set_tick_period(if is_ticked { TICK_MS } else { 0 });
        rejections::accept(PluginKind::Rollout, &text);
        let context_id = self.context_id;
        let plugin = rejections::plugin();
        let random = Draws::default();
        let chronicle = config.conversation.as_ref().filter(|_| !is_shadow);
        let chronicle = chronicle.map(|it| Chronicle::of(rollout, it));
        let feedback = config.feedback.as_ref().map(|it| {
            metrics.define_feedback(rollout);
            Feedback::of(rollout, it)
        });
        let running = Running {
            context_id,
            plugin,
            config,
            generation,
            metrics,
            walker,
            by_hand,
            chronicle,
            random,
            feedback,
            redirects: Redirects::default(),
        };
        running.follow_weights();
        if !is_shadow {
            running.metrics.begin(context_id, running.shown());
        }
        self.running = Some(Rc::new(running));
        Ok(())
    }

    /// Some time has passed.
    ///
    /// Of the root contexts of a rollout only the one that was used last acts. Envoy ticks
    /// older ones too while they have streams; and where a configuration returns, it may
    /// take up an older one without configuring it.
    pub fn tick(&self, all: &[Self]) {
        let Some(running) = &self.running else { return };
        let is_like = |it: &Rc<Running>| {
            it.config.role == running.config.role && it.config.rollout == running.config.rollout
        };
        let is_newer = |it: &Self| it.used > self.used && it.running.as_ref().is_some_and(is_like);
        if all.iter().any(is_newer) {
            return;
        }
        if let (Some(walker), Some(settings)) = (&running.walker, &running.config.ramp) {
            let chronicle = running.chronicle.as_ref();
            walker.tick(settings, chronicle, running.generation, self.used);
            chronicle.into_iter().for_each(Chronicle::learn);
            running.show();
        } else if let Some(by_hand) = &running.by_hand {
            if by_hand.tick(running.generation, self.used, running.config.share) {
                running.follow_weights();
            } else {
                running.chronicle.iter().for_each(Chronicle::learn);
            }
            running.show();
        }
    }

    /// A stream that the console answers, if it is what is configured.
    pub fn console_stream(&self) -> Option<ConsoleStream> {
        self.console.as_ref().map(|console| ConsoleStream::new(Rc::clone(console)))
    }

    /// What this VM runs on: of each rollout the newest configuration, or, where that is not
    /// known here, the one that was used last.
    pub fn in_use(all: &[Self]) -> Vec<InUse> {
        let roots = || all.iter().filter_map(|root| Some((root, root.running.as_ref()?)));
        let releases = || roots().filter(|(_, running)| !running.is_shadow());
        let age = |(root, running): &(&Self, &Rc<Running>)| (running.is_newest(), root.used);
        let mut in_use: Vec<(&Self, &Rc<Running>)> = Vec::new();
        for it in releases() {
            match in_use.iter_mut().find(|known| known.1.config.rollout == it.1.config.rollout) {
                Some(known) if age(known) < age(&it) => *known = it,
                Some(_) => {}
                None => in_use.push(it),
            }
        }
        let is_replaced = |(root, running): (&Self, &Rc<Running>)| {
            releases().any(|(other, it)| {
                other.configured > root.used && it.config.rollout != running.config.rollout
            })
        };
        let in_use = in_use.into_iter();
        in_use.map(|it| InUse { is_replaced: is_replaced(it), running: Rc::clone(it.1) }).collect()
    }

    /// A stream under this configuration. Without one it lets everything pass.
    pub fn stream(&mut self, used: u64) -> Stream {
        let stream = Stream::new(self.running.clone());
        if std::mem::replace(&mut self.used, used) + 1 != used {
            stream.resume();
        }
        stream
    }

    /// The last stream of this configuration has ended, and these are left.
    pub fn end(&self, left: &[Self]) {
        let Some(running) = &self.running else { return };
        running.redirects.clear();
        running.metrics.end(running.context_id);
        if let Some(walker) = &running.walker {
            let walker_of = |root: &Self| root.running.as_ref()?.walker.clone();
            if !left.iter().filter_map(walker_of).any(|it| Rc::ptr_eq(&it, walker)) {
                walker.rest();
            }
        }
    }
}

// === impl Running ===

impl Running {
    /// What is in force.
    pub fn standing(&self) -> EffectiveShare {
        match self.walker.as_ref().map(|walker| walker.in_force()) {
            Some(Snapshot { phase: Phase::RolledBack, .. }) => EffectiveShare::RolledBack,
            Some(Snapshot { share, .. }) => EffectiveShare::Share(share),
            None => {
                let ordered = self.by_hand.as_ref().and_then(|it| it.ordered());
                ordered.unwrap_or(EffectiveShare::Share(self.config.share))
            }
        }
    }

    /// The phase, and green's share, that this VM knows to be in force.
    pub fn place(&self) -> (Phase, Share) {
        match (&self.walker, self.standing()) {
            (Some(walker), _) => (walker.in_force().phase, self.share()),
            (None, EffectiveShare::RolledBack) => (Phase::RolledBack, Share::ZERO),
            (None, EffectiveShare::Share(share)) => (Phase::ByHand, share),
        }
    }

    /// Green's share in force.
    pub fn share(&self) -> Share {
        match self.standing() {
            EffectiveShare::Share(share) => share,
            EffectiveShare::RolledBack => Share::ZERO,
        }
    }

    /// What the filter is there for at the stream's listener; `None` where the listener's
    /// metadata has another word for it than there is.
    pub fn role(&self) -> Option<Role> {
        match self.config.role {
            Some(role) => Some(role),
            // Asked only where there is a choice: it costs as much as a header.
            None if self.config.has_other_listeners() => match host::listener_role() {
                Some(name) => Role::from_bytes(&name),
                None => Some(Role::Release),
            },
            None => Some(Role::Release),
        }
    }

    pub fn generation(&self) -> Generation {
        self.generation
    }

    fn is_shadow(&self) -> bool {
        self.config.role == Some(Role::Shadow)
    }

    /// Notes the weights, if they are set by hand, where conversations keep theirs.
    pub fn follow_weights(&self) {
        if let (Some(chronicle), None) = (&self.chronicle, &self.walker) {
            chronicle.follow_weights(self.share());
        }
    }

    /// Has the gauges show what is in force.
    pub fn show(&self) {
        self.metrics.show(self.context_id, self.shown());
    }

    /// What the gauges are to show of it.
    fn shown(&self) -> Shown {
        match &self.walker {
            Some(walker) => Shown::ramp(walker.in_force()),
            None => Shown::by_hand(self.standing()),
        }
    }
}
