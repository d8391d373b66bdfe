//! The page's markup: it complies with its policy, and all text is escaped.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use proptest::prelude::*;
use scraper::{Html, Selector};
use serde_json::Value;
use sha2::{Digest, Sha256};
use verdigris::console::page::{SCRIPT, STYLE};
use verdigris::console::problems::problems;
use verdigris::console::view::{CommandView, HealthView, RolloutView};
use verdigris::console::{View, content_security_policy, page};

use crate::fixtures;

#[test]
fn the_policy_has_the_hashes_of_script_and_style() {
    for (directive, text) in [("script-src", SCRIPT), ("style-src", STYLE)] {
        let hash = BASE64_STANDARD.encode(Sha256::digest(text));
        let wanted = format!("{directive} 'sha256-{hash}';");
        let policy = content_security_policy();
        assert!(policy.contains(&wanted), "page.rs needs {wanted}");
    }
    // These would end the element.
    assert!(!SCRIPT.contains("</script") && !SCRIPT.contains("<!--"));
    assert!(!STYLE.contains("</style"));
}

/// How many elements a selector matches.
fn count(html: &Html, selector: &str) -> usize {
    html.select(&Selector::parse(selector).unwrap()).count()
}

#[test]
fn the_page_has_no_external_or_inline_resources() {
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
        assert_eq!(ids.len(), all, "{name}: an id occurs twice");
    }
}

#[test]
fn unread_bodies_are_explained() {
    let html = |rollout| page(&fixtures::view(vec![rollout]));
    let mut rollout = fixtures::ramping();
    let read = html(rollout.clone());
    assert!(read.contains(">Answers read<") && !read.contains("Bodies are not read"));
    rollout.reads_bodies = Some(false);
    let unread = html(rollout);
    assert!(!unread.contains(">Answers read<") && !unread.contains(">Refusals</th><td class=\"n"));
    assert!(unread.contains("Bodies are not read") && unread.contains(">Errors<"));
}

/// With weights and without `answers`, no response is counted.
#[test]
fn responses_that_are_not_counted_are_explained() {
    let html = |rollout| page(&fixtures::view(vec![rollout]));
    let mut rollout = fixtures::by_hand();
    let expected = "Responses are not counted: <code>answers</code> is missing";
    assert!(!html(rollout.clone()).contains(expected));
    for version in &mut rollout.versions {
        version.counters.retain(|(name, _)| name == "requests" || name.starts_with("decisions"));
    }
    let html = html(rollout);
    assert!(html.contains(expected) && !html.contains("Bodies are not read"));
}

/// The refresh finds a focused element by its id, or by its place among the scrollable ones.
#[test]
fn each_element_with_the_focus_is_found_after_a_refresh() {
    for (name, view) in fixtures::all() {
        let html = Html::parse_document(&page(&view));
        let focused = Selector::parse("main [tabindex=\"0\"]").unwrap();
        for element in html.select(&focused) {
            let is_found = element.attr("id").is_some() || element.attr("class") == Some("wide");
            assert!(is_found, "{name}: {}", element.html());
        }
        // A table is wider than a phone.
        assert_eq!(count(&html, "table"), count(&html, ".wide > table, .gates table"), "{name}");
    }
}

/// The shadow step and the first one have the same index.
#[test]
fn an_approval_is_for_the_step_that_the_page_shows() {
    let shown = |rollout: RolloutView| {
        let html = Html::parse_document(&page(&fixtures::view(vec![rollout])));
        let button = Selector::parse("[data-order=approve]").unwrap();
        let button = html.select(&button).next().unwrap();
        ["data-step", "data-share", "data-shadow"].map(|it| button.attr(it).map(str::to_owned))
    };
    let waiting = |mut rollout: RolloutView| {
        rollout.phase = "holding".into();
        rollout.ramp.as_mut().unwrap().waits_for = "approval".into();
        rollout
    };
    let some = |text: &str| Some(text.to_owned());
    let in_shadow = waiting(fixtures::shadow_step());
    assert_eq!(shown(in_shadow.clone()), [some("0"), some("1\u{a0}%"), some("true")]);
    let mut after = in_shadow;
    after.ramp.as_mut().unwrap().shadow_step.as_mut().unwrap().is_current = false;
    assert_eq!(shown(after), [some("0"), some("5\u{a0}%"), some("false")]);
    assert_eq!(shown(fixtures::approval()), [some("2"), some("50\u{a0}%"), None]);
}

/// The text of each element that a selector matches.
fn texts(html: &str, selector: &str) -> Vec<String> {
    let html = Html::parse_document(html);
    html.select(&Selector::parse(selector).unwrap()).map(|it| it.text().collect()).collect()
}

/// Whether operators can give commands or not, since the configuration starts a ramp again.
#[test]
fn after_a_rollback_the_page_has_the_lines_that_start_the_ramp_again() {
    for can_steer in [true, false] {
        let lines = |mut rollout: RolloutView, name: &str| {
            rollout.rollout = name.into();
            let view = View { can_steer, ..fixtures::view(vec![rollout]) };
            texts(&page(&view), ".again pre")
        };
        // The time of the rollback is a value that `restart` has not had.
        let restart = "\"ramp\": {\n  \"restart\": \"2026-11-25T11:58:04Z\",";
        let names = [
            ("assistant-v8", "assistant-v9"),
            ("search", "search-2"),
            ("v9", "v10"),
            ("v4294967295", "v4294967295-2"),
        ];
        for (name, next) in names {
            let expected = [restart.to_owned(), format!("\"rollout\": \"{next}\",")];
            assert_eq!(lines(fixtures::rolled_back(), name), expected);
        }
        let long = "a".repeat(63);
        assert_eq!(lines(fixtures::rolled_back(), &long)[1], "\"rollout\": \"another-name\",");
        let mut lost = fixtures::paused();
        lost.ramp.as_mut().unwrap().waits_for = "state_lost".into();
        assert_eq!(lines(lost.clone(), "a").len(), 2);
        let why = |rollout| texts(&page(&fixtures::view(vec![rollout])), ".again p")[0].clone();
        let overridden = why(lost.clone());
        assert!(overridden.contains("go back to blue when the operator command ends"));
        lost.order = None;
        assert!(why(lost).starts_with("All users stay on blue until the ramp restarts."));
        // A manual rollback ends with a command.
        let manual = RolloutView { ramp: None, ..fixtures::rolled_back() };
        for rollout in [fixtures::paused(), fixtures::promoted(), manual] {
            assert!(lines(rollout, "a").is_empty());
        }
    }
    assert!(texts(&page(&fixtures::view(vec![fixtures::rolled_back()])), ".steer").is_empty());
}

/// The age of the first share in seconds, and the labels of the time axis.
#[test]
fn a_short_time_axis_has_seconds() {
    let table: [(u64, &[&str]); 5] = [
        (3600, &["11:03", "11:33", "now"]),
        (600, &["11:53", "11:58", "now"]),
        (599, &["11:53:05", "11:58:04", "now"]),
        (40, &["12:02:24", "12:02:44", "now"]),
        (1, &["12:03:03", "now"]),
    ];
    for (age_s, expected) in table {
        let mut rollout = fixtures::ramping();
        rollout.shares.truncate(1);
        rollout.shares[0].at_ms = fixtures::NOW_MS - age_s * 1000;
        let labels = texts(&page(&fixtures::view(vec![rollout])), ".over-time .chart > text");
        assert_eq!(labels, expected, "{age_s} s");
    }
}

/// A ramp that an operator has promoted resumes in its step.
#[test]
fn a_promotion_by_an_operator_leaves_the_steps() {
    let steps = |order| {
        let mut rollout = fixtures::promoted();
        rollout.ramp.as_mut().unwrap().step = 2;
        let rollout = RolloutView { order, ..rollout };
        let classes = ["done", "here", "ahead"];
        let html = Html::parse_document(&page(&fixtures::view(vec![rollout])));
        classes.map(|it| count(&html, &format!(".steps .{it}")))
    };
    assert_eq!(steps(None), [5, 0, 0]);
    let promote = CommandView { order: "promote".into(), at_ms: 0, reason: "we know it".into() };
    assert_eq!(steps(Some(promote)), [2, 1, 2]);
}

/// A promotion does not change green's share, but advances the rollout. A hold does not.
#[test]
fn a_promotion_is_marked_as_an_advance() {
    let html = Html::parse_document(&page(&fixtures::view(vec![fixtures::promoted()])));
    let marks =
        ["ol.decisions b.up", "ol.decisions b.stay", ".chart .mark-up", ".chart .mark-stay"];
    assert_eq!(marks.map(|it| count(&html, it)), [6, 1, 6, 1]);
}

#[test]
fn the_rollback_button_looks_dangerous() {
    let html = page(&fixtures::view(vec![fixtures::ramping()]));
    assert_eq!(texts(&html, "button.danger"), ["Roll back…"]);
}

#[test]
fn totals_say_what_they_cover() {
    let html = page(&fixtures::view(vec![fixtures::ramping()]));
    let headings = texts(&html, ".counters h3");
    assert_eq!(headings, ["Totals of this step", "Totals since Envoy started"]);
    let rows = texts(&html, ".counters:not(:has(details)) tbody tr");
    let rows: Vec<_> = rows.iter().map(|it| it.replace('\u{a0}', " ")).collect();
    assert_eq!(
        rows,
        ["Users1,386432", "With an error151.1 %40.93 %", "With a refusal110.79 %30.69 %"]
    );
    // Without a ramp there is no step.
    let manual = page(&fixtures::view(vec![fixtures::by_hand()]));
    assert_eq!(texts(&manual, ".counters h3"), ["Totals since Envoy started"]);
}

#[test]
fn the_footer_has_the_versions_that_are_known() {
    let mut view = fixtures::view(vec![fixtures::by_hand()]);
    let parts = |view: &View| texts(&page(view), "footer span");
    let docs = "Documentation: docs/reference/page.md";
    assert_eq!(parts(&view), ["Verdigris 0.1.0", "Envoy 1.40.0", "node envoy-eu-1", docs]);
    (view.about.envoy, view.about.node) = (None, None);
    assert_eq!(parts(&view), ["Verdigris 0.1.0", docs]);
}

/// Of several rollouts those that need no attention are collapsed.
#[test]
fn healthy_rollouts_are_collapsed_where_there_are_several() {
    let named = |mut rollout: RolloutView, name: &str| {
        rollout.rollout = name.into();
        rollout
    };
    let collapsed = |rollouts: Vec<RolloutView>| {
        let html = Html::parse_document(&page(&fixtures::view(rollouts)));
        let more = Selector::parse("details.more").unwrap();
        html.select(&more).map(|it| it.attr("id").unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(collapsed(vec![fixtures::promoted()]).is_empty());
    let mut quiet = named(fixtures::promoted(), "c");
    quiet.health[0] = HealthView { status: "warning".into(), ..quiet.health[0].clone() };
    let problem = RolloutView { phase: "promoted".into(), ..named(fixtures::problem(), "d") };
    let all =
        vec![named(fixtures::promoted(), "a"), named(fixtures::holding(), "b"), quiet, problem];
    assert_eq!(collapsed(all), ["details-a"]);
}

#[test]
fn counters_have_labels() {
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
    // Without failover the row is left out.
    for version in &mut view.rollouts[0].versions {
        version.counters.iter_mut().filter(|it| it.0 == "failed_over").for_each(|it| it.1 = 0);
    }
    assert_eq!(cells(&view, "Failed over"), None);
    assert!(cells(&view, "Empty answers").is_some());
}

/// With `"evidence": "every_request"`, what is missing is not of users.
#[test]
fn missing_values_are_of_what_the_gates_count() {
    let mut rollout = fixtures::ramping();
    let analysis = rollout.ramp.as_mut().unwrap().judgement.as_mut().unwrap();
    analysis.counts = "requests".into();
    let gate = &mut analysis.gates[0];
    gate.verdict = "not_comparable".into();
    (gate.blue_missing, gate.green_missing) = (3, 57);
    let expected = "missing for 3 requests of blue and 57 of green";
    let found = problems(&rollout, None, 0);
    assert!(found.iter().any(|it| it.what.contains(expected)), "{found:?}");
    assert!(page(&fixtures::view(vec![rollout])).contains(expected));
}

#[test]
fn without_a_token_there_are_no_buttons() {
    let mut view = fixtures::view(vec![fixtures::ramping()]);
    assert!(page(&view).contains("data-order="));
    view.can_steer = false;
    assert!(!page(&view).contains("data-order="));
}

#[test]
fn a_view_survives_json() {
    for (name, view) in fixtures::all() {
        let text = serde_json::to_string(&view).unwrap();
        assert_eq!(serde_json::from_str::<View>(&text).unwrap(), view, "{name}");
    }
}

/// Texts that would break out of text, an attribute, or a raw text element.
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
            // Half of the texts stay, so that each part of the page is covered.
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
    fn all_text_is_escaped(
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
fn a_reason_with_markup_is_shown_as_text() {
    let mut rollout = fixtures::paused();
    let reason = "</q><script>alert('1')</script> & \"more\"";
    rollout.order.as_mut().unwrap().reason = reason.into();
    let html = Html::parse_document(&page(&fixtures::view(vec![rollout])));
    let quote = html.select(&Selector::parse(".order q").unwrap()).next().unwrap();
    assert_eq!(quote.text().collect::<String>(), reason);
}
