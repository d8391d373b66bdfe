//! Verdicts on a pair in both orders.

use verdigris::judge::{PairVerdict, Preference, agreed_preference};

#[test]
fn only_verdicts_that_agree_count() {
    use PairVerdict::{A, B, Tie};
    let cases = [
        (A, B, Some(Preference::Blue)),
        (B, A, Some(Preference::Green)),
        (Tie, Tie, Some(Preference::Neither)),
        (A, A, None),
        (B, B, None),
        (A, Tie, None),
        (Tie, A, None),
        (B, Tie, None),
        (Tie, B, None),
    ];
    for (blue_is_a, blue_is_b, expected) in cases {
        assert_eq!(
            agreed_preference(blue_is_a, blue_is_b),
            expected,
            "{blue_is_a:?} {blue_is_b:?}"
        );
    }
}
