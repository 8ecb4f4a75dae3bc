"""One step of `benchmarks.parts.own_orders` in a process of its own: `write`, `check` or `replay`; prints JSON."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from regional_dispatch.commands.cli import main
from regional_dispatch.envs.world.scenario import load_scenario
from regional_dispatch.envs.world.sites import build_sites

DAYS, SKUS = 28, 20_000
POLICY = "least_cost+last_safe_hour"


def write_shop(folder: Path, lines: int, kind: str) -> Path:
    """Sites of us8 and orders of four weeks as tables; the path of the scenario."""
    rng = np.random.default_rng(0)
    sites = build_sites(load_scenario("us8"))
    sites.drop(columns="state").to_csv(folder / "sites.csv", index=False)
    stations = sites[sites["kind"] == "station"]
    order = np.sort(rng.integers(0, int(lines / 1.6), lines))
    starts = np.sort(rng.integers(0, DAYS * 86400, int(lines / 1.6)))
    share = stations["population"].to_numpy(float)
    station = rng.choice(stations["name"].to_numpy(), len(starts), p=share / share.sum())
    sku = np.minimum((SKUS * rng.random(lines) ** 3).astype(int), SKUS - 1)
    time = pd.Timestamp("2024-10-01") + pd.to_timedelta(starts[order], unit="s")
    frame = pd.DataFrame({
        "order": "W-" + pd.Series(order).astype(str), "time": time.astype(str) + "Z", "station": station[order],
        "sku": pd.Series(sku).astype(str).str.zfill(7), "quantity": 1 + (rng.random(lines) < 0.08),
        "promise_hours": np.array([28, 60])[order % 2],
    })  # fmt: skip
    path = folder / f"orders.{kind}"
    frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path, index=False)
    scenario = folder / f"shop_{kind}.yaml"
    scenario.write_text(
        f"name: shop\nhorizon_hours: {24 * DAYS}\nwarmup_hours: 48\ncalendar: {{start: 2024-10-01, time_zone: UTC}}\n"
        f"partition: {{kind: balanced, regions: 8}}\nnetwork: {{kind: tables, sites: sites.csv}}\n"
        f"demand: {{kind: trace, path: {path.name}}}\n",
        encoding="utf-8",
    )
    return scenario


def _evaluate(*arguments: str) -> None:
    """Runs a command of evaluate.py with what it prints kept back."""
    sys.argv = ["evaluate.py", *arguments]
    with contextlib.redirect_stdout(io.StringIO()):
        main("evaluate")


if __name__ == "__main__":
    step, first, second, *rest = sys.argv[1:]
    if step == "write":
        print(json.dumps(str(write_shop(Path(first), int(second), *rest))))
    elif step == "check":
        _evaluate("check", first)
        print("null")
    else:
        _evaluate("compare", "--scenario", first, "--policies", POLICY, "--episodes", "1", "--out", f"{second}/out")
        print("null")
