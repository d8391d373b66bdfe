//! Envoys that are killed, and a store that is.

use serde_json::json;

use super::gateways::{Gateways, fleet_config};
use super::shared_store::Kind;
use crate::envoy::process::{wait_at_most, wait_for};
use crate::envoy::{Envoy, filter_yaml};
use crate::envoy_only::ramp_fixture::RAMP_TIMEOUT;
use crate::proxy::phase::{PROMOTED, ROLLED_BACK};
use crate::proxy::{Proxy as _, set_fields};

on_each_store!(
    another_envoy_decides_where_the_deciding_one_is_killed,
    requests_flow_and_nothing_advances_while_the_store_is_away,
    a_restart_of_all_envoys_keeps_the_ramp,
    a_rollback_survives_a_store_that_has_lost_everything,
    a_configuration_that_reaches_one_envoy_later_does_not_take_the_decision_back
);

fn another_envoy_decides_where_the_deciding_one_is_killed(kind: Kind) {
    let mut gateways = Gateways::start(3, kind, &fleet_config(kind, json!({"bake": "4s"})));
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

fn requests_flow_and_nothing_advances_while_the_store_is_away(kind: Kind) {
    let mut gateways = Gateways::start(2, kind, &fleet_config(kind, json!({"bake": "3s"})));
    gateways.wait_for_gauge("green_bp", 2500);
    gateways.store.go_away();
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
    gateways.wait_for_gauge("store_away", 1);
    gateways.store.come_back();
    let ((), _) = gateways.under_load(|| gateways.wait_for_gauge("phase", PROMOTED));
    gateways.wait_for_gauge("store_away", 0);
    let back = |envoy: &Envoy| envoy.log().contains("the fleet's store is back");
    assert!(gateways.envoys.iter().all(back));
}

#[test]
fn a_member_of_three_may_be_killed() {
    let mut gateways =
        Gateways::start(2, Kind::Etcd(3), &fleet_config(Kind::Etcd(3), json!({"bake": "3s"})));
    gateways.wait_for_gauge("green_bp", 2500);
    gateways.store.kill_member(0);
    let ((), _) = gateways.under_load(|| gateways.wait_for_gauge("phase", PROMOTED));
}

fn a_restart_of_all_envoys_keeps_the_ramp(kind: Kind) {
    let mut gateways = Gateways::start(2, kind, &fleet_config(kind, json!({})));
    let ((), _) = gateways.under_load(|| gateways.wait_for_gauge("phase", PROMOTED));
    gateways.envoys.iter_mut().for_each(Envoy::restart);
    gateways.wait_for_gauge("phase", PROMOTED);
    gateways.wait_for_gauge("green_bp", 10_000);
    assert_eq!(gateways.log_lines("the ramp begins").len(), 1, "before the restart");
}

fn a_rollback_survives_a_store_that_has_lost_everything(kind: Kind) {
    let mut gateways = Gateways::start(2, kind, &fleet_config(kind, json!({"rolled_back": true})));
    gateways.wait_for_gauge("phase", ROLLED_BACK);
    gateways.store.wipe();
    wait_at_most(RAMP_TIMEOUT, "the state to be written back", || {
        gateways.store.has_state().then_some(())
    });
    assert_eq!(gateways.gauges("phase"), [ROLLED_BACK, ROLLED_BACK]);
}

fn a_configuration_that_reaches_one_envoy_later_does_not_take_the_decision_back(kind: Kind) {
    let before = fleet_config(kind, json!({"bake": "1h"}));
    let mut after = before.clone();
    set_fields(&mut after, &json!({"ramp": {"steps": [40, 100], "bake": "1h"}}));
    let mut gateways = Gateways::start(3, kind, &before);
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
