"""Generates the Grafana dashboard of a rollout, which compares blue and green.

    python dashboard.py > dashboard.json

The script uses the types of Grafana's schema, so that the dashboard contains no unknown fields.
The variable `$interval` is the averaging interval; `$job` and `$rollout` select the rollout.
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
    chart,
    fixed_color,
    quantiles,
    query,
    rate,
    ratio,
    red_unless_zero,
    stacked_chart,
    stat,
    step_chart,
)

# The values of the gauge `phase`.
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
    return stat(
        "Phase",
        "The phase of the release. Rolled back: all users are on blue; Envoy's log contains the "
        "reason. Paused with a share of 0 %: the ramp has lost its state.",
        units.NoUnit,
        5,
        query(f"max(verdigris_phase{{{ROLLOUT}}})", "phase"),
    ).mappings(named)


# === Rows ===


def release() -> list[Stat | Timeseries]:
    return [
        phase(),
        stat(
            "Green's share",
            "The share of users that is assigned to green.",
            units.PercentUnit,
            3,
            query(f"max(verdigris_green_bp{{{ROLLOUT}}}) / 10000", "share"),
        ),
        stat(
            "Step",
            "The ramp's step, counted from 0.",
            units.NoUnit,
            2,
            query(f"max(verdigris_step{{{ROLLOUT}}})", "step"),
        ),
        red_unless_zero(
            stat(
                "Alerts",
                "The number of firing Verdigris alerts of all rollouts.",
                units.NoUnit,
                2,
                query(
                    'count(ALERTS{alertname=~"Verdigris.+",alertstate="firing"}) or vector(0)',
                    "alerts",
                ),
            )
        ),
        stat(
            "Current errors",
            "The share of responses that are errors.",
            units.PercentUnit,
            6,
            query(ratio("errors", "duration_ms_count")),
        ).decimals(2),
        stat(
            "Current refusals",
            "The share of answers that are refusals inside an HTTP 200.",
            units.PercentUnit,
            6,
            query(ratio("refusals", "answers")),
        ).decimals(2),
        chart(
            "Requests",
            "The requests of each version.",
            units.RequestsPerSecond,
            8,
            query(rate("requests")),
        ),
        chart(
            "Errors",
            "The share of responses that are errors: 5xx, 429, resets, errors inside a 200, and "
            "streams without their end.",
            units.PercentUnit,
            8,
            query(ratio("errors", "duration_ms_count")),
        ),
        chart(
            "Duration",
            "The time from the request headers to the end of the response.",
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
            "The share of answers in which the model refused, the provider filtered, or the text "
            "begins with a refusal phrase.",
            share,
            8,
            query(ratio("refusals", "answers")),
        ),
        chart(
            "Truncations",
            "The share of answers that ended at the limit of tokens.",
            share,
            8,
            query(ratio("truncations", "answers")),
        ),
        chart(
            "Aborts",
            "The share of requests that the client aborted.",
            share,
            8,
            query(ratio("aborted", "duration_ms_count")),
        ),
        chart(
            "Time to first token",
            "The time from the request headers to the first content of a stream.",
            units.Milliseconds,
            8,
            *quantiles("ttft_ms"),
        ),
        chart(
            "Tokens per second",
            "The rate of streams from the first content to the end.",
            each,
            8,
            *quantiles("tokens_per_second"),
        ),
        chart(
            "Cost per 1,000 answers",
            "In US dollars, by the `prices` of the configuration.",
            units.Dollars,
            8,
            query(f"{ratio('cost_microusd', 'answers')} / 1000"),
        ),
        chart(
            "Output tokens per answer",
            "The mean, including reasoning tokens.",
            each,
            8,
            query(ratio("tokens_output", "answers")),
        ),
        chart(
            "Input tokens per answer",
            "The mean, including cached tokens.",
            each,
            8,
            query(ratio("tokens_input", "answers")),
        ),
        chart(
            "Cached input",
            "The share of input tokens that the provider read from its cache. The cache of a "
            "version with few users is colder.",
            share,
            8,
            query(ratio("tokens_cached", "tokens_input")),
        ),
        chart(
            "Thumbs down",
            "The share of thumbs that are down.",
            share,
            12,
            query(f"{rate('feedback_down')} / ({rate('feedback_up')} + {rate('feedback_down')})"),
        ).no_value("no feedback"),
        chart(
            "Score",
            "The mean score in the feedback on answers.",
            each,
            12,
            query(f"{ratio('score_milli_sum', 'score_count')} / 1000"),
        ).no_value("no scores"),
    ]


def decisions() -> list[Stat | Timeseries]:
    by_status = "Without pinned and forced requests. responses_none: there was no response."
    by_reason = "The reason of the assignment. no_unit: the request has no unit."
    return [
        stacked_chart(f"{title} of {version} by {attribute}", text, version, colors)
        for title, attribute, text, colors in [
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
        step_chart(
            "Envoys",
            "The number of scraped Envoys, and of those that report this rollout. An Envoy that is "
            "scraped but reports no rollout runs without the filter: its users are on blue.",
            units.NoUnit,
            8,
            query(f"sum(up{{{JOB}}})", "scraped"),
            query(f"count(verdigris_green_bp{{{ROLLOUT}}})", "with the rollout"),
        )
        .override_by_name("scraped", [fixed_color(QUIET), DASHED])
        .override_by_name("with the rollout", [fixed_color(SKY)]),
        step_chart(
            "Green's share by Envoy",
            "Envoys with manual weights should agree. If one differs, it has not received the "
            "configuration or has refused it.",
            units.PercentUnit,
            8,
            query(f"max by (instance) (verdigris_green_bp{{{ROLLOUT}}}) / 10000", "{{instance}}"),
        ),
        chart(
            "Green's share of requests",
            "Green's share of the requests, and the share in force. If green gets no requests "
            "although it has a share: no request has a unit, or all traffic comes from a test.",
            units.PercentUnit,
            8,
            query(
                f'sum(rate({requests.replace("blue|green", "green")}[$interval]))'
                f" / sum(rate({requests}[$interval]))",
                "green of requests",
            ),
            query(f"max(verdigris_green_bp{{{ROLLOUT}}}) / 10000", "in force"),
        ).override_by_name("in force", [fixed_color(QUIET), DASHED]),
        chart(
            "Unread answers by reason",
            "The share of answers that the filter could not read; users get them unchanged. "
            "encoded: set `answers.plain`. unknown_format: set `answers.format` or `paths`.",
            units.PercentUnit,
            12,
            *unread,
        )
        .override_by_regexp("/unknown_format$/", [DASHED])
        .override_by_regexp("/malformed$/", [DOTTED]),
        step_chart(
            "Overdue step",
            "1 while a step lasts longer than the `timeout` of the ramp.",
            units.NoUnit,
            12,
            query(f"max by (instance) (verdigris_overdue{{{ROLLOUT}}})", "{{instance}}"),
        ),
        chart(
            "Refused configurations",
            "In `$interval`. The previous configuration stays in force; Envoy's log contains the "
            "field and the fix.",
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
            "In `$interval`. The filter has failed, and the streams of one worker were aborted.",
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
    result = (
        Dashboard("Verdigris")
        .uid("verdigris")
        .description("A release of an LLM feature: blue and green compared.")
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
    panel_id = 0
    for title, panels in [
        ("Release", release()),
        ("Answer quality", quality()),
        ("Responses and decisions", decisions()),
        ("Operation", operation()),
    ]:
        result = result.with_row(Row(title).id(panel_id := panel_id + 1))
        for panel in panels:
            result = result.with_panel(panel.id(panel_id := panel_id + 1))
    return result


def labels(name: str, metric: str) -> QueryVariable:
    """A variable with the values of a label."""
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
