"""Keeps inputs of the fuzzer in tests/data/fuzz, one file a target, one input in Base64 a line.

`unpack TARGET` writes them into the fuzzer's folder. `keep TARGET` has the fuzzer find a least set of inputs that
reaches the same code, and keeps the small ones of it.
"""

import base64
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# An input that is larger finds little that a small one does not.
MAX_INPUT_BYTES = 600
MAX_FILE_BYTES = 16_000


def kept(target: str) -> Path:
    return ROOT / f"tests/data/fuzz/{target}.txt"


def corpus(target: str) -> Path:
    return ROOT / f"fuzz/corpus/{target}"


def unpack(target: str) -> None:
    corpus(target).mkdir(parents=True, exist_ok=True)
    if kept(target).exists():
        for number, line in enumerate(kept(target).read_text().split()):
            (corpus(target) / f"kept-{number}").write_bytes(base64.b64decode(line))


def keep(target: str) -> None:
    path = f"{ROOT}/.tools/bin:{os.environ['PATH']}"
    command = ["cargo", "+nightly", "fuzz", "cmin", target]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "PATH": path}, check=True, capture_output=True)
    inputs = sorted((file.read_bytes() for file in corpus(target).iterdir()), key=lambda it: (len(it), it))
    lines, size = [], 0
    for data in inputs:
        line = base64.b64encode(data).decode()
        if len(data) <= MAX_INPUT_BYTES and size + len(line) < MAX_FILE_BYTES and data:
            lines.append(line)
            size += len(line) + 1
    kept(target).parent.mkdir(parents=True, exist_ok=True)
    kept(target).write_text("\n".join(lines) + "\n")
    print(f"{target}: {len(lines)} of {len(inputs)} inputs kept")
    shutil.rmtree(ROOT / f"fuzz/artifacts/{target}", ignore_errors=True)


for name in sys.argv[2:]:
    {"unpack": unpack, "keep": keep}[sys.argv[1]](name)
