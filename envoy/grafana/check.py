"""Checks a dashboard against Grafana's schema: `python check.py DASHBOARD.json`.

It is read with the schema's types and written again. What the schema does not know is
not there any more then.
"""

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard


def unknown(written: object, known: object, place: str = "") -> list[str]:
    """The places at which `written` is not what is known of it."""
    if isinstance(written, dict) and isinstance(known, dict):
        names = sorted(written.keys() | known.keys())
        pairs = [(f"{place}/{name}", written.get(name), known.get(name)) for name in names]
    elif isinstance(written, list) and isinstance(known, list) and len(written) == len(known):
        pairs = [(f"{place}/{at}", *pair) for at, pair in enumerate(zip(written, known))]
    else:
        return [] if written == known else [f"{place}: {written!r} is read as {known!r}"]
    return [found for at, a, b in pairs for found in unknown(a, b, at)]


def main() -> None:
    register_default_plugins()
    written = json.loads(Path(sys.argv[1]).read_text())
    known = json.loads(json.dumps(Dashboard.from_json(written), cls=JSONEncoder))
    if found := unknown(written, known):
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
