//! An outage of both upstreams, which is no difference between the versions.

use std::time::{Duration, Instant};

use serde_json::json;

use super::super::ramp_fixture::{RAMP_TIMEOUT, read_counter, set_models};
use super::{HONEST, assert_in_force, beside_honest_traffic, ramp, start, wait_for_later_evidence};
use crate::envoy::process::wait_at_most;
use crate::envoy::upstream::{Model, ModelFailure};

/// The default tripwire rolled back, and the rollback was final.
#[test]
fn an_outage_of_both_upstreams_rolls_nothing_back() {
    /// The length of the outage that rolled a ramp back before (`docs/reference/attacks.md`).
    const OUTAGE: Duration = Duration::from_secs(11);
    let envoy = start(&ramp(50, json!({})), HONEST);
    let down = Model { fails_one_in: 1, failure: ModelFailure::Status(503), ..HONEST };
    beside_honest_traffic(&envoy, |_| {
        set_models(&envoy, [down, down]);
        let began = Instant::now();
        wait_at_most(RAMP_TIMEOUT, "the end of the outage", || {
            let errors = |version| read_counter(&envoy, version, "errors");
            let is_over = began.elapsed() > OUTAGE;
            (is_over && errors("blue").min(errors("green")) > 20).then_some(())
        });
        assert_in_force(&envoy);
        set_models(&envoy, [HONEST, HONEST]);
        wait_for_later_evidence(&envoy);
        assert_in_force(&envoy);
        let errors = ["blue", "green"].map(|version| read_counter(&envoy, version, "errors"));
        println!("both down for {:?}: errors {errors:?}, in force", began.elapsed());
    });
}
