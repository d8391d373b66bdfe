"""The Grafana dashboard of a rollout, blue beside green.

    python dashboard.py > dashboard.json

It is built with the types of Grafana's own schema, so that what Grafana does not know
does not get in. `$interval` is what is averaged over; `$job` and `$rollout` select.
"""

import json

from grafana_foundation_sdk.builders.dashboard import (
    AnnotationQuery,
    Dashboard,
    DatasourceVariable,
    IntervalVariable,
    QueryVariable,
    Row,
)
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.timeseries import Panel as Timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common, units
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from panels import (
    BLUE,
    BROWN,
    DASHED,
    DOTTED,
    GREEN,
    JOB,
    ORANGE,
    PINK,
    QUIET,
    ROLLOUT,
    SKY,
    SOURCE,
    VERMILION,
    YELLOW,
    alarm,
    chart,
    figure,
    fixed,
    parts,
    quantiles,
    query,
    rate,
    ratio,
    steps,
)

# The gauge `phase`.
PHASES = [
    ("ramping", GREEN),
    ("holding", ORANGE),
    ("paused", ORANGE),
    ("promoted", GREEN),
    ("rolled back", VERMILION),
    ("manual", BLUE),
]
STATUSES = {
    "responses_2xx": QUIET,
    "responses_3xx": SKY,
    "responses_4xx": YELLOW,
    "responses_429": ORANGE,
    "responses_5xx": VERMILION,
    "responses_none": PINK,
}
REASONS = {
    "decisions_weight": QUIET,
    "decisions_pinned": SKY,
    "decisions_forced": YELLOW,
    "decisions_drained": PINK,
    "decisions_no_unit": ORANGE,
    "decisions_unpatchable": BROWN,
    "decisions_rolled_back": VERMILION,
}
UNREAD = ["encoded", "unknown_format", "malformed"]
DISCOVERY = "envoy_extension_config_discovery_http_filter_verdigris"


def phase() -> Stat:
    named: list[ValueMapping] = [
        ValueMap(
            {str(n): ValueMappingResult(name, color) for n, (name, color) in enumerate(PHASES)}
        )
    ]
    return figure(
        "Phase",
        "Where the release stands. Rolled back: all users are on blue, Envoy's log says why. "
        "Paused with a share of 0 %: the ramp has lost its state.",
        units.NoUnit,
        5,
        query(f"max(verdigris_phase{{{ROLLOUT}}})", "phase"),
    ).mappings(named)


# === Rows ===


def release() -> list[Stat | Timeseries]:
    return [
        phase(),
        figure(
            "Green's share",
            "What is in force.",
            units.PercentUnit,
            3,
            query(f"max(verdigris_green_bp{{{ROLLOUT}}}) / 10000", "share"),
        ),
        figure(
            "Step",
            "The ramp's step, counted from 0.",
            units.NoUnit,
            2,
            query(f"max(verdigris_step{{{ROLLOUT}}})", "step"),
        ),
        alarm(
            figure(
                "Alerts",
                "How many of Verdigris' alerts fire, of all rollouts.",
                units.NoUnit,
                2,
                query(
                    'count(ALERTS{alertname=~"Verdigris.+",alertstate="firing"}) or vector(0)',
                    "alerts",
                ),
            )
        ),
        figure(
            "Errors now",
            "The share of responses that failed.",
            units.PercentUnit,
            6,
            query(ratio("errors", "duration_ms_count")),
        ).decimals(2),
        figure(
            "Refusals now",
            "The share of answers that are refusals, inside an HTTP 200.",
            units.PercentUnit,
            6,
            query(ratio("refusals", "answers")),
        ).decimals(2),
        chart(
            "Requests",
            "Requests that were given each version.",
            units.RequestsPerSecond,
            8,
            query(rate("requests")),
        ),
        chart(
            "Errors",
            "The share of responses that failed: 5xx, 429, a reset, an error inside a 200, a "
            "stream without its end.",
            units.PercentUnit,
            8,
            query(ratio("errors", "duration_ms_count")),
        ),
        chart(
            "Duration",
            "From the request's headers to the end.",
            units.Milliseconds,
            8,
            *quantiles("duration_ms"),
        ),
    ]


def quality() -> list[Stat | Timeseries]:
    share, each = units.PercentUnit, units.Short
    return [
        chart(
            "Refusals",
            "The share of answers that the model refused, the provider filtered, or a phrase "
            "opened.",
            share,
            8,
            query(ratio("refusals", "answers")),
        ),
        chart(
            "Truncations",
            "The share of answers that ended for want of tokens.",
            share,
            8,
            query(ratio("truncations", "answers")),
        ),
        chart(
            "Aborts",
            "The share of requests that the client gave up.",
            share,
            8,
            query(ratio("aborted", "duration_ms_count")),
        ),
        chart(
            "Time to first token",
            "From the request's headers to the first content of a stream.",
            units.Milliseconds,
            8,
            *quantiles("ttft_ms"),
        ),
        chart(
            "Tokens a second",
            "Of streams, from the first content to the end.",
            each,
            8,
            *quantiles("tokens_per_second"),
        ),
        chart(
            "Cost of 1,000 answers",
            "By the configuration's `prices`, in US dollars.",
            units.Dollars,
            8,
            query(f"{ratio('cost_microusd', 'answers')} / 1000"),
        ),
        chart(
            "Output tokens of an answer",
            "The mean, reasoning too.",
            each,
            8,
            query(ratio("tokens_output", "answers")),
        ),
        chart(
            "Input tokens of an answer",
            "The mean, cached ones too.",
            each,
            8,
            query(ratio("tokens_input", "answers")),
        ),
        chart(
            "Cached input",
            "The share of input tokens that was read from the provider's cache. A version with "
            "few users has a colder one.",
            share,
            8,
            query(ratio("tokens_cached", "tokens_input")),
        ),
        chart(
            "Thumbs down",
            "The share of users' feedback that is bad.",
            share,
            12,
            query(f"{rate('feedback_down')} / ({rate('feedback_up')} + {rate('feedback_down')})"),
        ).no_value("no feedback"),
        chart(
            "Score",
            "The mean of the scores that answers were given.",
            each,
            12,
            query(f"{ratio('score_milli_sum', 'score_count')} / 1000"),
        ).no_value("no scores"),
    ]


def decisions() -> list[Stat | Timeseries]:
    by_status = "Of requests that were neither pinned nor forced. None: no response came."
    by_reason = "Why requests were given this version. no_unit: the unit's header was not there."
    return [
        parts(f"{title} of {version} by {what}", text, version, colors)
        for title, what, text, colors in [
            ("Responses", "status", by_status, STATUSES),
            ("Decisions", "reason", by_reason, REASONS),
        ]
        for version in ["blue", "green"]
    ]


def operation() -> list[Stat | Timeseries]:
    requests = f'verdigris_requests{{{ROLLOUT},version=~"blue|green"}}'
    unread = [
        query(
            f"{rate(f'unread_{reason}')} / ({rate('answers')} + {rate('unread')})",
            f"{{{{version}}}} {reason}",
        )
        for reason in UNREAD
    ]
    return [
        steps(
            "Envoys",
            "How many can be scraped, and how many of them tell of this rollout. One that can be "
            "scraped and tells nothing runs without the filter: its users are on blue.",
            units.NoUnit,
            8,
            query(f"sum(up{{{JOB}}})", "scraped"),
            query(f"count(verdigris_green_bp{{{ROLLOUT}}})", "with the rollout"),
        )
        .override_by_name("scraped", [fixed(QUIET), DASHED])
        .override_by_name("with the rollout", [fixed(SKY)]),
        steps(
            "Green's share by Envoy",
            "Envoys with manual weights should agree. One that does not has not received the "
            "configuration, or has rejected it.",
            units.PercentUnit,
            8,
            query(f"max by (instance) (verdigris_green_bp{{{ROLLOUT}}}) / 10000", "{{instance}}"),
        ),
        chart(
            "Green's share of requests",
            "What green has, beside what is in force. One at 0 with a share above: no request has "
            "a unit, or a test has all traffic.",
            units.PercentUnit,
            8,
            query(
                f'sum(rate({requests.replace("blue|green", "green")}[$interval]))'
                f" / sum(rate({requests}[$interval]))",
                "green of requests",
            ),
            query(f"max(verdigris_green_bp{{{ROLLOUT}}}) / 10000", "in force"),
        ).override_by_name("in force", [fixed(QUIET), DASHED]),
        chart(
            "Unread answers by reason",
            "The share of answers that could not be read; users get them unharmed. encoded: set "
            "`answers.plain`. unknown_format: set `answers.format` or `paths`.",
            units.PercentUnit,
            12,
            *unread,
        )
        .override_by_regexp("/unknown_format$/", [DASHED])
        .override_by_regexp("/malformed$/", [DOTTED]),
        steps(
            "Overdue step",
            "1 while the ramp holds a step for longer than its `timeout`.",
            units.NoUnit,
            12,
            query(f"max by (instance) (verdigris_overdue{{{ROLLOUT}}})", "{{instance}}"),
        ),
        chart(
            "Refused configurations",
            "Within `$interval`. The one before goes on; Envoy's log names the field and the mend.",
            units.NoUnit,
            12,
            query(
                f"sum by (instance) (increase({DISCOVERY}_update_rejected{{{JOB}}}[$interval])"
                f" + increase({DISCOVERY}_update_failure{{{JOB}}}[$interval]))",
                "{{instance}}",
            ),
        ),
        chart(
            "Rebuilt VMs",
            "Within `$interval`. The filter has failed, and the streams of one worker were cut.",
            units.NoUnit,
            12,
            query(
                "sum by (instance)"
                f" (increase(envoy_wasm_verdigris_vm_reload_success{{{JOB}}}[$interval]))",
                "{{instance}}",
            ),
        ),
    ]


def dashboard() -> Dashboard:
    intervals = ["1m", "5m", "15m", "1h", "6h"]
    made = (
        Dashboard("Verdigris")
        .uid("verdigris")
        .description("A release of an LLM feature, blue beside green.")
        .tags(["envoy", "llm", "verdigris"])
        .time("now-3h", "now")
        .refresh("30s")
        .timezone(common.TimeZoneBrowser)
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(DatasourceVariable("datasource").label("data source").type("prometheus"))
        .with_variable(labels("job", "verdigris_green_bp"))
        .with_variable(labels("rollout", f"verdigris_green_bp{{{JOB}}}"))
        .with_variable(
            IntervalVariable("interval")
            .values(",".join(intervals))
            .current(VariableOption(True, intervals[1], intervals[1]))
            .auto(False)
        )
        .annotation(
            AnnotationQuery()
            .name("Phase or step")
            .datasource(SOURCE)
            .icon_color(ORANGE)
            .expr(
                f"changes(verdigris_phase{{{ROLLOUT}}}[$interval])"
                f" + changes(verdigris_step{{{ROLLOUT}}}[$interval]) > 0"
            )
        )
    )
    number = 0
    for title, panels in [
        ("Release", release()),
        ("What answers are like", quality()),
        ("Responses and decisions", decisions()),
        ("Operation", operation()),
    ]:
        made = made.with_row(Row(title).id(number := number + 1))
        for panel in panels:
            made = made.with_panel(panel.id(number := number + 1))
    return made


def labels(name: str, metric: str) -> QueryVariable:
    """A variable of the values that a label has."""
    return (
        QueryVariable(name)
        .datasource(SOURCE)
        .query(f"label_values({metric}, {name})")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
    )


def main() -> None:
    print(json.dumps(dashboard().build(), cls=JSONEncoder, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
