//! Probabilities strictly between 0 and 1.

use verdigris::analysis::Probability;

#[test]
fn a_probability_lies_strictly_between_0_and_1() {
    for wrong in [0.0, 1.0, -0.1, 1.1, f64::NAN, f64::INFINITY] {
        assert_eq!(Probability::new(wrong), None, "{wrong}");
    }
    assert_eq!(Probability::for_new_unit(0.05, 0.05, 1.0), None, "no unit is new");
    assert_eq!(Probability::for_new_unit(0.5, 1.0, 1.0), None, "no unit stays on blue");
}
