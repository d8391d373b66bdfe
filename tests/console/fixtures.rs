//! Views to show: every phase, and what is hard to lay out.

use verdigris::console::Rejection;
use verdigris::console::view::{
    DecisionView, GateView, JudgementView, OrderView, ProblemView, RampView, RolloutView, SCHEMA,
    ShareView, StepView, VersionView, View,
};

/// 2026-11-25 12:03:04 UTC.
pub const NOW_MS: u64 = 1_795_608_184_000;

/// What each of them shows, by name.
pub fn all() -> Vec<(&'static str, View)> {
    vec![
        ("ramping", of(vec![ramping()])),
        ("holding", of(vec![holding()])),
        ("rolled-back", of(vec![rolled_back()])),
        ("promoted", of(vec![promoted()])),
        ("paused", of(vec![paused()])),
        ("no-data", of(vec![no_data()])),
        ("by-hand", of(vec![by_hand()])),
        ("approval", of(vec![approval()])),
        ("problem", of(vec![problem()])),
        ("rejected", rejected()),
        ("no-events", of(vec![no_events()])),
        ("several", of(vec![promoted(), named(by_hand(), "search-3"), named(holding(), "chat-7")])),
        ("extreme", of(vec![extreme()])),
        ("nothing", of(vec![])),
    ]
}

pub fn of(rollouts: Vec<RolloutView>) -> View {
    View { schema: SCHEMA, now_ms: NOW_MS, can_steer: true, rollouts, problems: vec![] }
}

/// No user of either version has had an error or a refusal.
pub fn no_events() -> RolloutView {
    let mut it = ramping();
    let verdicts = ["pass", "undecided", "pass", "undecided", "pass", "pass"];
    let mut judgement = judgement("undecided", 0.0, &verdicts);
    for gate in &mut judgement.gates[..2] {
        (gate.blue, gate.green) = (Some(0.0), Some(0.0));
        (gate.low, gate.high) = (Some(-0.0054), Some(0.0163));
        (gate.margin_at, gate.tolerance_at) = (None, Some(0.013));
    }
    it.ramp.as_mut().unwrap().judgement = Some(judgement);
    it
}

/// Two configurations were rejected: one of the rollout that is shown, and the console's.
pub fn rejected() -> View {
    let note = |plugin: &str, text: &str, why: &str, minutes: u64| {
        let at_ms = NOW_MS - minutes * 60_000;
        Rejection::new(plugin, text.as_bytes(), why, at_ms).problem(NOW_MS)
    };
    let mut view = of(vec![ramping()]);
    let text = r#"{"rollout": "assistant-v8"}"#;
    let why = "weights: {\"blue\":0,\"green\":0}: make at least one weight positive\n\
               ramp.steps: []: give at least one";
    view.rollouts[0].problems = vec![note("verdigris", text, why, 3)];
    let why = "console.hosts[0]: 1: is not a string";
    view.problems = vec![note("verdigris-console", r#"{"role": "console"}"#, why, 40)];
    view
}

fn named(mut rollout: RolloutView, name: &str) -> RolloutView {
    rollout.rollout = name.into();
    rollout
}

pub fn ramping() -> RolloutView {
    let verdicts = ["pass", "pass", "pass", "undecided", "pass", "pass"];
    RolloutView {
        rollout: "assistant-v8".into(),
        phase: "ramping".into(),
        green_bp: 2500,
        is_known: true,
        is_replaced: false,
        ramp: Some(ramp(2, "bake", Some(370), judgement("pass", 0.04, &verdicts))),
        order: None,
        reads_bodies: Some(true),
        versions: versions(),
        shares: shares(&[(29, 100, "ramping"), (18, 500, "ramping"), (4, 2500, "ramping")]),
        decisions: vec![
            decision(4, ("ramping", 500), ("ramping", 2500), SAFE),
            decision(18, ("ramping", 100), ("ramping", 500), SAFE),
            decision(29, ("ramping", 0), ("ramping", 100), "the ramp begins"),
        ],
        problems: vec![],
    }
}

pub fn holding() -> RolloutView {
    let verdicts = ["pass", "pass", "pass", "undecided", "undecided", "pass"];
    let mut it = ramping();
    it.phase = "holding".into();
    let mut ramp = ramp(2, "evidence", None, judgement("undecided", 0.21, &verdicts));
    ramp.in_step_s = 1260;
    it.ramp = Some(ramp);
    it.shares = shares(&[(46, 100, "ramping"), (35, 500, "ramping"), (21, 2500, "ramping")]);
    it.decisions.splice(
        ..,
        [
            decision(11, ("ramping", 2500), ("holding", 2500), HOLDS),
            decision(21, ("ramping", 500), ("ramping", 2500), SAFE),
            decision(35, ("ramping", 100), ("ramping", 500), SAFE),
            decision(46, ("ramping", 0), ("ramping", 100), "the ramp begins"),
        ],
    );
    it
}

pub fn rolled_back() -> RolloutView {
    let verdicts = ["pass", "fail", "pass", "undecided", "undecided", "pass"];
    let mut it = ramping();
    it.phase = "rolled_back".into();
    it.green_bp = 0;
    let mut judgement = judgement("fail", 1.4, &verdicts);
    judgement.gates[1].green = Some(0.109);
    judgement.gates[1].low = Some(0.058);
    judgement.gates[1].high = Some(0.144);
    judgement.gates[1].worse = 1.31;
    judgement.gates[1].safe = -0.8;
    it.ramp = Some(ramp(2, "restart", None, judgement));
    it.shares = shares(&[
        (31, 100, "ramping"),
        (20, 500, "ramping"),
        (9, 2500, "ramping"),
        (5, 0, "rolled_back"),
    ]);
    it.decisions.splice(
        ..,
        [
            decision(5, ("ramping", 2500), ("rolled_back", 0), WORSE),
            decision(9, ("ramping", 500), ("ramping", 2500), SAFE),
            decision(20, ("ramping", 100), ("ramping", 500), SAFE),
            decision(31, ("ramping", 0), ("ramping", 100), "the ramp begins"),
        ],
    );
    it
}

pub fn promoted() -> RolloutView {
    let mut it = ramping();
    it.phase = "promoted".into();
    it.green_bp = 10_000;
    let mut ramp = ramp(4, "nothing", None, judgement("pass", 0.0, &[]));
    ramp.judgement = None;
    ramp.in_step_s = 4000;
    it.ramp = Some(ramp);
    it.shares = shares(&[
        (120, 100, "ramping"),
        (108, 500, "ramping"),
        (97, 2500, "ramping"),
        (81, 5000, "ramping"),
        (66, 10_000, "promoted"),
    ]);
    it.decisions.splice(
        ..,
        [
            decision(66, ("ramping", 10_000), ("promoted", 10_000), "green has all traffic"),
            decision(66, ("holding", 5000), ("ramping", 10_000), SAFE),
            decision(70, ("ramping", 5000), ("holding", 5000), HOLDS),
            decision(81, ("ramping", 2500), ("ramping", 5000), SAFE),
            decision(97, ("ramping", 500), ("ramping", 2500), SAFE),
            decision(108, ("ramping", 100), ("ramping", 500), SAFE),
            decision(120, ("ramping", 0), ("ramping", 100), "the ramp begins"),
        ],
    );
    it
}

pub fn paused() -> RolloutView {
    let mut it = ramping();
    it.phase = "paused".into();
    let ramp = it.ramp.as_mut().unwrap();
    ramp.waits_for = "resume".into();
    ramp.about_s = None;
    let reason = "the provider has an incident; wait for the all-clear";
    it.order = order("pause", 3, reason);
    it.decisions.insert(0, decision(3, ("ramping", 2500), ("paused", 2500), reason));
    it
}

pub fn no_data() -> RolloutView {
    let mut it = ramping();
    it.phase = "holding".into();
    it.green_bp = 100;
    let mut ramp = ramp(0, "data", None, judgement("undecided", 0.0, &["undecided"; 6]));
    ramp.in_step_s = 1500;
    let judgement = ramp.judgement.as_mut().unwrap();
    (judgement.blue_units, judgement.green_units) = (0, 0);
    for gate in &mut judgement.gates {
        *gate = GateView {
            blue: None,
            green: None,
            blue_units: 0,
            green_units: 0,
            blue_missing: 0,
            green_missing: 0,
            low: None,
            high: None,
            margin_at: None,
            tolerance_at: None,
            worse: 0.0,
            safe: 0.0,
            ..gate.clone()
        };
    }
    it.ramp = Some(ramp);
    for version in &mut it.versions {
        version.counters.iter_mut().for_each(|(_, count)| *count = 0);
    }
    it.shares = shares(&[(25, 100, "ramping")]);
    it.decisions.splice(
        ..,
        [
            decision(15, ("ramping", 100), ("holding", 100), "waits for data"),
            decision(25, ("ramping", 0), ("ramping", 100), "the ramp begins"),
        ],
    );
    it.problems = vec![ProblemView {
        is_severe: false,
        what: "No request has come in this step.".into(),
        mend: "Look whether the listener with the filter has traffic: its stat \
               http.ingress.downstream_rq_total says so."
            .into(),
    }];
    it
}

pub fn by_hand() -> RolloutView {
    let mut it = ramping();
    it.phase = "by_hand".into();
    it.green_bp = 500;
    it.ramp = None;
    it.shares = shares(&[(300, 0, "by_hand"), (45, 500, "by_hand")]);
    it.decisions = vec![];
    it.versions.pop();
    it.reads_bodies = Some(false);
    it
}

pub fn approval() -> RolloutView {
    let mut it = holding();
    let mut ramp = ramp(2, "approval", None, judgement("pass", 0.02, &["pass"; 6]));
    ramp.in_step_s = 1000;
    ramp.steps[3].needs_approval = true;
    it.ramp = Some(ramp);
    it
}

pub fn problem() -> RolloutView {
    let mut it = holding();
    it.problems = vec![
        ProblemView {
            is_severe: true,
            what: "412 of 3,380 answers could not be read: they are encoded.".into(),
            mend: "Have Envoy take accept-encoding out of requests, as the shipped bootstrap does."
                .into(),
        },
        ProblemView {
            is_severe: false,
            what: "Envoy’s stats refused a counter: wasmcustom.verdigris.assistant-v8.green.cost_microusd."
                .into(),
            mend: "Raise the limit of the stats store, or name fewer rollouts.".into(),
        },
    ];
    it
}

/// Much of everything.
pub fn extreme() -> RolloutView {
    let mut it = rolled_back();
    it.rollout = "a-rollout-with-quite-a-long-name-that-is-allowed-to-have-63-cha".into();
    let long = "The model answered in another language for customers in Quebec, which support \
                noticed at 11:40, see the incident; https://incidents.example.com/2026/11/25/a-very-\
                long-address-without-any-place-to-break-it-0123456789012345678901234567890123456789 \
                and there is more to be said of it than fits into a line, or into two, or three.";
    it.order = order("rollback", 5, long);
    it.decisions = (0..32)
        .map(|at| decision(at * 3, ("holding", 2500), ("ramping", 2500 + at as u32), WORSE))
        .collect();
    it.decisions[0] = decision(0, ("holding", 9999), ("rolled_back", 0), long);
    let ramp = it.ramp.as_mut().unwrap();
    ramp.step = 9;
    ramp.steps = (0..16)
        .map(|at| StepView { green_bp: (at + 1) * 625, needs_approval: at % 5 == 4 })
        .collect();
    ramp.in_step_s = 900_000;
    ramp.is_overdue = true;
    let judgement = ramp.judgement.as_mut().unwrap();
    (judgement.blue_units, judgement.green_units) = (u64::MAX, 12_345_678_901);
    let metrics = ["truncation_rate", "abort_rate", "thumbs_down_rate", "duration"];
    for metric in metrics {
        let mut gate = judgement.gates[1].clone();
        gate.metric = metric.into();
        gate.is_critical = false;
        judgement.gates.push(gate);
    }
    let huge = &mut judgement.gates[3];
    (huge.blue, huge.green) = (Some(123_456_789.0), Some(999_999_999_999.0));
    (huge.low, huge.high) = (Some(-1e15), Some(1e15));
    let narrow = &mut judgement.gates[0];
    (narrow.low, narrow.high) = (Some(0.0), Some(0.0));
    judgement.gates[9].verdict = "left_out".into();
    judgement.gates[9].blue = None;
    for version in &mut it.versions {
        version.counters.iter_mut().for_each(|(_, count)| *count = u64::MAX - *count);
    }
    it.shares = (0..200)
        .map(|at| share(600 - at * 3, (at as u32 * 137) % 10_001, "ramping"))
        .chain([share(0, 0, "rolled_back")])
        .collect();
    it
}

const SAFE: &str = "green is safe: worse 10^-0.4, is from 10^1.3; safe is from 10^1.0; error_rate pass, blue \
                    0.0110 of 1386, green 0.0102 of 432, worse 10^-0.3, safe 10^1.2; refusal_rate pass, blue 0.0080 \
                    of 1386, green 0.0079 of 432, worse 10^-0.2, safe 10^1.1";
const HOLDS: &str = "waits for evidence: worse 10^0.3, is from 10^1.3; safe is from 10^1.0; ttft undecided, blue \
                     612.0000 of 1386, green 655.0000 of 432, worse 10^0.3, safe 10^0.6";
const WORSE: &str = "green is worse: worse 10^1.8, is from 10^1.3; safe is from 10^1.0; refusal_rate fail, blue \
                     0.0080 of 1386, green 0.1090 of 432, worse 10^1.7, safe 10^-0.8";

fn ramp(step: usize, waits_for: &str, about_s: Option<u64>, judgement: JudgementView) -> RampView {
    let steps = [(100, false), (500, false), (2500, false), (5000, false), (10_000, true)];
    RampView {
        step,
        steps: steps.map(|(green_bp, needs_approval)| StepView { green_bp, needs_approval }).into(),
        waits_for: waits_for.into(),
        about_s,
        in_step_s: 230,
        bake_s: 600,
        timeout_s: 86_400,
        is_overdue: false,
        judgement: Some(judgement),
    }
}

/// Six gates with these verdicts.
fn judgement(verdict: &str, worse: f64, verdicts: &[&str]) -> JudgementView {
    struct Row(&'static str, &'static str, f64, f64, f64, f64, f64, f64);
    let rows = [
        Row("error_rate", "share", 0.0110, 0.0102, -0.0046, 0.0031, 0.0058, 0.0034),
        Row("refusal_rate", "share", 0.0080, 0.0079, -0.0032, 0.0024, 0.0050, 0.0030),
        Row("duration", "ms", 4120.0, 4025.0, -310.0, 120.0, 412.0, 247.0),
        Row("ttft", "ms", 612.0, 655.0, -19.0, 105.0, 61.0, 36.0),
        Row("output_tokens", "tokens", 344.0, 352.0, -11.0, 27.0, 34.4, 20.6),
        Row("score", "score", 0.812, 0.815, -0.009, 0.016, -0.02, -0.012),
    ];
    let gates = rows.into_iter().zip(verdicts).enumerate().map(|(at, (row, verdict))| {
        let Row(metric, unit, blue, green, low, high, margin_at, tolerance_at) = row;
        GateView {
            metric: metric.into(),
            unit: unit.into(),
            is_critical: at != 4,
            verdict: (*verdict).into(),
            blue: Some(blue),
            blue_units: 1386,
            green: Some(green),
            green_units: 432,
            blue_missing: 0,
            green_missing: 0,
            low: Some(low),
            high: Some(high),
            margin_at: Some(margin_at),
            tolerance_at: Some(tolerance_at),
            higher_is_worse: metric != "score",
            worse: worse / 2.0,
            safe: if *verdict == "pass" { 1.2 } else { 0.62 },
        }
    });
    JudgementView {
        verdict: verdict.into(),
        worse,
        is_mismatched: false,
        blue_units: 1386,
        green_units: 432,
        gates: gates.collect(),
    }
}

fn versions() -> Vec<VersionView> {
    let rows: [(&str, [u64; 3]); 22] = [
        ("requests", [10_421, 3391, 204]),
        ("decisions_weight", [10_398, 3380, 0]),
        ("decisions_pinned", [23, 11, 0]),
        ("responses_2xx", [10_210, 3322, 201]),
        ("responses_4xx", [31, 12, 0]),
        ("responses_429", [61, 20, 2]),
        ("responses_5xx", [112, 34, 1]),
        ("responses_none", [15, 4, 0]),
        ("errors", [188, 58, 3]),
        ("client_errors", [31, 12, 0]),
        ("failed_over", [0, 9, 0]),
        ("aborted", [204, 61, 0]),
        ("answers", [10_190, 3319, 201]),
        ("refusals", [82, 27, 1]),
        ("empty", [5, 2, 0]),
        ("truncations", [44, 12, 0]),
        ("tokens_input", [9_120_331, 2_970_112, 180_000]),
        ("tokens_output", [3_505_400, 1_168_288, 69_000]),
        ("cost_microusd", [42_800_000, 11_214_000, 690_000]),
        ("feedback_up", [120, 41, 0]),
        ("feedback_down", [14, 4, 0]),
        ("score_count", [96, 33, 0]),
    ];
    ["blue", "green", "shadow"]
        .iter()
        .enumerate()
        .map(|(at, version)| VersionView {
            version: (*version).into(),
            counters: rows
                .iter()
                .map(|(name, counts)| ((*name).into(), counts[at]))
                .chain([("score_milli_sum".into(), [77_952, 26_895, 0][at])])
                .collect(),
        })
        .collect()
}

fn order(order: &str, minutes_ago: u64, reason: &str) -> Option<OrderView> {
    let at_ms = NOW_MS - minutes_ago * 60_000;
    Some(OrderView { order: order.into(), at_ms, reason: reason.into() })
}

fn shares(of: &[(u64, u32, &str)]) -> Vec<ShareView> {
    of.iter().map(|(ago, bp, phase)| share(*ago, *bp, phase)).collect()
}

fn share(minutes_ago: u64, green_bp: u32, phase: &str) -> ShareView {
    ShareView { at_ms: NOW_MS - minutes_ago * 60_000, green_bp, phase: phase.into() }
}

fn decision(minutes_ago: u64, from: (&str, u32), to: (&str, u32), why: &str) -> DecisionView {
    DecisionView {
        at_ms: NOW_MS - minutes_ago * 60_000,
        from_phase: from.0.into(),
        from_bp: from.1,
        to_phase: to.0.into(),
        to_bp: to.1,
        why: why.into(),
    }
}
