"""Writes the software bill of materials of verdigris.wasm, as CycloneDX 1.6 JSON, to standard output.

The components are the crates that Cargo links into the filter, from `cargo metadata` and Cargo.lock. The
document has no time and no random number: the same Cargo.lock gives the same bytes.
"""

import json
import subprocess
import sys
import tomllib
import uuid
from pathlib import Path

TARGET = "wasm32-wasip1"
ROOT = Path(__file__).resolve().parent.parent


def metadata() -> dict:
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)


def linked(nodes: dict[str, dict], root: str) -> dict[str, list[str]]:
    """The crates that are linked, each with those that it uses. Macros and build scripts are among them."""
    edges: dict[str, list[str]] = {}
    waiting = [root]
    while waiting:
        name = waiting.pop()
        if name in edges:
            continue
        used = [
            dependency["pkg"]
            for dependency in nodes[name]["deps"]
            if any(kind["kind"] != "dev" for kind in dependency["dep_kinds"])
        ]
        edges[name] = sorted(used)
        waiting.extend(used)
    return edges


def purl(package: dict) -> str:
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package: dict, checksum: str | None, kind: str) -> dict:
    found = {
        "type": kind,
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "purl": purl(package),
    }
    if package["license"]:
        # Older crates write a slash, which is not SPDX.
        found["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    if checksum:
        found["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    return found


def main() -> None:
    data = metadata()
    packages = {package["id"]: package for package in data["packages"]}
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    root = data["resolve"]["root"]
    edges = linked(nodes, root)
    lock_text = (ROOT / "Cargo.lock").read_text()
    checksums = {
        (package["name"], package["version"]): package.get("checksum")
        for package in tomllib.loads(lock_text)["package"]
    }

    def of(name: str, kind: str) -> dict:
        package = packages[name]
        return component(package, checksums.get((package["name"], package["version"])), kind)

    crates = sorted((name for name in edges if name != root), key=lambda name: purl(packages[name]))
    serial = uuid.uuid5(uuid.NAMESPACE_URL, purl(packages[root]) + lock_text)
    bom = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {"component": of(root, "application")},
        "components": [of(name, "library") for name in crates],
        "dependencies": [
            {"ref": purl(packages[name]), "dependsOn": [purl(packages[used]) for used in edges[name]]}
            for name in [root, *crates]
        ],
    }
    json.dump(bom, sys.stdout, indent=1)
    print()


main()
