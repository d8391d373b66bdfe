"""The queries of the dashboard.

Each query selects by `$instance`. Those of Envoy's metrics also select by `$job`, and those of the
filter's metrics by `$rollout`.
Rates use `$__rate_interval`, so that they span at least four scrapes at each zoom level.
"""

from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = DataSourceRef("prometheus", "$datasource")
JOB = 'job="$job"'
ENVOYS = f'{JOB},instance=~"$instance"'
ROLLOUT = f'{ENVOYS},rollout="$rollout"'


def rate(metric: str, matchers: str = "") -> str:
    """The rate of a counter per second, by version."""
    return f"sum by (version) (rate(verdigris_{metric}{{{ROLLOUT}{matchers}}}[$__rate_interval]))"


def ratio(numerator: str, denominator: str) -> str:
    return f"{rate(numerator)} / {rate(denominator)}"


def ratio_of_responses(numerator: str) -> str:
    """The histogram of durations has no response that failed over, which is an error. Older filters do not
    count these."""
    durations = rate("duration_ms_count")
    return f"{rate(numerator)} / ({durations} + {rate('failed_over')} or {durations})"


def gauge(name: str) -> str:
    """A gauge of the rollout, by Envoy: without a fleet, each Envoy runs its own rollout."""
    return f"max by (instance) (verdigris_{name}{{{ROLLOUT}}})"


def envoy_increase(*metrics: str) -> str:
    """The increase of the sum of Envoy's own counters, by Envoy."""
    increases = (f"increase(envoy_{it}{{{ENVOYS}}}[$__rate_interval])" for it in metrics)
    return f"sum by (instance) ({' + '.join(increases)})"


def query(expr: str, legend: str = "{{version}}") -> Dataquery:
    return Dataquery().datasource(SOURCE).expr(expr).legend_format(legend)


def table_query(expr: str) -> Dataquery:
    """The current values of a query, with a column for each label."""
    return Dataquery().datasource(SOURCE).expr(expr).format(PromQueryFormat.TABLE).instant()


def quantiles(histogram: str, levels: list[int], divisor: int = 1) -> list[Dataquery]:
    """Percentiles of a histogram, by version, divided by the histogram's units per base unit."""
    buckets = rate(f"{histogram}_bucket").replace("by (version)", "by (version, le)")
    unit = f" / {divisor}" if divisor > 1 else ""
    return [
        query(f"histogram_quantile({level / 100}, {buckets}){unit}", f"{{{{version}}}} p{level}")
        for level in levels
    ]
