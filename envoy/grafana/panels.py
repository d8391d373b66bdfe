"""The colours and kinds of panels of the dashboard."""

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
from grafana_foundation_sdk.builders.statetimeline import Panel as StateTimeline
from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.builders.timeseries import Panel as Timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery as AnyQuery
from grafana_foundation_sdk.models import common, units
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)

from queries import SOURCE, query, rate

Panel = Stat | StateTimeline | Table | Timeseries

# Distinguishable without colour vision: blue is dark, green is light, and the shadow's lines are
# dashed. The other colours are from Okabe and Ito's palette.
BLUE, GREEN, SHADOW = "#0072B2", "#43B3AE", "#8E8E8E"
VERMILION, ORANGE, YELLOW, SKY, PINK = "#D55E00", "#E69F00", "#F0E442", "#56B4E9", "#CC79A7"
QUIET, BROWN = "#6E6E6E", "#8C564B"

DASHED = DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 8]})
DOTTED = DynamicConfigValue("custom.lineStyle", {"fill": "dot", "dash": [0, 6]})


def with_ref_ids(queries: Iterable[Dataquery]) -> list[Builder[AnyQuery]]:
    """The queries of a panel with a letter each as reference id."""
    return [query.ref_id(chr(ord("A") + index)) for index, query in enumerate(queries)]


def fixed_color(color: str) -> DynamicConfigValue:
    return DynamicConfigValue("color", {"mode": "fixed", "fixedColor": color})


def stat(title: str, text: str, unit: str, width: int, *queries: Dataquery) -> Stat:
    """A panel with the latest value of each query, in the colour of its version.

    Rates are those of the last five minutes.
    """
    return (
        Stat()
        .title(title)
        .description(text)
        .datasource(SOURCE)
        .unit(unit)
        .height(4)
        .span(width)
        .interval("5m")
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
    """A panel with the values of each query over time, in the colour of its version.

    Rates are those of one minute or more: over less time, green has few requests.
    """
    return (
        Timeseries()
        .title(title)
        .description(text)
        .datasource(SOURCE)
        .unit(unit)
        .axis_soft_min(0)
        .height(7)
        .span(width)
        .interval("1m")
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
        .override_by_regexp("/p99$/", [DOTTED])
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


def state_timeline(title: str, text: str, width: int, *queries: Dataquery) -> StateTimeline:
    """A panel with a bar for each series, whose colour is its value's."""
    return (
        StateTimeline()
        .title(title)
        .description(text)
        .datasource(SOURCE)
        .unit(units.NoUnit)
        .height(7)
        .span(width)
        .targets(with_ref_ids(it.range() for it in queries))
        .merge_values(True)
        .show_value(common.VisibilityMode.AUTO)
        .fill_opacity(70)
        .line_width(0)
        .legend(
            VizLegendOptions()
            .show_legend(False)
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
        )
    )


def table(
    title: str,
    text: str,
    width: int,
    columns: list[tuple[str, Dataquery]],
    sort_by: list[tuple[str, bool]],
    hidden: Iterable[str] = (),
    numeric: Iterable[str] = (),
) -> Table:
    """A table with one row for each combination of labels, and one column for each query.

    `sort_by` lists columns or labels, the most important one first, and whether the largest
    value comes first. The columns in `hidden` are only sorted by. The labels in `numeric` are
    numbers, so that 2 comes before 10.
    """
    # Grafana names the column of a query by its letter.
    fields = {name: f"Value #{chr(ord('A') + index)}" for index, (name, _) in enumerate(columns)}
    excluded = ["Time", *(fields[name] for name in hidden)]
    shown = {field: name for name, field in fields.items() if name not in hidden}
    # The sort is stable, so that the most important column is the last to be sorted by.
    keys = [{"field": fields.get(it, it), "desc": desc} for it, desc in reversed(sort_by)]
    sorts = [DataTransformerConfig("sortBy", options={"sort": [key]}) for key in keys]
    conversions = [{"targetField": it, "destinationType": "number"} for it in numeric]
    convert = DataTransformerConfig(
        "convertFieldType", options={"fields": {}, "conversions": conversions}
    )
    organize = DataTransformerConfig(
        "organize",
        options={
            "excludeByName": dict.fromkeys(excluded, True),
            "indexByName": {},
            "renameByName": shown,
        },
    )
    return (
        Table()
        .title(title)
        .description(text)
        .datasource(SOURCE)
        .unit(units.NoUnit)
        .height(7)
        .span(width)
        .targets(with_ref_ids(it for _, it in columns))
        .transformations(
            [DataTransformerConfig("merge", options={}), convert, *sorts, organize]
        )
        .align(common.FieldTextAlignment.LEFT)
        .no_value("–")
    )


def named_values(names: list[tuple[str, str]]) -> list[ValueMapping]:
    """Shows the values 0, 1 and so on as these names in these colours."""
    results = {str(value): ValueMappingResult(*it) for value, it in enumerate(names)}
    return [ValueMap(results)]


def colored_cells(names: list[tuple[str, str]]) -> list[DynamicConfigValue]:
    """Shows the values of a column as `named_values` does, as the colour of the cell."""
    return [
        DynamicConfigValue("mappings", named_values(names)),
        DynamicConfigValue("custom.cellOptions", {"type": "color-background", "mode": "basic"}),
    ]


def red_unless_zero(panel: Stat) -> Stat:
    """Makes a stat red if it is not 0."""
    colors = ThresholdsConfig().steps([Threshold(None, QUIET), Threshold(1, VERMILION)])
    return panel.thresholds(colors).color_scheme(FieldColor().mode(FieldColorModeId.THRESHOLDS))
