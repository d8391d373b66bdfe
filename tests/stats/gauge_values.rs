//! The values of the gauges.

use verdigris::stats::{Gauge, GaugeValues, PHASE_MANUAL};

#[test]
fn each_gauge_has_a_value() {
    let values = GaugeValues {
        green_bp: 250,
        phase: 1,
        step: 2,
        is_overdue: true,
        is_shadow_step: true,
        is_store_away: true,
    };
    let expected = [
        (Gauge::GreenBp, 250),
        (Gauge::Phase, 1),
        (Gauge::Step, 2),
        (Gauge::Overdue, 1),
        (Gauge::ShadowStep, 1),
        (Gauge::StoreAway, 1),
    ];
    assert_eq!(values.entries(), expected);
    assert_eq!(values.entries().map(|(gauge, _)| gauge), Gauge::ALL);
    assert_eq!(
        GaugeValues::INACTIVE.entries().map(|(_, value)| value),
        [0, PHASE_MANUAL, 0, 0, 0, 0]
    );
}
