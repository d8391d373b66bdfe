"""Checks a dashboard against Grafana's schema: `python check.py DASHBOARD.json`.

The script parses the dashboard with the schema's types and serialises it again. Fields that
the schema does not define are then missing.
"""

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard


def differences(written: object, parsed: object, path: str = "") -> list[str]:
    """The paths at which `written` differs from its parsed form."""
    if isinstance(written, dict) and isinstance(parsed, dict):
        names = sorted(written.keys() | parsed.keys())
        pairs = [(f"{path}/{name}", written.get(name), parsed.get(name)) for name in names]
    elif isinstance(written, list) and isinstance(parsed, list) and len(written) == len(parsed):
        pairs = [(f"{path}/{at}", *pair) for at, pair in enumerate(zip(written, parsed))]
    else:
        return [] if written == parsed else [f"{path}: {written!r} is read as {parsed!r}"]
    return [difference for at, a, b in pairs for difference in differences(a, b, at)]


def main() -> None:
    register_default_plugins()
    written = json.loads(Path(sys.argv[1]).read_text())
    parsed = json.loads(json.dumps(Dashboard.from_json(written), cls=JSONEncoder))
    if found := differences(written, parsed):
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
