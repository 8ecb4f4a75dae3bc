"""What locust runs against the service: shops that send orders at random times, and a site that reports what it picks.

`python -m benchmarks.parts.service` starts it, and reads what it writes to $SERVICE_LOAD_RESULT.
"""

from __future__ import annotations

import gc
import json
import os
import random
from collections import defaultdict, deque
from pathlib import Path
from typing import Any

import numpy as np
from locust import FastHttpUser, constant_throughput, events, task

RATE = float(os.environ.get("SERVICE_LOAD_RATE", "5"))  # orders a second and shop
PLAN: dict[str, Any] = json.loads(os.environ["SERVICE_LOAD_PLAN"])
WARM_UP = int(os.environ.get("SERVICE_LOAD_WARM_UP", "500"))  # first requests of a kind, which do not count
RUN = os.environ.get("SERVICE_LOAD_RUN", "run")

gc.collect()
gc.freeze()  # pauses of this process would count as the service's

seconds: dict[str, list[float]] = defaultdict(list)
failures: list[str] = []
made: deque[str] = deque()  # packages that wait to be picked
numbers = iter(range(10**9))


@events.request.add_listener
def note(name: str, response_time: float, exception: Exception | None, **_: Any) -> None:
    """Keeps every response time; locust itself rounds them to milliseconds."""
    seconds[name].append(response_time / 1000)
    if exception is not None:
        failures.append(f"{name}: {exception}")


@events.quitting.add_listener
def write(environment: Any, **_: Any) -> None:
    """Writes percentiles."""
    result = {"failures": len(failures), "first_failure": failures[0] if failures else None, "requests": {}}
    for name, times in seconds.items():
        counted = np.array(times[WARM_UP if len(times) > 2 * WARM_UP else 0 :])
        p50, p90, p99, most = (1000 * np.quantile(counted, [0.5, 0.9, 0.99, 1.0])).tolist()
        result["requests"][name] = {"count": len(times), "p50_ms": p50, "p90_ms": p90, "p99_ms": p99, "max_ms": most}
    Path(os.environ["SERVICE_LOAD_RESULT"]).write_text(json.dumps(result), encoding="utf-8")


class Shop(FastHttpUser):
    """Sends orders."""

    def wait_time(self) -> float:
        """Orders come at random, as customers do: gaps are exponential."""
        return random.expovariate(RATE)

    @task
    def order(self) -> None:
        """An order of the scenario's size, from a station in proportion to its demand."""
        lines = random.choices(range(1, len(PLAN["lines"]) + 1), PLAN["lines"])[0]
        skus = random.choices(range(len(PLAN["skus"])), cum_weights=PLAN["skus"], k=lines)
        body = {
            "order": f"{RUN}-{next(numbers)}",
            "station": random.choices(PLAN["stations"], PLAN["shares"])[0],
            "promise_hours": random.choice(PLAN["promises"]),
            "lines": [{"sku": str(sku), "units": 1} for sku in skus],
        }
        response = self.client.post("/orders", json=body, name="order")
        if response.status_code == 200:
            made.extend(response.json()["packages"])


class Site(FastHttpUser):
    """Reports picks once a second, and asks which trucks leave."""

    wait_time = constant_throughput(1)
    fixed_count = 1

    @task
    def pick(self) -> None:
        """All packages made since the last time, 500 at most."""
        picked = [made.popleft() for _ in range(min(500, len(made)))]
        for first in range(0, len(picked), 50):
            told = [
                {"event": f"{RUN}-{next(numbers)}", "kind": "package_picked", "package": package}
                for package in picked[first : first + 50]
            ]
            self.client.post("/events", json={"events": told}, name="50 picks")
        self.client.get("/lanes/decisions", name="lanes")
