"""The evidence that the gates of a ramp have used."""

from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.builders.timeseries import Panel as Timeseries
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from panels import step_chart, table
from queries import ROLLOUT, query, table_query

# The columns of the table, and the counters of units with an event that they divide by a counter
# of units.
EVENTS = [
    ("errors", "errors", "units"),
    ("4xx", "client_errors", "units"),
    ("empty", "empty", "units"),
    ("refusals", "refusals", "units"),
    ("truncations", "truncations", "units"),
    ("aborts", "aborts", "units"),
    ("slow", "slow", "units"),
    ("thumbs down", "thumbs_down", "thumbs"),
]


def evidence_of(counter: str) -> str:
    """An evidence counter, by version and step. The step is the end of the metric's name."""
    metric = f'{{__name__=~"verdigris_evidence_{counter}_s[0-9]+",{ROLLOUT}}}'
    with_step = f'label_replace({metric}, "step", "$1", "__name__", ".+_s([0-9]+)")'
    return f"sum by (version, step) ({with_step})"


def per_unit(event: str, unit: str) -> str:
    """The units with an event per unit.

    Envoy has a counter from its first event on. A missing counter is 0 if another version or
    step has the event.
    """
    events, all_units = evidence_of(event), evidence_of(unit)
    return f"(({events} or 0 * {all_units}) / {all_units}) and on () {events}"


def units_by_step() -> Timeseries:
    return step_chart(
        "Evidence: units by step",
        "The units of each version that the gates have used, by step. They are users if `unit` is "
        "the user. Before the step they were on blue. The counters continue from the start of "
        "Envoy, also when the ramp restarts.",
        units.Short,
        8,
        query(evidence_of("units"), "{{version}} step {{step}}"),
    ).no_value("no ramp")


def evidence_by_step() -> Table:
    panel = table(
        "Evidence: units with an event per unit",
        "The share of units with at least one event, by step. Thumbs down are divided by the "
        "units with a thumb. –: no unit had the event, or no gate uses it. Each Envoy decides by "
        "its own evidence since its last reset: choose one in `instance`.",
        16,
        [
            ("units", table_query(evidence_of("units"))),
            *((title, table_query(per_unit(event, unit))) for title, event, unit in EVENTS),
        ],
        [("step", False), ("version", False)],
        numeric=["step"],
    )
    as_share = [DynamicConfigValue("unit", units.PercentUnit), DynamicConfigValue("decimals", 1)]
    for title, _, _ in EVENTS:
        panel = panel.override_by_name(title, as_share)
    return panel
