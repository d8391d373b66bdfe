"""The state of the rollout, by Envoy.

Without a fleet, each Envoy runs its own rollout, so that one may be rolled back while another is
promoted. No panel aggregates phases, steps or shares over Envoys.
"""

from grafana_foundation_sdk.builders.statetimeline import Panel as StateTimeline
from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from panels import (
    BLUE,
    GREEN,
    ORANGE,
    QUIET,
    VERMILION,
    colored_cells,
    named_values,
    state_timeline,
    table,
)
from queries import gauge, query, table_query

# The values of the gauge `phase`.
PHASES = [
    ("ramping", GREEN),
    ("holding", ORANGE),
    ("paused", ORANGE),
    ("promoted", GREEN),
    ("rolled back", VERMILION),
    ("manual", BLUE),
]
OVERDUE = [("no", QUIET), ("yes", ORANGE)]


def phase() -> StateTimeline:
    return state_timeline(
        "Phase",
        "The phase of the rollout on each Envoy. Rolled back: all users of this Envoy are on blue; "
        "its log contains the reason. Paused with a share of 0 %: this Envoy has not reached its "
        "fleet's store, an operator has paused the ramp, or the ramp has lost its state.",
        12,
        query(gauge("phase"), "{{instance}}"),
    ).mappings(named_values(PHASES))


def rollout_by_envoy() -> Table:
    phase, overdue = gauge("phase"), gauge("overdue")
    # Rolled back, paused, overdue, holding, and the other phases.
    urgency = (
        f"8 * ({phase} == bool 4) + 4 * ({phase} == bool 2) + 2 * {overdue} + ({phase} == bool 1)"
    )
    panel = table(
        "Rollout by Envoy",
        "The state of the rollout on each Envoy, the most urgent one first. Green's share is the "
        "share of users. Steps of a ramp are counted from 0.",
        12,
        [
            ("phase", table_query(phase)),
            ("green's share", table_query(f"{gauge('green_bp')} / 10000")),
            ("step", table_query(gauge("step"))),
            ("overdue", table_query(overdue)),
            ("urgency", table_query(urgency)),
        ],
        [("urgency", True), ("instance", False)],
        hidden=["urgency"],
    )
    return (
        panel.override_by_name("phase", colored_cells(PHASES))
        .override_by_name("overdue", colored_cells(OVERDUE))
        .override_by_name("green's share", [DynamicConfigValue("unit", units.PercentUnit)])
    )
