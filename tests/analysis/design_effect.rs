//! The design effect.

use verdigris::analysis::design_effect::RandomGroups;

use crate::spread;

/// The design effect of 64,000 requests of so many users.
fn design_effect(users: u64, is_bad: impl Fn(u64) -> bool) -> f64 {
    let mut groups = RandomGroups::default();
    for request in 0..64_000 {
        let user = request % users;
        groups.add(user, is_bad(user));
    }
    groups.design_effect()
}

#[test]
fn requests_that_fail_by_user_reveal_less() {
    let independent = design_effect(64_000, |user| spread(user) >> 57 == 0);
    assert!((1.0..1.7).contains(&independent), "{independent}");
    let by_user = design_effect(640, |user| user / 64 == 0 && user % 16 < 3);
    assert!(by_user > 10.0, "{by_user}");
}

#[test]
fn without_bad_requests_the_effect_is_1() {
    assert_eq!(RandomGroups::default().design_effect(), 1.0);
    assert_eq!(design_effect(64, |_| false), 1.0);
}
