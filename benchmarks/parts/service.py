"""Latency of the decision service under load: `python -m benchmarks.parts.service`.

The service and locust, which sends orders at random times (Poisson) and a given rate, have a core each; with `--alone`,
which the superuser may ask for, they run before anything else the machine does there (SCHED_RR), as on cores of their
own. A response time is what the client sees: from sending an order to reading its answer, which goes out when the order
is on disk: in the folder for temporary files ($TMPDIR).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.measure import ONE_THREAD, ROOT
from regional_dispatch.envs.world.demand import sku_shares
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import GeneratedDemand, load_scenario

SHOPS = 50  # connections that send orders
UNITS = 30_000  # put on every shelf in use, so that it does not run empty
START_SECONDS = 600
SYNCS = 300
SHELVES_AT_ONCE = 5000


class Place(NamedTuple):
    """Where a process runs.

    Args:
        core: on which; None, any.
        alone: before all processes of ordinary priority.
    """

    core: int | None = None
    alone: bool = False

    def take(self) -> None:
        """Moves this process there."""
        if self.core is not None:
            os.sched_setaffinity(0, {self.core})
        if self.alone:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


ANYWHERE = Place()


class Server:
    """A service in a process of its own, on one core.

    Args:
        scenario, policy: as the command takes them.
        data: its folder.
        place: where it runs.
    """

    def __init__(self, scenario: str, policy: str, data: Path, place: Place = ANYWHERE) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = [
            sys.executable, "-m", "regional_dispatch", "serve", "--scenario", scenario, "--policy", policy, "--data",
            str(data), "--port", str(port),
        ]  # fmt: skip
        self.process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **ONE_THREAD, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL,
            preexec_fn=place.take,
        )  # fmt: skip
        self._wait()

    def _wait(self) -> None:
        for _ in range(10 * START_SECONDS):
            try:
                with urllib.request.urlopen(f"{self.url}/health/ready", timeout=1):
                    return
            except OSError:
                if self.process.poll() is not None:
                    raise RuntimeError(f"the service ended with exit code {self.process.returncode}") from None
                time.sleep(0.1)
        self.process.kill()
        raise RuntimeError(f"the service was not ready within {START_SECONDS} s")

    def send(self, path: str, body: Any = None) -> Any:
        """One request; its answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def cpu_seconds(self) -> float:
        """Used so far, by all its threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """Ends it in order."""
        self.process.terminate()
        self.process.wait(60)


def fill_shelves(server: Server, skus: int) -> None:
    """Puts so many units on every shelf in use that none runs empty."""
    shelves = [
        {"site": site, "sku": str(sku), "units": UNITS}
        for sku in range(skus)
        for site in server.send(f"/stock/{sku}")["on_hand"]
    ]
    for first in range(0, len(shelves), SHELVES_AT_ONCE):
        counted = {
            "event": f"shelves-{first}",
            "kind": "stock_counted",
            "counts": shelves[first : first + SHELVES_AT_ONCE],
        }
        server.send("/events", {"events": [counted]})


def load_plan(name: str) -> dict[str, Any]:
    """What orders look like in a scenario."""
    scenario = load_scenario(name)
    network, demand = build_network(scenario), scenario.demand
    shape = demand if isinstance(demand, GeneratedDemand) else GeneratedDemand()
    return {
        "stations": network.sites["name"].tolist()[network.net.fcs + network.net.scs :],
        "shares": network.station_share.round(6).tolist(),
        "skus": np.cumsum(sku_shares(scenario)).round(6).tolist(),
        "lines": shape.lines_per_order,
        "promises": shape.promise_hours,
    }


def sync_ms(folder: Path) -> tuple[float, float]:
    """Median and 99th percentile of what the disk takes to sync 4 KB, without any service."""
    took = []
    with (folder / "probe").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            file.write(b"x" * 4096)
            begun = time.perf_counter()
            os.fsync(file.fileno())
            took.append(1000 * (time.perf_counter() - begun))
            time.sleep(0.002)
    p50, p99 = np.quantile(took, [0.5, 0.99]).tolist()
    return p50, p99


def run_load(
    server: Server, plan: dict[str, Any], per_second: float, seconds: float, place: Place = ANYWHERE
) -> dict[str, Any]:
    """Sends orders at a rate; response times, and what of the core the service used."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        variables = {
            "SERVICE_LOAD_PLAN": json.dumps(plan), "SERVICE_LOAD_RESULT": str(result),
            "SERVICE_LOAD_RATE": str(per_second / SHOPS), "SERVICE_LOAD_RUN": f"{per_second:g}-{time.time_ns()}",
        }  # fmt: skip
        command = [
            sys.executable, "-m", "locust", "--locustfile", "benchmarks/parts/service_load.py", "--headless", "--host",
            server.url, "--users", str(SHOPS + 1), "--spawn-rate", "100", "--run-time", f"{seconds:g}s",
            "--only-summary", "--loglevel", "ERROR",
        ]  # fmt: skip
        before, begun = server.cpu_seconds(), time.monotonic()
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **ONE_THREAD, **variables}, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, preexec_fn=place.take,
        )  # fmt: skip
        _, err = process.communicate()
        wall, cpu = time.monotonic() - begun, server.cpu_seconds() - before
        if not result.exists():
            raise RuntimeError(f"locust wrote no result: {err.strip()[-500:]}")
        found = json.loads(result.read_text())
    orders = found["requests"]["order"]
    return {**found, "asked_per_second": per_second, "per_second": orders["count"] / seconds, "core_share": cpu / wall}


def measure(
    scenario: str, policy: str, rates: list[float], seconds: float, alone: bool = False
) -> list[dict[str, Any]]:
    """One result per rate, all on one service."""
    cores = sorted(os.sched_getaffinity(0))
    first, last = Place(cores[0], alone), Place(cores[-1], alone)
    plan = load_plan(scenario)
    with tempfile.TemporaryDirectory() as folder:
        server = Server(scenario, policy, Path(folder), first)
        try:
            fill_shelves(server, len(plan["skus"]))
            return [{"sync_ms": sync_ms(Path(folder)), **run_load(server, plan, rate, seconds, last)} for rate in rates]
        finally:
            server.stop()


def main() -> None:
    """Measures and prints a Markdown table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parts.service", description=__doc__)
    parser.add_argument("--scenario", default="us8")
    parser.add_argument("--policy", default="pretrained/us8")
    parser.add_argument("--rates", type=float, nargs="+", default=[100, 300, 600], help="orders a second")
    parser.add_argument("--seconds", type=float, default=30, help="per rate")
    parser.add_argument("--alone", action="store_true", help="before what else the machine does (superuser)")
    options = parser.parse_args()
    results = measure(options.scenario, options.policy, options.rates, options.seconds, options.alone)
    place = f"{_processor()}, one core for the service, Python {platform.python_version()}"
    print(f"{options.scenario}, {options.policy}; {place}")
    print("\n| orders a second | p50 ms | p90 ms | p99 ms | most ms | refused | core used | sync alone p50, p99 ms |")
    print("| ---: " * 8 + "|")
    for found in results:
        times = found["requests"]["order"]
        shown = (f"{times[key]:.1f}" for key in ("p50_ms", "p90_ms", "p99_ms", "max_ms"))
        cells = [f"{found['per_second']:.0f}", *shown, str(found["failures"]), f"{found['core_share']:.0%}"]
        cells.append(", ".join(f"{ms:.1f}" for ms in found["sync_ms"]))
        print("| " + " | ".join(cells) + " |")
    print(json.dumps(results), file=sys.stderr)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]} ({len(names)} cores)" if names else platform.processor()


if __name__ == "__main__":
    main()
