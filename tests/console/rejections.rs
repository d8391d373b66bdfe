//! The record of rejected configurations.

use verdigris::console::{PluginKind, Rejection, Rejections, page};

use crate::fixtures::{self, NOW_MS, ramping};

fn note(plugin: &str, text: &str, why: &str) -> Rejection {
    Rejection::new(plugin, text.as_bytes(), why, NOW_MS - 60_000)
}

const RELEASE: &str = r#"{"rollout": "assistant-v8", "weights": 1}"#;
const CONSOLE: &str = r#"{"role": "console", "x": 1}"#;

#[test]
fn a_rejection_names_rollout_and_role_if_its_text_has_them() {
    let long = format!(r#"{{"rollout": "{}"}}"#, "é".repeat(5000));
    for (text, is_console, rollout) in [
        (RELEASE, Some(false), Some("assistant-v8")),
        (CONSOLE, Some(true), None),
        (r#"{"rollout": 7}"#, Some(false), None),
        ("[]", None, None),
        ("{\"rollout\": ", None, None),
        ("", None, None),
        (&long, Some(false), Some(&*format!("{}…", "é".repeat(100)))),
    ] {
        let note = note("verdigris", text, "x: 1: y");
        assert_eq!((note.is_console, note.rollout.as_deref()), (is_console, rollout), "{text}");
    }
    let note = Rejection::new("p", b"\xff{\"rollout\"", "a\u{1b}[2J\u{0}", 0);
    assert_eq!((note.is_console, note.why.as_str()), (None, "a [2J "));
}

#[test]
fn the_record_is_limited_in_size() {
    let why = (0..1000).map(|line| format!("{line}{}\n", "x".repeat(2000))).collect::<String>();
    let note = note("verdigris", RELEASE, &why);
    assert!(note.why.chars().count() < 1000 && note.why.ends_with("and 997 more errors"));
    let mut all = Rejections::default();
    for plugin in 0..100 {
        all.reject(Rejection { plugin: format!("p{plugin}"), ..note.clone() });
        all.accept(&format!("q{plugin}"), PluginKind::Rollout, plugin, NOW_MS);
    }
    assert_eq!(all.iter().count(), 8);
    assert_eq!(all.iter().last().unwrap().plugin, "p99");
    assert!(all.write().len() < 20_000, "{}", all.write().len());
    for plugin in 0..1000 {
        all.accept(&format!("q{plugin}"), PluginKind::Rollout, plugin, NOW_MS);
    }
    assert!(all.write().len() < 24_000, "{}", all.write().len());
}

/// Else a new VM of one of them would clear a rejection by accepting what is in force.
#[test]
fn as_many_rollouts_as_a_console_shows_keep_their_rejections() {
    let mut all = Rejections::default();
    let plugin = |index: u64| format!("verdigris-{index}");
    let accept = |all: &mut Rejections, index: u64| {
        all.accept(&plugin(index), PluginKind::Rollout, index, NOW_MS)
    };
    assert!(all.accept("console", PluginKind::Console, 1, NOW_MS));
    (0..64).for_each(|index| assert!(accept(&mut all, index)));
    all.reject(note(&plugin(0), RELEASE, "why"));
    (0..64).for_each(|index| assert!(!accept(&mut all, index)));
    assert_eq!(all.iter().count(), 1);
}

/// A rejected configuration, one that is accepted after it, and whether the rejection stays.
#[test]
fn a_rejection_stays_until_the_plugin_accepts_another_configuration() {
    use PluginKind::{Console, Rollout};
    for (rejected, accepted, stays) in [
        // Workers accept the previous configuration late, and new VMs at any time.
        (("verdigris", RELEASE), ("verdigris", Rollout, 1), true),
        (("verdigris", RELEASE), ("verdigris", Rollout, 2), false),
        (("verdigris", "{"), ("verdigris", Rollout, 2), false),
        (("verdigris", RELEASE), ("verdigris-console", Console, 2), true),
        // Both roles may use the same plugin name.
        (("verdigris", RELEASE), ("verdigris", Console, 2), true),
        (("verdigris", CONSOLE), ("verdigris", Rollout, 2), true),
        (("verdigris", CONSOLE), ("verdigris", Console, 2), false),
        (("other", RELEASE), ("verdigris", Rollout, 2), true),
    ] {
        let mut all = Rejections::default();
        assert!(all.accept("verdigris", Rollout, 1, 500));
        all.reject(note(rejected.0, rejected.1, "why"));
        let has_changed = all.accept(accepted.0, accepted.1, accepted.2, 900);
        assert_eq!(has_changed, accepted != ("verdigris", Rollout, 1));
        assert_eq!(all.iter().count() == 1, stays, "{rejected:?} {accepted:?}");
        assert_eq!(Rejections::read(&all.write()), all);
        // A new VM that accepts the same configuration again does not change the time.
        let is_new = has_changed && accepted.1 == Rollout && accepted.0 == "verdigris";
        let expected = if is_new { 900 } else { 500 };
        assert_eq!(all.accepted_at_ms("verdigris"), Some(expected), "{accepted:?}");
    }
}

#[test]
fn unknown_fields_of_the_record_are_ignored() {
    let newer = br#"{"accepted": [{"plugin": "a", "is_console": false, "hash": 1, "x": 2}],
        "rejected": [{"plugin": "a", "at_ms": 1, "why": "w", "severity": "high"}], "y": []}"#;
    assert_eq!(Rejections::read(newer).iter().next().unwrap().why, "w");
    // An older filter records no time.
    assert_eq!(Rejections::read(newer).accepted_at_ms("a"), None);
    for text in ["", "{", "[]", "\u{0}", r#"{"rejected": 1}"#] {
        assert_eq!(Rejections::read(text.as_bytes()), Rejections::default(), "{text}");
    }
}

#[test]
fn a_rejection_is_shown_escaped_at_its_rollout() {
    let why = "a: \"<script>\": b\nc: 1: d\ne: 2: f\ng: 3: h";
    let shown = note("verdigris", r#"{"rollout": "<b>"}"#, why).problem(NOW_MS);
    let text = "A configuration of rollout <b> was rejected at 12:02:04 UTC. The previous one, if \
                there is one, stays in force. a: \"<script>\": b; c: 1: d; e: 2: f; and one more error";
    assert_eq!(shown.what, text);
    let mut view = fixtures::view(vec![ramping()]);
    view.problems.push(shown.clone());
    let html = page(&view);
    assert!(html.contains("rollout &lt;b&gt; was rejected") && html.contains("&lt;script&gt;"));
    view.rollouts.clear();
    assert!(page(&view).contains("rollout &lt;b&gt; was rejected"));

    for (rejection, plugin, rollout, is_for) in [
        (note("verdigris", "{", ""), "verdigris", "a", true),
        (note("verdigris", r#"{"rollout": "b"}"#, ""), "verdigris", "a", true),
        (note("other", r#"{"rollout": "a"}"#, ""), "verdigris", "a", true),
        (note("other", r#"{"rollout": "b"}"#, ""), "verdigris", "a", false),
        (note("verdigris", CONSOLE, ""), "verdigris", "a", false),
    ] {
        assert_eq!(rejection.is_for(plugin, rollout), is_for, "{rejection:?}");
    }
}
