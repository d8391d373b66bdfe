//! The analysis plan.

use verdigris::analysis::{Metric, StepDesign};

use crate::SHARES;

/// Only a larger share of green makes a step, and a step without blue compares nothing.
#[test]
fn steps_compare_the_units_that_were_on_blue() {
    let found: Vec<f64> = StepDesign::from_shares(&[0.01, 0.05, 0.5, 1.0])
        .iter()
        .map(|step| step.new_units.get())
        .collect();
    let expected = [0.01, 0.04 / 0.99, 0.45 / 0.95];
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-12);
    }
}

#[test]
fn with_an_equal_control_half_of_the_new_units_are_on_green() {
    let steps = StepDesign::with_equal_control(&[0.1, 0.3, 1.0]);
    let found: Vec<_> =
        steps.iter().map(|step| (step.new_units.get(), step.all_units.get())).collect();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0], (0.5, 0.5));
    assert!((found[1].1 - 0.3 / 0.5).abs() < 1e-12 && found[1].0 == 0.5);
}

/// With as many units on blue as all that are left, a step is like one without a ratio.
#[test]
fn with_a_control_ratio_greens_share_of_the_compared_units_is_known() {
    let steps = StepDesign::with_control_ratio(&[0.01, 0.05, 0.4, 1.0], 4.0);
    let found: Vec<_> =
        steps.iter().map(|step| (step.all_units.get(), step.new_units.get())).collect();
    let expected = [(0.2, 0.2), (0.2, 0.04 / 0.24), (0.4, 0.35 / 0.95)];
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found.0 - expected.0).abs() < 1e-12, "{found:?}");
        assert!((found.1 - expected.1).abs() < 1e-12, "{found:?}");
    }
    let conversations = StepDesign::for_conversations(&[0.01, 0.4], 4.0);
    let found: Vec<_> = conversations.iter().map(|step| step.new_units.get()).collect();
    assert!((found[0] - 0.2).abs() < 1e-12 && (found[1] - 0.4).abs() < 1e-12, "{found:?}");
}

#[test]
fn default_tolerances_shrink_as_the_share_grows() {
    for metric in Metric::ALL {
        let tolerances = SHARES.map(|share| metric.default_tolerance(share));
        assert!(tolerances.is_sorted_by(|one, other| one > other), "{metric}");
        assert!(tolerances.iter().all(|it| *it > metric.default_margin()), "{metric}");
    }
}

#[test]
fn a_metric_is_found_by_its_name() {
    for metric in Metric::ALL {
        assert_eq!(Metric::from_name(metric.as_str()), Some(metric));
    }
    assert_eq!(Metric::from_name("errors"), None);
}
