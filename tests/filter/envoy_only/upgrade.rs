//! Another build of the filter replaces the one that runs, as `docs/how-to/upgrade.md` says.

use serde_json::{Value, json};
use verdigris::rollout::lease::LEASE_NS;

use super::ramp_fixture::{
    GOOD_MODEL, decision_log, read_counter, read_gauge, start_with_models, under_load,
    wait_for_gauges,
};
use crate::envoy::process::wait_for;
use crate::envoy::upstream::{FIRST_EVENT, LAST_EVENT};
use crate::envoy::{Envoy, filter_yaml};
use crate::proxy::phase::{BY_HAND, RAMPING};
use crate::proxy::{Request, config, weights};

const NEW: &str = "verdigris-2.wasm";

#[test]
fn a_new_wasm_and_the_old_one_again_continue_the_ramp_and_lose_no_request() {
    let ramp = config(json!({"ramp": {"steps": [25, 100], "bake": "1h", "warmup": "0s"}}));
    let envoy = start_with_models(&ramp, 2, [GOOD_MODEL, GOOD_MODEL]);
    let units = || read_counter(&envoy, "blue", "evidence_units.s0");
    let stream = envoy.send_to("/hold", &Request::from_user("ada")).unwrap();
    envoy.add_module(NEW);
    let (units_before, requests_before) = under_load(&envoy, || {
        wait_for("evidence", || (units() > 100).then_some(()));
        let before = (units(), read_counter(&envoy, "blue", "requests"));
        let old = filter_yaml(&ramp);
        let new = old.replace("verdigris.wasm", NEW);
        for (name, filter) in [("new", &new), ("old", &old)] {
            let counted = units();
            envoy.write_filter(filter).unwrap();
            assert!(units() >= counted, "{name}: evidence is lost");
            wait_for("more evidence", || (units() > counted + 100).then_some(()));
        }
        before
    });
    assert!(units_before > 100);
    assert!(read_counter(&envoy, "blue", "requests") > requests_before);
    assert_eq!(decision_log(&envoy).matches("the ramp begins").count(), 1);
    wait_for_gauges(&envoy, &[("phase", RAMPING), ("green_bp", 2_500)]);
    envoy.upstreams.iter().for_each(|upstream| upstream.release_streams());
    assert_eq!(stream.text().unwrap(), format!("{FIRST_EVENT}{LAST_EVENT}"));
}

/// The old VM still has a stream, and no other worker leads the ramp.
#[test]
fn the_old_wasm_does_not_begin_a_ramp_again_that_weights_have_replaced() {
    let ramp = config(json!({"ramp": {"steps": [25, 100], "bake": "1h", "warmup": "0s"}}));
    let envoy = start_with_models(&ramp, 1, [GOOD_MODEL, GOOD_MODEL]);
    wait_for_gauges(&envoy, &[("phase", RAMPING), ("green_bp", 2_500)]);
    let stream = envoy.send_to("/hold", &Request::from_user("ada")).unwrap();
    envoy.add_module(NEW);
    let of_new = |config: &Value| filter_yaml(config).replace("verdigris.wasm", NEW);
    envoy.write_filter(&of_new(&weights(1, 3))).unwrap();
    let by_weights = [("phase", BY_HAND), ("green_bp", 7_500)];
    wait_for_gauges(&envoy, &by_weights);
    // By then the lease has been expired for so long that an outdated worker may take it.
    let end = envoy.uptime_s() + 3 * LEASE_NS.div_ceil(1_000_000_000);
    wait_for("twice the time of a lease", || (envoy.uptime_s() >= end).then_some(()));
    for (gauge, value) in by_weights {
        assert_eq!(read_gauge(&envoy, gauge), value, "{gauge}");
    }
    let begun = |envoy: &Envoy| decision_log(envoy).matches("begins again after weights").count();
    assert_eq!(begun(&envoy), 0, "{}", decision_log(&envoy));
    envoy.upstreams.iter().for_each(|upstream| upstream.release_streams());
    assert_eq!(stream.text().unwrap(), format!("{FIRST_EVENT}{LAST_EVENT}"));
    // The ramp itself begins again when it is back.
    envoy.write_filter(&of_new(&ramp)).unwrap();
    wait_for_gauges(&envoy, &[("phase", RAMPING), ("green_bp", 2_500)]);
    assert_eq!(begun(&envoy), 1, "{}", decision_log(&envoy));
}
