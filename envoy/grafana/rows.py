"""The rows of the dashboard, and the panels of each."""

from grafana_foundation_sdk.models import units

from evidence import evidence_by_step, units_by_step
from panels import (
    BROWN,
    DASHED,
    DOTTED,
    ORANGE,
    PINK,
    QUIET,
    SKY,
    VERMILION,
    YELLOW,
    Panel,
    chart,
    fixed_color,
    red_unless_zero,
    stacked_chart,
    stat,
    step_chart,
)
from queries import ENVOYS, ROLLOUT, envoy_increase, gauge, quantiles, query, rate, ratio, ratio_of_responses
from rollout import phase, rollout_by_envoy

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
DISCOVERY = "extension_config_discovery_http_filter_verdigris"


def release() -> list[Panel]:
    return [
        rollout_by_envoy(),
        phase(),
        red_unless_zero(
            stat(
                "Alerts",
                "The number of firing Verdigris alerts of the chosen Envoys, and of alerts without "
                "an Envoy. It stays 0 without the shipped alert rules.",
                units.NoUnit,
                4,
                query(
                    'count(ALERTS{alertname=~"Verdigris.+",alertstate="firing",'
                    'instance=~"$instance|"}) or vector(0)',
                    "alerts",
                ),
            )
        ),
        stat(
            "Current errors",
            "The share of responses that are errors.",
            units.PercentUnit,
            10,
            query(ratio_of_responses("errors")),
        ).decimals(2),
        stat(
            "Current refusals",
            "The share of answers that are refusals inside an HTTP 200.",
            units.PercentUnit,
            10,
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
            query(ratio_of_responses("errors")),
        ),
        chart(
            "Duration",
            "The time from the request headers to the end of the response.",
            units.Seconds,
            8,
            *quantiles("duration_ms", [50, 95, 99], 1000),
        ),
    ]


def quality() -> list[Panel]:
    share, each = units.PercentUnit, units.Short
    lost = f"{rate('samples_failed')} + {rate('samples_dropped')}"
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
            query(ratio_of_responses("aborted")),
        ),
        chart(
            "Time to first token",
            "The time from the request headers to the first content of a stream.",
            units.Seconds,
            8,
            *quantiles("ttft_ms", [50, 95, 99], 1000),
        ),
        chart(
            "Tokens per second",
            "The rate of streams from the first content to the end.",
            each,
            8,
            *quantiles("tokens_per_second", [50, 95]),
        ),
        chart(
            "Cost per 1,000 answers",
            "In US dollars, by the `prices` of the configuration.",
            units.Dollars,
            8,
            query(f"1000 * {ratio('cost_microusd', 'answers')} / 1e6"),
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
        chart(
            "Judge's errors",
            "The share of the judge's answers that are no verdict. They are no evidence.",
            share,
            12,
            query(f"{rate('judge_errors')} / ({rate('judged')} + {rate('judge_errors')})"),
        ).no_value("no judge"),
        chart(
            "Judge's cost per hour",
            "In US dollars, by the `prices` of the configuration.",
            units.Dollars,
            12,
            query(f"3600 * {rate('judge_cost_microusd')} / 1e6"),
        ).no_value("no judge"),
        chart(
            "Exported samples",
            "Sampled requests per second that the receiver has taken.",
            each,
            12,
            query(rate("samples_sent")),
        ).no_value("no export"),
        chart(
            "Samples that are not exported",
            "The share of sampled requests that the receiver has not taken, or that were dropped.",
            share,
            12,
            query(f"({lost}) / ({rate('samples_sent')} + {lost})"),
        ).no_value("no export"),
    ]


def evidence() -> list[Panel]:
    return [units_by_step(), evidence_by_step()]


def decisions() -> list[Panel]:
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


def operation() -> list[Panel]:
    requests = f'rate(verdigris_requests{{{ROLLOUT},version=~"blue|green"}}[$__rate_interval])'
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
            query(f"sum(up{{{ENVOYS}}})", "scraped"),
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
            query(f"{gauge('green_bp')} / 10000", "{{instance}}"),
        ),
        chart(
            "Green's share of requests",
            "Green's share of the requests, and the share in force, of each Envoy by its requests. "
            "If green gets no requests although it has a share: no request has a unit, or all "
            "traffic comes from a test.",
            units.PercentUnit,
            8,
            query(
                f'sum({requests.replace("blue|green", "green")}) / sum({requests})',
                "green of requests",
            ),
            query(
                f"sum(sum by (instance) ({requests}) * on (instance) {gauge('green_bp')})"
                f" / sum({requests}) / 10000",
                "in force",
            ),
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
            6,
            query(gauge("overdue"), "{{instance}}"),
        ),
        step_chart(
            "Fleet's store away",
            "1 while an Envoy does not reach the store of its fleet. Meanwhile the ramp stands still.",
            units.NoUnit,
            6,
            query(gauge("store_away"), "{{instance}}"),
        ),
        chart(
            "Refused configurations",
            "Per interval of the chart. The previous configuration stays in force; Envoy's log "
            "contains the field and the fix.",
            units.NoUnit,
            12,
            query(
                envoy_increase(f"{DISCOVERY}_update_rejected", f"{DISCOVERY}_update_failure"),
                "{{instance}}",
            ),
        ),
        chart(
            "Rebuilt VMs",
            "Per interval of the chart. The filter has failed, and the streams of one worker were "
            "aborted.",
            units.NoUnit,
            12,
            query(envoy_increase("wasm_verdigris_vm_reload_success"), "{{instance}}"),
        ),
    ]
