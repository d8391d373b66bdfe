"""Writes a software bill of materials, CycloneDX 1.6, from `cargo tree --prefix none --format '{p}|{l}'`.

The first line is the project, the others are the crates that it is linked with.
"""

import json
import sys


def component(line):
    """The component of a line such as `serde v1.0.228 (proc-macro)|MIT OR Apache-2.0`."""
    package, _, licence = line.partition("|")
    name, version = package.split()[:2]
    version = version.removeprefix("v")
    purl = f"pkg:cargo/{name}@{version}"
    result = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    # A crate that was listed before has a mark behind its licence.
    licence = licence.removesuffix(" (*)").strip()
    if licence:
        result["licenses"] = [{"expression": licence.replace("/", " OR ")}]
    return result


def main():
    project, *crates = (component(line) for line in sys.stdin if line.strip())
    unique = {crate["bom-ref"]: crate for crate in crates}
    sbom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": project},
        "components": [unique[reference] for reference in sorted(unique)],
    }
    json.dump(sbom, sys.stdout, indent=1)
    print()


main()
