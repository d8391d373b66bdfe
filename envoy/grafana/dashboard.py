"""Generates the Grafana dashboard of a rollout, which compares blue and green.

    python dashboard.py > dashboard.json

The script uses the types of Grafana's schema, so that the dashboard contains no unknown fields.
The variables `$job`, `$instance` and `$rollout` select the rollout and its Envoys; `$page` is the
address of the operator's page.
"""

import json

from grafana_foundation_sdk.builders.dashboard import (
    AnnotationQuery,
    Dashboard,
    DashboardLink,
    DatasourceVariable,
    QueryVariable,
    Row,
    TextBoxVariable,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from panels import ORANGE
from queries import JOB, ROLLOUT, SOURCE
from rows import decisions, evidence, operation, quality, release

# The address of the shipped console.
PAGE = "http://127.0.0.1:9902"


def dashboard() -> Dashboard:
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
        .with_variable(instances())
        .with_variable(
            TextBoxVariable("page")
            .label("page")
            .description("The address of the operator's page of an Envoy.")
            .default_value(PAGE)
            .current(VariableOption(True, PAGE, PAGE))
            .options([VariableOption(True, PAGE, PAGE)])
        )
        .link(
            DashboardLink("Operator's page")
            .type(DashboardLinkType.LINK)
            .icon("external link")
            .tooltip("Opens the address in the variable `page`.")
            .url("${page}")
            .target_blank(True)
        )
        .annotation(
            AnnotationQuery()
            .name("Phase or step")
            .datasource(SOURCE)
            .icon_color(ORANGE)
            .expr(
                f"changes(verdigris_phase{{{ROLLOUT}}}[$__rate_interval])"
                f" + changes(verdigris_step{{{ROLLOUT}}}[$__rate_interval]) > 0"
            )
        )
    )
    panel_id = 0
    for title, panels in [
        ("Release", release()),
        ("Evidence", evidence()),
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


def instances() -> QueryVariable:
    """The scraped Envoys, also those without a rollout; by default all of them."""
    return (
        labels("instance", f"up{{{JOB}}}")
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(VariableOption(True, ["All"], ["$__all"]))
    )


def main() -> None:
    print(json.dumps(dashboard().build(), cls=JSONEncoder, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
