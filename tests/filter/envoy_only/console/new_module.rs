//! A new `.wasm` in filter.yaml alone: Envoy then runs the rollout and the console in different VMs.

use serde_json::json;
use verdigris::console::view::RolloutView;

use super::super::ramp_fixture::{GOOD_MODEL, read_counter, set_models, under_load};
use super::{TOKEN, read_view, send_command, start};
use crate::artifacts;
use crate::envoy::process::wait_for;
use crate::envoy::{Envoy, filter_yaml};
use crate::proxy::{ROLLOUT, config};

const NEW: &str = "verdigris-2.wasm";

fn only_rollout(envoy: &Envoy) -> RolloutView {
    let mut view = read_view(envoy);
    assert_eq!(view.problems, [], "{view:#?}");
    assert_eq!(view.rollouts.len(), 1, "{view:#?}");
    view.rollouts.remove(0)
}

fn wait_for_phase(envoy: &Envoy, phase: &str) {
    wait_for(phase, || (only_rollout(envoy).phase == phase).then_some(()));
}

/// The trap build stands for the new version: its code differs.
#[test]
fn the_console_shows_and_steers_a_rollout_of_another_module() {
    let ramp = config(json!({"ramp": {"steps": [25, 100], "bake": "1h", "warmup": "0s"}}));
    let envoy = start(&ramp, Some(TOKEN), 2);
    set_models(&envoy, [GOOD_MODEL, GOOD_MODEL]);
    envoy.add_module(NEW);
    let (old, new) = (filter_yaml(&ramp), filter_yaml(&ramp).replace("verdigris.wasm", NEW));
    let units = || read_counter(&envoy, "blue", "evidence_units.s0");
    let wait_for_more_units = || {
        let before = units();
        wait_for("more evidence", || (units() > before + 20).then_some(()));
    };
    under_load(&envoy, || {
        wait_for_more_units();
        for (filter, command, phase) in
            [(&new, "pause", "paused"), (&old, "resume", "ramping"), (&new, "pause", "paused")]
        {
            let before = units();
            envoy.write_filter(filter).unwrap();
            let shown = only_rollout(&envoy);
            assert_eq!((shown.rollout.as_str(), shown.green_bp), (ROLLOUT, 2_500));
            assert!(units() >= before, "the evidence stays");
            let answer = send_command(&envoy, command, &json!({"reason": "as asked"}));
            assert_eq!(answer.status(), 200, "{command}: {}", answer.text().unwrap());
            wait_for_phase(&envoy, phase);
            wait_for_more_units();
        }
        let answer = send_command(&envoy, "rollback", &json!({"reason": "as asked"}));
        assert_eq!(answer.status(), 200);
        wait_for_phase(&envoy, "rolled_back");
        wait_for("the rollback in the gauges", || {
            let green = envoy.read_stat(&format!("wasmcustom.verdigris.{ROLLOUT}.green_bp"));
            (green == Some(0)).then_some(())
        });
    });
    // Taken out, the rollout is not shown any more.
    let off = std::fs::read_to_string(artifacts::shipped("filter-off.yaml")).unwrap();
    envoy.write_filter(&off).unwrap();
    wait_for("no rollout", || read_view(&envoy).rollouts.is_empty().then_some(()));
}
