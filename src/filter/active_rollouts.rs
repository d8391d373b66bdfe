//! The rollouts that this VM runs, by the root contexts that are alive.
//!
//! The SDK owns the root contexts. What one of them must know of the others is here: a console shows
//! all rollouts, and of several root contexts of one rollout only the newest acts.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::runtime::RolloutRuntime;

thread_local! {
    /// In the order in which they were made; seldom more than two.
    static PLUGINS: RefCell<Vec<Rc<Plugin>>> = const { RefCell::new(Vec::new()) };
    /// How often any root context was configured or given a stream.
    static USES: Cell<u64> = const { Cell::new(0) };
}

/// A root context, with the rollout that it runs.
#[derive(Default)]
pub struct Plugin {
    runtime: RefCell<Option<Rc<RolloutRuntime>>>,
    /// The number of its latest use, which is a configuration or a stream.
    last_use: Cell<u64>,
    /// The number of the use that was its configuration.
    configured_at: Cell<u64>,
}

/// A rollout that this VM runs.
pub struct ActiveRollout {
    /// The configuration in force.
    pub runtime: Rc<RolloutRuntime>,
    /// Whether another rollout was configured since the last request under this one.
    pub is_replaced: bool,
}

// === impl Plugin ===

impl Plugin {
    /// Registers a new root context.
    pub fn register() -> Rc<Self> {
        let plugin = Rc::new(Self::default());
        PLUGINS.with_borrow_mut(|plugins| plugins.push(Rc::clone(&plugin)));
        plugin
    }

    /// Removes a root context that Envoy has deleted, and returns the runtimes that are left.
    pub fn unregister(self: &Rc<Self>) -> Vec<Rc<RolloutRuntime>> {
        PLUGINS.with_borrow_mut(|plugins| plugins.retain(|it| !Rc::ptr_eq(it, self)));
        all().iter().filter_map(|plugin| plugin.runtime()).collect()
    }

    /// What the streams of this root context run on; `None` before it is configured, and for a console.
    pub fn runtime(&self) -> Option<Rc<RolloutRuntime>> {
        self.runtime.borrow().clone()
    }

    /// Sets what it runs on.
    pub fn set_runtime(&self, runtime: Rc<RolloutRuntime>) {
        self.runtime.replace(Some(runtime));
    }

    /// Records that it was configured.
    pub fn record_configuration(&self) {
        let number = next_use();
        self.configured_at.set(number);
        self.last_use.set(number);
    }

    /// Records a new stream. Returns whether another root context of its rollout and role was used since
    /// its last use: then Envoy may have gone back to this one without configuring it.
    pub fn record_stream(&self) -> bool {
        let number = next_use();
        let before = self.last_use.replace(number);
        before + 1 != number && self.has_other(|other, _| other.last_use() > before)
    }

    /// The number of its latest use. It grows with each stream.
    pub fn last_use(&self) -> u64 {
        self.last_use.get()
    }

    /// Whether this is the last used of the root contexts of its rollout and role that are active.
    ///
    /// Envoy ticks older root contexts too while they have streams; and where a configuration returns,
    /// it may take up an older one without configuring it.
    pub fn is_in_force(&self) -> bool {
        let Some(runtime) = self.runtime() else { return true };
        let is_later = |other: &Self, it: &RolloutRuntime| {
            it.activation.is_active() && other.last_use() > self.last_use()
        };
        runtime.activation.is_active() && !self.has_other(is_later)
    }

    /// Whether this is the last configured of the root contexts of its rollout and role.
    pub fn is_newest(&self) -> bool {
        !self.has_other(|other, _| other.configured_at.get() > self.configured_at.get())
    }

    /// Whether the rollout has another root context in this VM, in the same role, that `matches`.
    fn has_other(&self, matches: impl Fn(&Self, &RolloutRuntime) -> bool) -> bool {
        let Some(runtime) = self.runtime() else { return false };
        let is_other = |other: &Rc<Self>| {
            !std::ptr::eq(self, Rc::as_ptr(other))
                && other
                    .runtime()
                    .is_some_and(|it| it.has_same_rollout_and_role(&runtime) && matches(other, &it))
        };
        PLUGINS.with_borrow(|plugins| plugins.iter().any(is_other))
    }
}

/// The rollouts that this VM runs: of each the newest configuration or, where that is not known here,
/// the one that was used last. Shadows are not among them.
pub fn active_rollouts() -> Vec<ActiveRollout> {
    let plugins = all();
    let running = || plugins.iter().filter_map(|plugin| Some((plugin, plugin.runtime()?)));
    let releases =
        || running().filter(|(_, runtime)| !runtime.is_shadow() && runtime.activation.is_active());
    let age = |(plugin, runtime): &(&Rc<Plugin>, Rc<RolloutRuntime>)| {
        (runtime.is_newest(), plugin.last_use())
    };
    let mut active: Vec<(&Rc<Plugin>, Rc<RolloutRuntime>)> = Vec::new();
    for candidate in releases() {
        let is_same = |it: &&mut (&Rc<Plugin>, Rc<RolloutRuntime>)| {
            it.1.config.rollout == candidate.1.config.rollout
        };
        match active.iter_mut().find(is_same) {
            Some(known) if age(known) < age(&candidate) => *known = candidate,
            Some(_) => {}
            None => active.push(candidate),
        }
    }
    let is_replaced = |plugin: &Plugin, runtime: &RolloutRuntime| {
        releases().any(|(other, it)| {
            // Another plugin's rollout is beside it.
            other.configured_at.get() > plugin.last_use()
                && it.plugin == runtime.plugin
                && it.config.rollout != runtime.config.rollout
        })
    };
    active
        .into_iter()
        .map(|(plugin, runtime)| ActiveRollout {
            is_replaced: is_replaced(plugin, &runtime),
            runtime,
        })
        .collect()
}

/// Called when Envoy deletes the root context of `ended`. Activates the newest configuration left of the same
/// rollout and role, if `ended` was the last active one of them in this VM.
pub fn activate_successor(ended: &RolloutRuntime) {
    let is_same = |it: &Rc<RolloutRuntime>| it.has_same_rollout_and_role(ended);
    let mut left: Vec<_> = all()
        .into_iter()
        .filter_map(|plugin| Some((plugin.configured_at.get(), plugin.runtime().filter(is_same)?)))
        .collect();
    left.sort_by_key(|(configured_at, _)| *configured_at);
    let was_active = ended.activation.is_active();
    if was_active && !left.iter().any(|(_, runtime)| runtime.activation.is_active()) {
        left.pop().into_iter().for_each(|(_, runtime)| runtime.activate());
    }
}

/// Whether this VM has a newer configuration of the same rollout that is not active yet, but is likely to
/// become active soon.
pub fn is_being_replaced(runtime: &RolloutRuntime) -> bool {
    let is_newer = |it: &RolloutRuntime| {
        it.has_same_rollout_and_role(runtime) && it.activation.is_likely_soon()
    };
    all().iter().filter_map(|plugin| plugin.runtime()).any(|it| is_newer(&it))
}

fn all() -> Vec<Rc<Plugin>> {
    PLUGINS.with_borrow(Clone::clone)
}

fn next_use() -> u64 {
    USES.with(|uses| {
        uses.update(|count| count + 1);
        uses.get()
    })
}
