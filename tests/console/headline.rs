//! Whether the release is fine, in words.

use verdigris::console::view::{OrderView, ProblemView, RolloutView};
use verdigris::console::{Tone, headline, page};

use crate::fixtures;

fn changed(mut rollout: RolloutView, change: impl FnOnce(&mut RolloutView)) -> RolloutView {
    change(&mut rollout);
    rollout
}

fn order(order: &str, reason: &str) -> Option<OrderView> {
    Some(OrderView { order: order.into(), at_ms: 0, reason: reason.into() })
}

fn judged(rollout: RolloutView, verdict: &str, worse: f64) -> RolloutView {
    changed(rollout, |it| {
        let judgement = it.ramp.as_mut().unwrap().judgement.as_mut().unwrap();
        (judgement.verdict, judgement.worse) = (verdict.into(), worse);
        judgement.gates[3].worse = worse;
    })
}

#[test]
fn the_first_line_says_whether_the_release_is_fine() {
    use fixtures::*;
    let unjudged = |it: RolloutView| changed(it, |it| it.ramp.as_mut().unwrap().judgement = None);
    let state_lost = changed(paused(), |it| {
        it.order = None;
        it.ramp.as_mut().unwrap().waits_for = "state_lost".into();
    });
    let mismatched = changed(ramping(), |it| {
        it.ramp.as_mut().unwrap().judgement.as_mut().unwrap().is_mismatched = true;
    });
    let tripped = changed(unjudged(rolled_back()), |it| {
        it.decisions[0].why = "tripwire: error_rate of green was 0.4000 in the last 60 s".into();
    });
    let waits =
        |reason: &str| changed(holding(), |it| it.ramp.as_mut().unwrap().waits_for = reason.into());
    let unread = changed(waits("unread"), |it| {
        let judgement = it.ramp.as_mut().unwrap().judgement.as_mut().unwrap();
        judgement.gates[1].verdict = "not_comparable".into();
    });
    // A gate may call green worse in the same moment; the log says what has decided.
    let tripped_first = changed(rolled_back(), |it| {
        it.decisions[0].why = "tripwire: error_rate of green was 0.4000 in the last 60 s".into();
    });
    let overdue = changed(holding(), |it| it.ramp.as_mut().unwrap().is_overdue = true);
    let only_blue = changed(no_data(), |it| {
        it.ramp.as_mut().unwrap().judgement.as_mut().unwrap().blue_units = 4;
    });
    let unknown = changed(ramping(), |it| (it.is_known, it.ramp) = (false, None));
    let replaced = changed(rolled_back(), |it| it.is_replaced = true);
    let asks_next =
        changed(ramping(), |it| it.ramp.as_mut().unwrap().steps[3].needs_approval = true);
    let last = changed(ramping(), |it| it.ramp.as_mut().unwrap().steps.truncate(3));
    let at_end = changed(approval(), |it| it.ramp.as_mut().unwrap().waits_for = "nothing".into());
    let told = |it: RolloutView, order| changed(it, |it| it.order = order);
    let table = [
        (
            waits("incident"),
            Tone::Asks,
            "Holding at 25 %: blue is about as bad as green, so something affects both. The ramp \
             continues by itself when that ends.",
        ),
        (
            unread,
            Tone::Asks,
            "Holding at 25 %: refusals cannot be compared, since the answers of one version tell \
             less.",
        ),
        (
            ramping(),
            Tone::Good,
            "Green is safe so far: 25 % of users are on it, the next step \
            comes in about 6 minutes.",
        ),
        (
            judged(ramping(), "undecided", 0.1),
            Tone::Good,
            "Nothing speaks against green so far: \
            25 % of users are on it, the next decision comes in about 6 minutes.",
        ),
        (
            judged(ramping(), "undecided", 0.6),
            Tone::Asks,
            "Green may be worse on time to first \
            token: 25 % of users are on it, and more evidence rolls it back.",
        ),
        (mismatched, Tone::Bad, "Holding at 25 %: users are not divided as the weights say."),
        (holding(), Tone::Waits, "Holding at 25 %: waits for evidence on time to first token."),
        (overdue, Tone::Asks, "Overdue at 25 %: waits for evidence on time to first token."),
        (approval(), Tone::Asks, "Green is safe so far at 25 %: a person must let it on to 50 %."),
        (at_end, Tone::Good, "Green is safe: the last step, 25 %, is reached."),
        (
            no_data(),
            Tone::Unknown,
            "Nothing is known yet: no responses in this step, for 25 \
            minutes.",
        ),
        (
            only_blue,
            Tone::Unknown,
            "Nothing is known yet: no responses of green's users in this \
            step, for 25 minutes.",
        ),
        (
            rolled_back(),
            Tone::Bad,
            "Rolled back: green had more refusals (10.9 % against \
            0.80 %).",
        ),
        (unjudged(rolled_back()), Tone::Bad, "Rolled back: green is worse."),
        (
            tripped,
            Tone::Bad,
            "Rolled back: tripwire: error_rate of green was 0.4000 in the last \
            60 s.",
        ),
        (
            tripped_first,
            Tone::Bad,
            "Rolled back: tripwire: error_rate of green was 0.4000 in the last \
            60 s.",
        ),
        (
            told(rolled_back(), order("rollback", "wrong language")),
            Tone::Bad,
            "Rolled back by \
            hand: wrong language",
        ),
        (promoted(), Tone::Good, "Promoted: everyone is on green."),
        (
            told(promoted(), order("promote", "we know it")),
            Tone::Waits,
            "Promoted by hand, and only tripwires look on: we know it",
        ),
        (
            judged(
                told(
                    changed(approval(), |it| it.phase = "promoted".into()),
                    order("promote", "we know it"),
                ),
                "fail",
                1.0,
            ),
            Tone::Asks,
            "Promoted by hand, and green may be worse on time to first token; the gates are not \
            asked: we know it",
        ),
        (unknown, Tone::Unknown, "It is not known yet where the ramp stands: 25 % are on green."),
        (
            replaced,
            Tone::Waits,
            "Over, it seems, since another rollout has come. Rolled back: green had more refusals \
            (10.9 % against 0.80 %).",
        ),
        (
            asks_next,
            Tone::Good,
            "Green is safe so far: 25 % of users are on it, a person must let it on in about 6 \
            minutes.",
        ),
        (
            last,
            Tone::Good,
            "Green is safe so far: 25 % of users are on it, and it is the last step.",
        ),
        (
            paused(),
            Tone::Asks,
            "Paused by hand at 25 % on green: the provider has an incident; \
            wait for the all-clear",
        ),
        (told(paused(), None), Tone::Asks, "Paused by the configuration at 25 % on green."),
        (
            state_lost,
            Tone::Asks,
            "Paused on blue: nothing is known of a ramp that was started earlier, and a person \
            must begin it again.",
        ),
        (by_hand(), Tone::Waits, "Weights by hand: 5 % on green, and nothing is judged."),
        (
            told(by_hand(), order("weights", "a test")),
            Tone::Waits,
            "Weights by hand: 5 % on \
            green, a test",
        ),
        (
            problem(),
            Tone::Bad,
            "Green is not known to be safe: 412 of 3,380 answers could not be read: they are \
            encoded. Holding at 25 %: waits for evidence on time to first token.",
        ),
    ];
    for (rollout, tone, text) in table {
        let first = headline(&rollout);
        assert_eq!(first.text.replace('\u{a0}', " "), text);
        assert_eq!(first.tone, tone, "{text}");
    }
}

#[test]
fn a_long_reason_is_cut_in_the_first_line_and_whole_below() {
    let long = "ä".repeat(1000);
    let rollout = changed(fixtures::paused(), |it| it.order = order("pause", &long));
    let first = headline(&rollout).text;
    assert!(first.chars().count() < 200 && first.ends_with('…'), "{first}");
    assert!(page(&fixtures::of(vec![rollout])).contains(&long));
}

/// What most needs a person comes first.
#[test]
fn rollouts_are_in_the_order_of_their_need() {
    let named = |mut it: RolloutView, name: &str| {
        it.rollout = name.into();
        it
    };
    let wrong = changed(fixtures::ramping(), |it| {
        let (what, mend) = ("nobody knows".into(), "find out".into());
        it.problems = vec![ProblemView { is_severe: true, what, mend }];
    });
    let view = fixtures::of(vec![
        named(fixtures::promoted(), "e"),
        named(fixtures::by_hand(), "d"),
        named(fixtures::no_data(), "c"),
        named(fixtures::paused(), "b"),
        named(wrong, "a"),
    ]);
    let html = page(&view);
    let at = |name| html.find(&format!("aria-labelledby=\"is-{name}\"")).unwrap();
    assert!(["a", "b", "c", "d", "e"].map(at).is_sorted());
    assert!(html.contains("<title>✕ a: Green is not known to be safe: nobody knows."));
}
