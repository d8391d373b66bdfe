//! The rollouts that the console shows and steers although they run in other VMs.

use std::cell::RefCell;
use std::rc::Rc;

use super::active_rollouts::ActiveRollout;
use super::callout::Callouts;
use super::runtime::RolloutRuntime;
use super::store::config_revision::ConfigRevision;
use super::store::keys::STATE_VERSION;
use super::store::running::{self, RunningConfig};
use crate::config;

thread_local! {
    static ADOPTED: RefCell<Vec<AdoptedRollout>> = const { RefCell::new(Vec::new()) };
}

/// A configuration that another VM runs, and what it comes to here.
struct AdoptedRollout {
    config: RunningConfig,
    /// The root context whose call-outs the runtime has.
    root: u32,
    runtime: Option<Rc<RolloutRuntime>>,
}

/// A rollout of another VM that cannot be adopted.
pub struct ForeignRollout {
    /// The plugin's name in Envoy's configuration.
    pub plugin: String,
    /// The version of the module that runs it.
    pub module: String,
}

/// The rollouts of this VM, and those that other VMs run. The console's root context has these
/// call-outs. Where another VM runs a newer configuration of a plugin and of its rollout, this VM's is
/// not among them: it is a root context that only open streams keep.
///
/// An adopted rollout is not configured: it changes nothing that other VMs use, unless a command does.
pub fn with_adopted(
    own: Vec<ActiveRollout>,
    callouts: &Rc<Callouts>,
) -> (Vec<ActiveRollout>, Vec<ForeignRollout>) {
    let (mut adopted, foreign) = adopt(&own, callouts);
    // Also where the plugin has another name by now.
    let is_same = |one: &ActiveRollout, other: &ActiveRollout| {
        one.runtime.config.rollout == other.runtime.config.rollout
    };
    let (newest, older): (Vec<_>, Vec<_>) = own.into_iter().partition(|it| it.runtime.is_newest());
    // The configurations of other VMs have not been published since.
    adopted.retain(|it| !newest.iter().any(|own| is_same(own, it)));
    let older = older.into_iter().filter(|own| !adopted.iter().any(|it| is_same(own, it)));
    let mut rollouts: Vec<_> = newest.into_iter().chain(older).collect();
    rollouts.extend(adopted);
    (rollouts, foreign)
}

/// The rollouts that other VMs run under a configuration that `own` has not.
fn adopt(
    own: &[ActiveRollout],
    callouts: &Rc<Callouts>,
) -> (Vec<ActiveRollout>, Vec<ForeignRollout>) {
    let is_own = |it: &RunningConfig| {
        let revision = ConfigRevision::from_text(&it.text);
        it.state_version == STATE_VERSION
            && own
                .iter()
                .any(|own| own.runtime.plugin == it.plugin && own.runtime.revision == revision)
    };
    let running: Vec<_> = running::load().into_iter().filter(|it| !is_own(it)).collect();
    let mut known = ADOPTED.take();
    let mut adopted = Vec::new();
    for config in running {
        let is_same = |it: &AdoptedRollout| {
            it.root == callouts.context_id()
                && it.config.plugin == config.plugin
                && it.config.text == config.text
                && it.config.state_version == config.state_version
        };
        adopted.push(match known.iter().position(is_same) {
            Some(index) => known.swap_remove(index),
            None => AdoptedRollout::new(config, callouts),
        });
    }
    let (mut rollouts, mut foreign) = (Vec::new(), Vec::new());
    for AdoptedRollout { config, runtime, .. } in &adopted {
        match runtime {
            Some(runtime) => {
                runtime.follow();
                let runtime = Rc::clone(runtime);
                rollouts.push(ActiveRollout { runtime, is_replaced: false });
            }
            None if config.state_version != STATE_VERSION => foreign.push(ForeignRollout {
                plugin: config.plugin.clone(),
                module: config.module.clone(),
            }),
            None => {}
        }
    }
    ADOPTED.set(adopted);
    (rollouts, foreign)
}

// === impl AdoptedRollout ===

impl AdoptedRollout {
    fn new(config: RunningConfig, callouts: &Rc<Callouts>) -> Self {
        let is_readable = config.state_version == STATE_VERSION;
        let parsed = is_readable.then(|| config::Plugin::parse(&config.text).ok()).flatten();
        let root = callouts.context_id();
        let runtime = match parsed {
            Some(config::Plugin::Rollout(rollout)) if !rollout.is_shadow() => {
                let plugin = config.plugin.clone();
                Some(Rc::new(RolloutRuntime::new(root, plugin, *rollout, &config.text, callouts)))
            }
            _ => None,
        };
        Self { config, root, runtime }
    }
}

// === impl ForeignRollout ===

impl ForeignRollout {
    /// How the operator makes its state readable.
    pub const FIX: &str = "Copy vm_config from filter.yaml to console.yaml.";

    /// The problem.
    pub fn problem(&self) -> String {
        let Self { plugin, module } = self;
        format!(
            "The plugin {plugin} runs Verdigris {module}, whose state this console (version {}) cannot \
             read, so the page neither shows nor controls its rollout.",
            env!("CARGO_PKG_VERSION")
        )
    }
}
