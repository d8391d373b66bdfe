"""Makes murmur3.json: hashes by an implementation that is not the filter's.

    pip install mmh3==5.3.1 && python tests/data/make_murmur3.py > tests/data/murmur3.json

mmh3 wraps Austin Appleby's C++ reference code. `key` is rollout + unit in hex;
`hash` is MurmurHash3 x86 32-bit with seed 0; `bucket_of_100` is flagd's bucket at
a total weight of 100, as Python's whole numbers give it.
"""

import json
import random

import mmh3

rng = random.Random("verdigris")
rollout = b"assistant-v8"
units = [bytes(rng.randrange(256) for _ in range(length)) for length in range(1, 33)]
units += [bytes(rng.randrange(256) for _ in range(2**power)) for power in range(6, 13)]
units += ["ada", "Zoë", "山田太郎", "🦆" * 40, "user@example.org", "0", "-1", "a" * 4096]

vectors = []
for unit in units:
    unit = unit.encode() if isinstance(unit, str) else unit
    value = mmh3.hash(rollout + unit, seed=0, signed=False)
    vectors.append({"unit": unit.hex(), "hash": value, "bucket_of_100": value * 100 >> 32})

print(json.dumps({"rollout": rollout.decode(), "vectors": vectors}, indent=1))
