"""Measures one part in this process, `python -m benchmarks.parts NAME SETTINGS`, and prints its result as JSON."""

from __future__ import annotations

import json
import sys

from benchmarks.measure import Settings, noise
from benchmarks.parts import load_part

if __name__ == "__main__":
    chosen = Settings(**json.loads(sys.argv[2]))
    machine = noise(3 if chosen.quick else 9)
    print(json.dumps({"noise": machine, "result": load_part(sys.argv[1]).measure(chosen)}))
