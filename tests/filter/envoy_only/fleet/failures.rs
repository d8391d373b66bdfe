//! Envoys that are killed, and a store that is.

use serde_json::json;

use super::gateways::{Gateways, fleet_config};
use crate::envoy::process::{wait_at_most, wait_for};
use crate::envoy::{Envoy, filter_yaml};
use crate::envoy_only::ramp_fixture::RAMP_TIMEOUT;
use crate::proxy::phase::{PROMOTED, ROLLED_BACK};
use crate::proxy::{Proxy as _, set_fields};

#[test]
fn another_envoy_decides_where_the_deciding_one_is_killed() {
    let mut gateways = Gateways::start(3, 1, &fleet_config(json!({"bake": "4s"})));
    gateways.wait_for_gauge("green_bp", 2500);
    let decider = wait_for("a decider", || gateways.decider());
    let mut killed = gateways.envoys.remove(decider);
    killed.kill();
    let ((), _) = gateways.under_load(|| gateways.wait_for_gauge("phase", PROMOTED));
    assert_eq!(gateways.log_lines("this instance decides for the fleet").len(), 1);
    // It comes back, and follows.
    killed.restart();
    gateways.envoys.push(killed);
    gateways.wait_for_gauge("green_bp", 10_000);
    let begun = gateways.log_lines("the ramp begins");
    assert_eq!(begun.len(), 1, "{begun:#?}");
}

#[test]
fn requests_flow_and_nothing_advances_while_etcd_is_away() {
    let mut gateways = Gateways::start(2, 1, &fleet_config(json!({"bake": "3s"})));
    gateways.wait_for_gauge("green_bp", 2500);
    gateways.etcd.kill_all();
    let away = |envoy: &Envoy| envoy.log().contains("the fleet's store is away");
    let ((), _) = gateways.under_load(|| {
        wait_at_most(RAMP_TIMEOUT, "all to notice", || {
            gateways.envoys.iter().all(away).then_some(())
        });
        // As long as the step would last otherwise.
        let before = gateways.requests();
        wait_at_most(RAMP_TIMEOUT, "traffic", || {
            (gateways.requests() > before + 2000).then_some(())
        });
    });
    assert_eq!(gateways.gauges("green_bp"), [2500, 2500]);
    gateways.etcd.restart();
    let ((), _) = gateways.under_load(|| gateways.wait_for_gauge("phase", PROMOTED));
    let back = |envoy: &Envoy| envoy.log().contains("the fleet's store is back");
    assert!(gateways.envoys.iter().all(back));
}

#[test]
fn a_member_of_three_may_be_killed() {
    let mut gateways = Gateways::start(2, 3, &fleet_config(json!({"bake": "3s"})));
    gateways.wait_for_gauge("green_bp", 2500);
    gateways.etcd.kill(0);
    let ((), _) = gateways.under_load(|| gateways.wait_for_gauge("phase", PROMOTED));
}

#[test]
fn a_restart_of_all_envoys_keeps_the_ramp() {
    let mut gateways = Gateways::start(2, 1, &fleet_config(json!({})));
    let ((), _) = gateways.under_load(|| gateways.wait_for_gauge("phase", PROMOTED));
    gateways.envoys.iter_mut().for_each(Envoy::restart);
    gateways.wait_for_gauge("phase", PROMOTED);
    gateways.wait_for_gauge("green_bp", 10_000);
    assert_eq!(gateways.log_lines("the ramp begins").len(), 1, "before the restart");
}

#[test]
fn a_rollback_survives_an_etcd_that_has_lost_everything() {
    let mut gateways = Gateways::start(2, 1, &fleet_config(json!({"rolled_back": true})));
    gateways.wait_for_gauge("phase", ROLLED_BACK);
    gateways.etcd.wipe();
    wait_at_most(RAMP_TIMEOUT, "the state to be written back", || {
        gateways.etcd.get("/verdigris/assistant-v8/in_force").map(|_| ())
    });
    assert_eq!(gateways.gauges("phase"), [ROLLED_BACK, ROLLED_BACK]);
}

#[test]
fn a_configuration_that_reaches_one_envoy_later_does_not_take_the_decision_back() {
    let before = fleet_config(json!({"bake": "1h"}));
    let mut after = before.clone();
    set_fields(&mut after, &json!({"ramp": {"steps": [40, 100], "bake": "1h"}}));
    let mut gateways = Gateways::start(3, 1, &before);
    gateways.wait_for_gauge("green_bp", 2500);
    gateways.envoys[2].push(&after).unwrap();
    gateways.wait_for_gauge("green_bp", 4000);
    gateways.envoys[0].push(&after).unwrap();
    gateways.envoys[1].push(&after).unwrap();
    gateways.wait_for_gauge("green_bp", 4000);
    // And back. Envoy may go back to a configuration without configuring it, which requests show.
    let ((), _) = gateways.under_load(|| {
        for index in [1, 0, 2] {
            gateways.envoys[index].write_filter(&filter_yaml(&before)).unwrap();
            gateways.wait_for_gauge("green_bp", 2500);
        }
    });
    assert_eq!(gateways.log_lines("the ramp begins").len(), 1);
}
