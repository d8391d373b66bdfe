//! Whether a rollout gets what it needs: traffic, users, the configured split, readable answers,
//! the configuration that was pushed last, evidence, and instances that agree.

use std::fmt;

use super::html::{Escaped, Out};
use super::numbers::{Amount, GroupedCount, RatePercent, SharePercent};
use super::outlook::Outlook;
use super::problems::{MIN_UNREAD, UNREAD_ONE_IN};
use super::rejections::Acceptance;
use super::time_format::UtcTime;
use super::view::{FleetView, HealthView, InstanceView, RolloutView};
use crate::analysis::ByVersion;
use crate::assignment::Version;
use crate::stats::{RecentCounts, RequestTotals};

/// A result of a check.
struct Finding {
    status: &'static str,
    text: String,
}

/// Without requests for so long, traffic is missing.
const MIN_SILENCE_S: u64 = 30;
/// Requests without a unit are a problem from this number on, if they are more than one in
/// [`NO_UNIT_ONE_IN`].
const MIN_NO_UNIT: u64 = 20;
const NO_UNIT_ONE_IN: u64 = 10;
/// A split of requests is compared with the weights from this number on. Users differ in their
/// numbers of requests, so only a large difference counts: this one, or no request at all.
const MIN_SPLIT: u64 = 200;
const MAX_SPLIT_DIFFERENCE: f64 = 0.15;
/// The longest error in a check, in characters.
const MAX_ERROR_CHARS: usize = 140;
/// From this share on, a version without a request contradicts the weights.
const MIN_IDLE_SHARE: f64 = 0.05;

// === impl Finding ===

impl Finding {
    fn ok(text: impl Into<String>) -> Self {
        Self { status: "ok", text: text.into() }
    }

    fn warning(text: impl Into<String>) -> Self {
        Self { status: "warning", text: text.into() }
    }

    fn unknown(text: impl Into<String>) -> Self {
        Self { status: "unknown", text: text.into() }
    }
}

/// The checks of a rollout.
pub fn health(
    view: &RolloutView,
    recent: Option<RecentCounts>,
    acceptance: Acceptance<'_>,
    now_ms: u64,
) -> Vec<HealthView> {
    let checks = [
        ("traffic", traffic(view, recent)),
        ("users", users(view)),
        ("split", split(view, recent, now_ms)),
        ("answers", answers(view)),
        ("configuration", configuration(acceptance, now_ms)),
    ];
    let evidence = evidence(view).map(|finding| ("evidence", finding));
    let fleet = view.fleet.as_ref().map(|it| ("fleet", fleet(it)));
    let check = |(check, Finding { status, text }): (&str, Finding)| HealthView {
        check: check.to_owned(),
        status: status.to_owned(),
        text,
    };
    checks.into_iter().chain(evidence).chain(fleet).map(check).collect()
}

/// Whether requests arrive.
fn traffic(view: &RolloutView, recent: Option<RecentCounts>) -> Finding {
    let total = view.requests();
    if total == 0 {
        return Finding::warning("no requests since Envoy started");
    }
    let since_start = format!("{} since Envoy started", Requests(total));
    let Some(RecentCounts { seconds, requests }) = recent else { return Finding::ok(since_start) };
    let time = Window(seconds);
    match sum(requests.all) {
        0 if seconds >= MIN_SILENCE_S => {
            Finding::warning(format!("no requests {time}; {since_start}"))
        }
        0 => Finding::ok(since_start),
        count => Finding::ok(format!("{} {time}", Requests(count))),
    }
}

/// Whether requests have a unit.
fn users(view: &RolloutView) -> Finding {
    let count = |name: &str| sum(view.by_version(name));
    let without = count("decisions_no_unit");
    let all = view.requests().saturating_sub(count("decisions_forced"));
    if all == 0 {
        return Finding::unknown("no requests yet");
    }
    let found = RatePercent(all.saturating_sub(without), all);
    if without >= MIN_NO_UNIT && without > all / NO_UNIT_ONE_IN {
        return Finding::warning(format!(
            "only {found} of requests name a user; check unit in the configuration"
        ));
    }
    Finding::ok(format!("{found} of requests name a user"))
}

/// Whether the split is as configured.
fn split(view: &RolloutView, recent: Option<RecentCounts>, now_ms: u64) -> Finding {
    let analysis = view.ramp.as_ref().and_then(|ramp| ramp.judgement.as_ref());
    let is_in_step = matches!(view.phase.as_str(), "ramping" | "holding");
    if let Some(analysis) = analysis.filter(|_| is_in_step)
        && let Some(expected) = analysis.expected_green
    {
        let all = analysis.blue_units.saturating_add(analysis.green_units);
        if all == 0 {
            return Finding::unknown("no users in this step yet");
        }
        let observed = RatePercent(analysis.green_units, all);
        let expected = Amount { number: expected, unit: "share", is_difference: false };
        let text = format!("{observed} of the compared users are on green, {expected} expected");
        return match analysis.is_mismatched {
            true => Finding::warning(text),
            false => Finding::ok(text),
        };
    }
    split_of_requests(view, recent, now_ms)
}

/// The split of requests since green's share changed, as far as that is known.
fn split_of_requests(view: &RolloutView, recent: Option<RecentCounts>, now_ms: u64) -> Finding {
    let configured = SharePercent(view.green_bp);
    let changed_s_ago =
        view.shares.last().map_or(u64::MAX, |it| now_ms.saturating_sub(it.at_ms) / 1000);
    // After a rollback the share assigns no request.
    let observed = |it: RequestTotals| match view.phase.as_str() {
        "rolled_back" => it.all,
        _ => it.by_share,
    };
    let (counts, time) = match recent {
        Some(it) if it.seconds <= changed_s_ago && sum(observed(it.requests)) > 0 => {
            (observed(it.requests), Window(it.seconds).to_string())
        }
        // Without samples. Otherwise they may reach back to what had the rollout's name before.
        None if view.shares.len() <= 1 => {
            (view.by_version("decisions_weight"), "since Envoy started".to_owned())
        }
        _ => return Finding::unknown(format!("{configured} configured for green")),
    };
    let total = sum(counts);
    if total == 0 {
        return Finding::unknown(format!("{configured} configured for green"));
    }
    let observed = RatePercent(counts.green, total);
    let text = format!("{observed} of requests went to green {time}, {configured} configured");
    let (observed, expected) =
        (counts.green as f64 / total as f64, f64::from(view.green_bp) / 10_000.0);
    let is_idle = (counts.green == 0 && expected >= MIN_IDLE_SHARE)
        || (counts.blue == 0 && 1.0 - expected >= MIN_IDLE_SHARE);
    let is_far = (observed - expected).abs() > MAX_SPLIT_DIFFERENCE;
    match total >= MIN_SPLIT && (is_idle || is_far) {
        true => Finding::warning(text),
        false => Finding::ok(text),
    }
}

/// Whether answers can be read.
fn answers(view: &RolloutView) -> Finding {
    if view.reads_bodies == Some(false) {
        return Finding::ok("not read: no gate needs them");
    }
    let (read, unread) = (sum(view.by_version("answers")), sum(view.by_version("unread")));
    let all = read.saturating_add(unread);
    if all == 0 {
        return Finding::unknown("none yet");
    }
    let text = format!("{} could be read", RatePercent(read, all));
    match unread >= MIN_UNREAD && unread > all / UNREAD_ONE_IN {
        true => Finding::warning(format!("only {text}")),
        false => Finding::ok(text),
    }
}

/// Whether the configuration that was pushed last is in force.
fn configuration(acceptance: Acceptance<'_>, now_ms: u64) -> Finding {
    let Acceptance { accepted_at_ms, rejection } = acceptance;
    let at = |at_ms| UtcTime { at_ms, now_ms };
    match (rejection, accepted_at_ms) {
        (Some(rejection), _) => Finding::warning(format!(
            "rejected at {} UTC: {}",
            at(rejection.at_ms),
            first_error(&rejection.why)
        )),
        (None, Some(at_ms)) => Finding::ok(format!("accepted at {} UTC", at(at_ms))),
        (None, None) => Finding::ok("accepted"),
    }
}

/// Whether the step of a ramp will have enough evidence to advance.
fn evidence(view: &RolloutView) -> Option<Finding> {
    let ramp =
        view.ramp.as_ref().filter(|_| matches!(view.phase.as_str(), "ramping" | "holding"))?;
    Some(match Outlook::new(ramp)? {
        Outlook::Enough(text) => Finding::ok(text),
        Outlook::TooLittle(text) => Finding::warning(text),
        Outlook::Open(text) => Finding::unknown(text),
    })
}

/// Whether the instances of a fleet agree.
fn fleet(fleet: &FleetView) -> Finding {
    if fleet.is_store_away {
        return Finding::warning(match fleet.store_silent_s {
            Some(silent_s) => format!("the store could not be used for {silent_s} seconds"),
            None => "the store could not be used yet".to_owned(),
        });
    }
    let count = fleet.instances.len();
    let names = |is_listed: fn(&InstanceView) -> bool| {
        let listed = fleet.instances.iter().filter(|it| is_listed(it));
        listed.map(|it| it.name.as_str()).collect::<Vec<_>>()
    };
    let lagging = names(|it| it.lags);
    if !lagging.is_empty() {
        let list = lagging.join(", ");
        return Finding::warning(format!("{} of {count} lag: {list}", lagging.len()));
    }
    let others = names(|it| !it.is_current);
    if !others.is_empty() {
        let (list, number) = (others.join(", "), others.len());
        return Finding::warning(format!("{number} of {count} with another configuration: {list}"));
    }
    match (count, &fleet.decider) {
        (0, _) | (_, None) => Finding::unknown("no instance has handed over evidence yet"),
        (1, Some(decider)) => Finding::ok(format!("1 instance, {decider}")),
        (_, Some(decider)) => Finding::ok(format!("{count} instances agree, {decider} decides")),
    }
}

/// The first of several errors. A problem of the rollout has all.
fn first_error(why: &str) -> String {
    let first = why.split("; ").next().unwrap_or(why);
    match first.char_indices().nth(MAX_ERROR_CHARS) {
        Some((at, _)) => format!("{}…", first.get(..at).unwrap_or(first).trim_end()),
        None => first.to_owned(),
    }
}

fn sum(of: ByVersion<u64>) -> u64 {
    of.blue.saturating_add(of.green)
}

/// A number of requests, with its unit.
struct Requests(u64);

impl fmt::Display for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} request{}", GroupedCount(self.0), if self.0 == 1 { "" } else { "s" })
    }
}

/// The last seconds; about a minute is called that.
struct Window(u64);

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            50.. => f.write_str("in the last minute"),
            seconds => write!(f, "in the last {seconds}\u{a0}seconds"),
        }
    }
}

/// The symbol of a check's status, so that it does not depend on colour alone.
pub(crate) fn glyph(status: &str) -> &'static str {
    match status {
        "ok" => "✓",
        "warning" => "!",
        _ => "–",
    }
}

/// Writes the checks in a line.
///
/// # Errors
/// Writing to `out` failed.
pub fn write(out: Out<'_>, checks: &[HealthView]) -> fmt::Result {
    if checks.is_empty() {
        return Ok(());
    }
    out.write_str("<ul class=\"health\" aria-label=\"Health\">")?;
    for HealthView { check, status, text } in checks {
        let class = match status.as_str() {
            "ok" => "fine",
            "warning" => "warns",
            _ => "open",
        };
        write!(
            out,
            "<li class=\"{class}\"><b aria-hidden=\"true\">{}</b><span><strong>{}</strong> {}</span>\
             </li>",
            glyph(status),
            Escaped(label(check)),
            Escaped(text)
        )?;
    }
    out.write_str("</ul>")
}

/// The display name of a check.
pub(crate) fn label(check: &str) -> &str {
    match check {
        "traffic" => "Traffic",
        "users" => "Users",
        "split" => "Split",
        "answers" => "Answers",
        "configuration" => "Configuration",
        "evidence" => "Evidence",
        "fleet" => "Fleet",
        other => other,
    }
}

// === impl RolloutView ===

impl RolloutView {
    /// A counter of blue and green; 0 where it does not exist.
    fn by_version(&self, name: &str) -> ByVersion<u64> {
        ByVersion {
            blue: self.counter(Version::Blue, name),
            green: self.counter(Version::Green, name),
        }
    }
}
