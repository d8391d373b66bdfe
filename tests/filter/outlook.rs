//! What the log says of the evidence to come. On the host emulator.

use serde_json::json;

use crate::ramp_vms::{RampVms, long_ramp_with};

#[test]
fn the_log_says_once_that_a_step_will_not_have_enough_evidence() {
    let mut vms = RampVms::start_with(2, &long_ramp_with(&json!({"timeout": "2h"})));
    let lines = |vms: &RampVms| -> Vec<String> {
        let log = vms.log();
        log.lines().filter(|it| it.contains("may stay undecided")).map(str::to_owned).collect()
    };
    vms.tick_all();
    let send = |vms: &mut RampVms| {
        // Each time, the same few users.
        (1..=8).for_each(|user| vms.send(0, crate::ramp_vms::ROOT, user, 0));
        vms.tick(0);
        vms.tick_all();
    };
    send(&mut vms);
    vms.advance_clock(400);
    send(&mut vms);
    assert_eq!(lines(&vms), [""; 0], "it is too early to say");
    for _ in 0..4 {
        vms.advance_clock(400);
        send(&mut vms);
    }
    let found = lines(&vms);
    assert_eq!(found.len(), 1, "{}", vms.log());
    let text = &found[0];
    assert!(text.contains("step 1 may stay undecided: Errors: "), "{text}");
    assert!(text.ends_with("larger tolerances or fewer critical gates need fewer"), "{text}");
}
