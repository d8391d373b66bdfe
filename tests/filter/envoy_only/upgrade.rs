//! Another build of the filter replaces the one that runs, as `docs/how-to/upgrade.md` says.

use serde_json::json;

use super::ramp_fixture::{
    GOOD_MODEL, decision_log, read_counter, start_with_models, under_load, wait_for_gauges,
};
use crate::artifacts;
use crate::envoy::filter_yaml;
use crate::envoy::process::wait_for;
use crate::envoy::upstream::{FIRST_EVENT, LAST_EVENT};
use crate::proxy::phase::RAMPING;
use crate::proxy::{Request, config};

/// The trap build stands for the new version: its code differs.
#[test]
fn a_new_wasm_and_the_old_one_again_continue_the_ramp_and_lose_no_request() {
    let ramp = config(json!({"ramp": {"steps": [25, 100], "bake": "1h", "warmup": "0s"}}));
    let envoy = start_with_models(&ramp, 2, [GOOD_MODEL, GOOD_MODEL]);
    let units = || read_counter(&envoy, "blue", "evidence_units.s0");
    let stream = envoy.send_to("/hold", &Request::from_user("ada")).unwrap();
    let new_name = "verdigris-2.wasm";
    std::os::unix::fs::symlink(artifacts::trapping_wasm(), envoy.folder.path().join(new_name))
        .unwrap();
    let (units_before, requests_before) = under_load(&envoy, || {
        wait_for("evidence", || (units() > 100).then_some(()));
        let before = (units(), read_counter(&envoy, "blue", "requests"));
        let old = filter_yaml(&ramp);
        let new = old.replace("verdigris.wasm", new_name);
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
