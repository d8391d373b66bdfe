//! Random sequences of commands, traffic and configurations.

use proptest::prelude::*;
use serde_json::json;
use verdigris::assignment::Share;
use verdigris::rollout::{CommandKind, RampState};

use super::apply_command::{COMMANDS, with_approval};
use super::harness::{RampHarness, Traffic};
use super::{ramp, ramp_with};

#[derive(Clone, Debug)]
enum Event {
    Command(CommandKind),
    Traffic { seconds: u64, bad: u64 },
    Configure(usize),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let weights = |(blue, green)| {
        let share = Share::new(blue, green);
        Event::Command(share.map_or(CommandKind::Pause, CommandKind::Weights))
    };
    let event = prop_oneof![
        4 => (0..COMMANDS.len()).prop_map(|index| Event::Command(COMMANDS[index])),
        1 => (0u64..3, 0u64..3).prop_map(weights),
        4 => (1u64..90, 0u64..12).prop_map(|(seconds, bad)| Event::Traffic { seconds, bad }),
        2 => (0usize..8).prop_map(Event::Configure),
    ];
    prop::collection::vec(event, 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// The state can be decoded after each event as well.
    #[test]
    fn green_gets_no_traffic_between_a_rollback_and_restart(events in events()) {
        let ramps = [
            ramp(),
            with_approval(),
            ramp_with(json!({"steps": [10, 25]})),
            ramp_with(json!({"paused": true})),
            ramp_with(json!({"alpha": 0.01})),
            ramp_with(json!({"bake": "5s", "tripwires": [{"metric": "error_rate", "limit": 0.9}]})),
            ramp_with(json!({"gates": [{"metric": "abort_rate"}]})),
        ];
        let (mut harness, mut restarts, mut is_blue) = (RampHarness::new(ramp()), 0, false);
        for event in events {
            match event {
                Event::Command(kind) => {
                    let is_applied = harness.command(kind).is_ok();
                    is_blue |= is_applied && kind == CommandKind::Rollback;
                }
                Event::Traffic { seconds, bad } => {
                    let green_bad = bad.saturating_sub(9);
                    harness.run(seconds, Traffic { each: 30, blue_bad: 0, green_bad });
                }
                Event::Configure(index) => match ramps.get(index) {
                    Some(ramp) => {
                        let mut ramp = ramp.clone();
                        ramp["restart"] = json!("r".repeat(restarts));
                        harness.configure(ramp);
                    }
                    None => {
                        restarts += 1;
                        harness.configure(ramp_with(json!({"restart": "r".repeat(restarts)})));
                        is_blue = false;
                    }
                },
            }
            let bytes = postcard::to_allocvec(&harness.state).unwrap();
            prop_assert!(postcard::from_bytes::<RampState>(&bytes).is_ok());
            if is_blue {
                prop_assert_eq!(harness.share(), Share::ZERO);
            }
        }
    }
}
