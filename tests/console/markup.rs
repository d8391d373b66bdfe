//! That the page is what its policy allows, and that no text breaks out of it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use proptest::prelude::*;
use scraper::{Html, Selector};
use serde_json::Value;
use sha2::{Digest, Sha256};
use verdigris::console::page::{SCRIPT, STYLE};
use verdigris::console::{View, content_security_policy, page};

use crate::fixtures;

#[test]
fn the_policy_allows_this_script_and_this_style() {
    for (directive, text) in [("script-src", SCRIPT), ("style-src", STYLE)] {
        let hash = BASE64_STANDARD.encode(Sha256::digest(text));
        let wanted = format!("{directive} 'sha256-{hash}';");
        let policy = content_security_policy();
        assert!(policy.contains(&wanted), "page.rs is to say {wanted}");
    }
    // Either would end its element.
    assert!(!SCRIPT.contains("</script") && !SCRIPT.contains("<!--"));
    assert!(!STYLE.contains("</style"));
}

/// How many elements of `html` this selects.
fn count(html: &Html, selector: &str) -> usize {
    html.select(&Selector::parse(selector).unwrap()).count()
}

#[test]
fn nothing_comes_from_elsewhere_or_is_out_of_the_policy() {
    for (name, view) in fixtures::all() {
        let text = page(&view);
        let html = Html::parse_document(&text);
        assert!(html.errors.is_empty(), "{name}: {:?}", html.errors);
        for refused in ["[style]", "[onclick]", "[src]", "link:not([rel=icon])", "style + style"] {
            assert_eq!(count(&html, refused), 0, "{name}: {refused}");
        }
        assert_eq!((count(&html, "script"), count(&html, "style")), (1, 1), "{name}");
        for link in html.select(&Selector::parse("[href]").unwrap()) {
            let href = link.attr("href").unwrap();
            assert!(href.starts_with('#') || href.starts_with("data:"), "{name}: {href}");
        }
        let ids = Selector::parse("[id]").unwrap();
        let mut ids: Vec<_> = html.select(&ids).map(|it| it.attr("id").unwrap()).collect();
        ids.sort_unstable();
        let all = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), all, "{name}: an id is there twice");
    }
}

#[test]
fn what_is_not_counted_and_what_no_order_ends_is_said() {
    let html = |rollout| page(&fixtures::of(vec![rollout]));
    let mut rollout = fixtures::ramping();
    let read = html(rollout.clone());
    assert!(read.contains(">Answers read<") && !read.contains("Bodies are not read"));
    rollout.reads_bodies = Some(false);
    let unread = html(rollout);
    assert!(!unread.contains(">Answers read<") && !unread.contains(">Refusals</th><td class=\"n"));
    assert!(unread.contains("Bodies are not read") && unread.contains(">Errors<"));
    let over = html(fixtures::rolled_back());
    assert!(over.contains("No order ends a rollback") && !over.contains("class=\"steer\""));
    assert!(over.contains("another ramp.restart begins this ramp again"));
    assert!(!html(fixtures::paused()).contains("No order ends a rollback"));
}

#[test]
fn how_requests_ended_is_counted_in_plain_words() {
    let view = fixtures::all().into_iter().map(|(_, view)| view);
    let mut view = view.into_iter().find(|it| !it.rollouts.is_empty()).unwrap();
    view.rollouts.truncate(1);
    let cells = |view: &View, label: &str| -> Option<String> {
        let html = Html::parse_document(&page(view));
        let rows = Selector::parse(".counters tr").unwrap();
        let row = html.select(&rows).map(|it| it.text().collect::<Vec<_>>().join(" "));
        row.into_iter().find(|it| it.starts_with(label))
    };
    for (label, counts) in [
        ("Failed over to blue", ["0 ", "9 "]),
        ("Rejected requests (4xx)", ["31 ", "12 "]),
        ("Empty answers", ["5 ", "2 "]),
    ] {
        let row = cells(&view, label).unwrap();
        assert!(counts.iter().all(|it| row.contains(it)), "{row}");
    }
    // Without failover there is nothing to tell.
    for version in &mut view.rollouts[0].versions {
        version.counters.iter_mut().filter(|it| it.0 == "failed_over").for_each(|it| it.1 = 0);
    }
    assert_eq!(cells(&view, "Failed over"), None);
    assert!(cells(&view, "Empty answers").is_some());
}

#[test]
fn only_who_can_steer_sees_the_buttons() {
    let mut view = fixtures::of(vec![fixtures::ramping()]);
    assert!(page(&view).contains("data-order="));
    view.can_steer = false;
    assert!(!page(&view).contains("data-order="));
}

#[test]
fn a_view_is_the_same_after_json() {
    for (name, view) in fixtures::all() {
        let text = serde_json::to_string(&view).unwrap();
        assert_eq!(serde_json::from_str::<View>(&text).unwrap(), view, "{name}");
    }
}

/// What would break out of text, of an attribute, or of an element that holds no markup.
const PIECES: [&str; 14] = [
    "<zz-out>",
    "</h2></main>",
    "\" onzz=\"",
    "' onzz='",
    "--><zz-out>",
    "</title></style></script><zz-out>",
    "&lt;",
    "&#60;zz-out&#62;",
    "<![CDATA[",
    "; ",
    ": evidence for worse: ",
    "\u{0}\u{b}",
    "ä✕",
    "pass",
];

fn put_in(value: &mut Value, texts: &mut impl Iterator<Item = String>) {
    match value {
        Value::String(text) => {
            // Half of them stay, so that each part of the page is reached.
            if let Some(other) = texts.next().filter(|it| !it.is_empty()) {
                *text = other;
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|it| put_in(it, texts)),
        Value::Object(fields) => fields.values_mut().for_each(|it| put_in(it, texts)),
        _ => (),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_breaks_out(
        at in 0..fixtures::all().len(),
        texts in prop::collection::vec(
            prop_oneof![
                Just(String::new()),
                prop::collection::vec(prop::sample::select(&PIECES[..]), 1..4)
                    .prop_map(|pieces| pieces.concat()),
                any::<String>(),
            ],
            1..40,
        ),
    ) {
        let (_, view) = fixtures::all().swap_remove(at);
        let mut value = serde_json::to_value(&view).unwrap();
        let mut texts = texts.into_iter().cycle();
        put_in(&mut value, &mut texts);
        let html = Html::parse_document(&page(&serde_json::from_value(value).unwrap()));
        prop_assert_eq!(count(&html, "zz-out"), 0);
        prop_assert_eq!(count(&html, "[onzz]"), 0);
        prop_assert_eq!(count(&html, "script") + count(&html, "style"), 2);
        prop_assert_eq!(count(&html, "body > main > section.rollout"), view.rollouts.len());
    }
}

#[test]
fn a_reason_is_shown_as_it_was_written() {
    let mut rollout = fixtures::paused();
    let reason = "</q><script>alert('1')</script> & \"more\"";
    rollout.order.as_mut().unwrap().reason = reason.into();
    let html = Html::parse_document(&page(&fixtures::of(vec![rollout])));
    let quote = html.select(&Selector::parse(".order q").unwrap()).next().unwrap();
    assert_eq!(quote.text().collect::<String>(), reason);
}
