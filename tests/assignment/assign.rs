//! The rules of assignment, and their order.

use proptest::prelude::*;
use serde_json::json;
use verdigris::assignment::{AssignmentRequest, EffectiveShare, Reason, Version, assign};

use crate::config_with;

proptest! {
    #[test]
    fn an_assignment_depends_only_on_its_arguments(
        unit in prop::option::of(prop::collection::vec(any::<u8>(), 0..300)),
        forced: Option<bool>,
        draw: u32,
    ) {
        let config =
            config_with(json!({"weights": {"blue": 2, "green": 1}, "on_missing": "random"}));
        let forced = forced.map(|green| if green { Version::Green } else { Version::Blue });
        let request = AssignmentRequest { unit: unit.as_deref(), forced, conversation: None };
        let effective = EffectiveShare::Share(config.share);
        let assignment = || assign(&config.assignment_rules(), effective, request, || draw);
        prop_assert_eq!(assignment(), assignment());
    }
}

/// With 100,000 users, the observed share is within five standard errors.
#[test]
fn the_share_over_many_users_matches_the_weights() {
    const USERS: u32 = 100_000;
    for (blue, green) in [(99, 1), (95, 5), (2, 1), (1, 1), (1, 3), (1, 999)] {
        let config = config_with(json!({"weights": {"blue": blue, "green": green}}));
        let rules = config.assignment_rules();
        let is_on_green = |user: &u32| {
            let unit = format!("user-{user}");
            let request =
                AssignmentRequest { unit: Some(unit.as_bytes()), forced: None, conversation: None };
            let effective = EffectiveShare::Share(config.share);
            assign(&rules, effective, request, || 0).version == Version::Green
        };
        let users_on_green = (0..USERS).filter(is_on_green).count();
        let share = f64::from(green) / f64::from(blue + green);
        let tolerance = 5.0 * (f64::from(USERS) * share * (1.0 - share)).sqrt();
        let deviation = (users_on_green as f64 - f64::from(USERS) * share).abs();
        assert!(deviation < tolerance, "{users_on_green} of {USERS} at {blue}/{green}");
    }
}

#[test]
fn the_first_rule_that_applies_decides() {
    use Reason::{Forced, NoUnit, Pinned, RolledBack, Weight};
    use Version::{Blue, Green};

    let pins = json!({"blue": ["tia"], "green": ["qa-7"]});
    let all_green = config_with(json!({"weights": {"blue": 0, "green": 1}, "pins": pins}));
    let all_blue = config_with(json!({"pins": pins}));

    let cases = [
        (&all_green, Some("ada"), None, (Green, Weight)),
        (&all_blue, Some("ada"), None, (Blue, Weight)),
        (&all_green, Some("tia"), None, (Blue, Pinned)),
        (&all_blue, Some("qa-7"), None, (Green, Pinned)),
        (&all_green, Some("tia"), Some(Green), (Green, Forced)),
        (&all_blue, Some("qa-7"), Some(Blue), (Blue, Forced)),
        (&all_blue, None, Some(Green), (Green, Forced)),
        (&all_green, None, None, (Blue, NoUnit)),
    ];
    for (config, unit, forced, expected) in cases {
        let unit = unit.map(str::as_bytes);
        let request = AssignmentRequest { unit, forced, conversation: None };
        let assigned = |effective| {
            let no_draw = || panic!("no random number is needed for {request:?}");
            let assignment = assign(&config.assignment_rules(), effective, request, no_draw);
            (assignment.version, assignment.reason)
        };
        assert_eq!(assigned(EffectiveShare::Share(config.share)), expected, "{request:?}");
        assert_eq!(assigned(EffectiveShare::RolledBack), (Blue, RolledBack), "{request:?}");
    }
}

#[test]
fn a_request_without_a_unit_is_random_if_so_configured() {
    let weights = json!({"blue": 1, "green": 1});
    let config = config_with(json!({"weights": weights, "on_missing": "random"}));
    let request = AssignmentRequest { unit: None, forced: None, conversation: None };
    let cases = [
        (0, Version::Green),
        (u32::MAX / 2, Version::Green),
        (1 << 31, Version::Blue),
        (u32::MAX, Version::Blue),
    ];
    for (draw, version) in cases {
        let effective = EffectiveShare::Share(config.share);
        let assignment = assign(&config.assignment_rules(), effective, request, || draw);
        assert_eq!((assignment.version, assignment.reason), (version, Reason::NoUnit), "{draw}");
    }
}
