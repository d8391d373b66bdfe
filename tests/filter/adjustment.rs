//! The class of a request in the observation of its response. On the host emulator.

use serde_json::{Value, json};
use verdigris::analysis::RequestClass;

use crate::ramp_vms::{ROOT, RampVms, long_ramp_with};

const SHORT: [(&str, &str); 2] = [(":path", "/v1/messages"), ("content-length", "200")];
const LONG: [(&str, &str); 2] = [(":path", "/v1/messages"), ("content-length", "200000")];

/// The classes of the responses to requests of 20 users, half of them with a long body.
fn observed_classes(overrides: &Value) -> Vec<RequestClass> {
    let mut vms = RampVms::start_with(2, &long_ramp_with(overrides));
    vms.tick_all();
    for user in 0_u64..20 {
        let headers = if user.is_multiple_of(2) { SHORT } else { LONG };
        vms.send_with(&headers, (1, ROOT), user, 0);
    }
    vms.tick(1);
    let observations = vms.queued_observations();
    assert!(observations.iter().all(|it| it.measurements.is_response()));
    observations.iter().map(|it| it.measurements.request_class()).collect()
}

fn class(headers: &[(&str, &str)]) -> RequestClass {
    RequestClass::from_headers(headers.iter().map(|(name, it)| (name.as_bytes(), it.as_bytes())))
}

#[test]
fn an_observation_has_the_class_of_its_request_whatever_its_version() {
    let gates = json!([{"metric": "duration"}]);
    let classes = observed_classes(&json!({"adjust": true, "gates": gates}));
    let expected: Vec<_> = [class(&SHORT), class(&LONG)].repeat(10);
    assert_eq!(classes, expected);

    let classes = observed_classes(&json!({"gates": gates}));
    assert_eq!(classes, [RequestClass::default(); 20]);
}
