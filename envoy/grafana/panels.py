"""The queries, colours and kinds of panels of the dashboard."""

from collections.abc import Iterable

from grafana_foundation_sdk.builders.common import (
    ReduceDataOptions,
    StackingConfig,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.dashboard import FieldColor, ThresholdsConfig
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.timeseries import Panel as Timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery as AnyQuery
from grafana_foundation_sdk.models import common, units
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
)

SOURCE = DataSourceRef("prometheus", "$datasource")
JOB = 'job="$job"'
ROLLOUT = f'{JOB},rollout="$rollout"'

# Distinguishable without colour vision: blue is dark, green is light, and the shadow's lines are
# dashed. The other colours are from Okabe and Ito's palette.
BLUE, GREEN, SHADOW = "#0072B2", "#43B3AE", "#8E8E8E"
VERMILION, ORANGE, YELLOW, SKY, PINK = "#D55E00", "#E69F00", "#F0E442", "#56B4E9", "#CC79A7"
QUIET, BROWN = "#6E6E6E", "#8C564B"

DASHED = DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 8]})
DOTTED = DynamicConfigValue("custom.lineStyle", {"fill": "dot", "dash": [0, 6]})

# === Queries ===


def rate(metric: str, matchers: str = "") -> str:
    """The rate of a counter per second, by version."""
    return f"sum by (version) (rate(verdigris_{metric}{{{ROLLOUT}{matchers}}}[$interval]))"


def ratio(numerator: str, denominator: str) -> str:
    return f"{rate(numerator)} / {rate(denominator)}"


def quantile(level: float, histogram: str) -> str:
    buckets = rate(f"{histogram}_bucket").replace("by (version)", "by (version, le)")
    return f"histogram_quantile({level}, {buckets})"


def query(expr: str, legend: str = "{{version}}") -> Dataquery:
    return Dataquery().datasource(SOURCE).expr(expr).legend_format(legend)


def with_ref_ids(queries: Iterable[Dataquery]) -> list[Builder[AnyQuery]]:
    """The queries of a panel with a letter each as reference id."""
    return [query.ref_id(chr(ord("A") + index)) for index, query in enumerate(queries)]


def quantiles(histogram: str) -> list[Dataquery]:
    return [
        query(quantile(0.5, histogram), "{{version}} p50"),
        query(quantile(0.95, histogram), "{{version}} p95"),
    ]


# === Panels ===


def fixed_color(color: str) -> DynamicConfigValue:
    return DynamicConfigValue("color", {"mode": "fixed", "fixedColor": color})


def stat(title: str, text: str, unit: str, width: int, *queries: Dataquery) -> Stat:
    """A panel with the latest value of each query, in the colour of its version."""
    return (
        Stat()
        .title(title)
        .description(text)
        .datasource(SOURCE)
        .unit(unit)
        .height(4)
        .span(width)
        .targets(with_ref_ids(it.instant() for it in queries))
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
        .color_mode(common.BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(common.BigValueGraphMode.NONE)
        .color_scheme(FieldColor().mode(FieldColorModeId.FIXED).fixed_color(QUIET))
        .override_by_regexp("/^blue/", [fixed_color(BLUE)])
        .override_by_regexp("/^green/", [fixed_color(GREEN)])
        .override_by_regexp("/^shadow/", [fixed_color(SHADOW)])
    )


def chart(title: str, text: str, unit: str, width: int, *queries: Dataquery) -> Timeseries:
    """A panel with the values of each query over time, in the colour of its version."""
    return (
        Timeseries()
        .title(title)
        .description(text)
        .datasource(SOURCE)
        .unit(unit)
        .axis_soft_min(0)
        .height(7)
        .span(width)
        .targets(with_ref_ids(it.range() for it in queries))
        .line_width(2)
        .show_points(common.VisibilityMode.NEVER)
        .legend(
            VizLegendOptions()
            .show_legend(True)
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
        )
        .tooltip(VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
        .override_by_regexp("/^blue/", [fixed_color(BLUE)])
        .override_by_regexp("/^green/", [fixed_color(GREEN)])
        .override_by_regexp("/^shadow/", [fixed_color(SHADOW), DASHED])
        .override_by_regexp("/p50$/", [DynamicConfigValue("custom.lineWidth", 1)])
    )


def step_chart(title: str, text: str, unit: str, width: int, *queries: Dataquery) -> Timeseries:
    """As `chart`, for values that are constant between changes."""
    panel = chart(title, text, unit, width, *queries)
    return panel.line_interpolation(common.LineInterpolation.STEP_AFTER)


def stacked_chart(title: str, text: str, version: str, colors: dict[str, str]) -> Timeseries:
    """A panel with the stacked rates of several counters of a version, in the given colours."""
    matchers = f',version="{version}"'
    queries = [query(rate(metric, matchers), metric) for metric in colors]
    panel = chart(title, text, units.RequestsPerSecond, 12, *queries)
    for metric, color in colors.items():
        panel = panel.override_by_name(metric, [fixed_color(color)])
    stacked = StackingConfig().mode(common.StackingMode.NORMAL)
    return panel.stacking(stacked).fill_opacity(40)


def red_unless_zero(panel: Stat) -> Stat:
    """Makes a stat red if it is not 0."""
    colors = ThresholdsConfig().steps([Threshold(None, QUIET), Threshold(1, VERMILION)])
    return panel.thresholds(colors).color_scheme(FieldColor().mode(FieldColorModeId.THRESHOLDS))
