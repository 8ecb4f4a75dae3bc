"""Makes a table of orders, and checks, plays or reads it, in a process of its own; prints counts as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

LINES_PER_ORDER, SKUS, ROWS = 1.6, 20_000, 500_000
START = "2024-01-01"
HOURS = {"csv": 720, "parquet": 8760}


def make(folder: Path, kind: str, lines: int) -> None:
    """Writes orders.csv or orders.parquet, a piece at a time, and a scenario that plays it."""
    from regional_dispatch.envs.world.network import build_network
    from regional_dispatch.envs.world.scenario import load_scenario

    sites = build_network(load_scenario("us8")).sites
    rng, writer = np.random.default_rng(0), None
    stations = sites.loc[sites["kind"] == "station", "name"].to_numpy()
    for first in range(0, lines, ROWS):
        piece = pa.Table.from_pandas(_piece(rng, stations, first, min(ROWS, lines - first), lines, HOURS[kind]))
        if writer is None:
            path = folder / f"orders.{kind}"
            writer = (pa.csv.CSVWriter if kind == "csv" else pq.ParquetWriter)(path, piece.schema)
        writer.write_table(piece)
    if writer is not None:
        writer.close()
    (folder / f"{kind}.yaml").write_text(
        f"name: orders\nhorizon_hours: {HOURS[kind]}\nwarmup_hours: 0\ncalendar: {{start: {START}, time_zone: UTC}}\n"
        f"network: {{kind: cities}}\ndemand: {{kind: trace, path: orders.{kind}}}\n",
        encoding="utf-8",
    )


def _piece(
    rng: np.random.Generator, stations: np.ndarray, first: int, rows: int, lines: int, hours: int
) -> pd.DataFrame:
    """Some rows, in the order of time: popular SKUs are ordered more."""
    number = np.sort(rng.integers(int(first / LINES_PER_ORDER), int((first + rows) / LINES_PER_ORDER) + 1, rows))
    seconds = (number / (lines / LINES_PER_ORDER + 1) * hours * 3600).astype(np.int64)
    return pd.DataFrame(
        {
            "order": np.char.add("A", number.astype("U12")),
            "time": np.datetime64(START, "s") + seconds.astype("timedelta64[s]"),
            "station": stations[number % len(stations)],
            "sku": np.char.add("S", np.minimum(rng.pareto(1.0, rows) * 50, SKUS - 1).astype(int).astype("U8")),
            "units": rng.integers(1, 4, rows),
            "promise_hours": rng.choice([24, 48, 72], rows),
        }
    )


def check(folder: Path) -> dict[str, Any]:
    """As `evaluate.py check` does."""
    from regional_dispatch.data.check.check import check
    from regional_dispatch.data.check.show import contents

    checked = check(folder / "csv.yaml")
    assert not checked.findings.errors, checked.findings.errors[0]
    return contents(checked)


def play(folder: Path) -> dict[str, Any]:
    """Loads the scenario and plays the episode."""
    from regional_dispatch import Simulator, baseline, load_scenario

    sim = Simulator(load_scenario(folder / "csv.yaml"))
    sim.reset(0, 1)
    sim.run(baseline("regional_nearest+last_safe_hour").scorers)
    return {"orders": int(sim.state.row["orders"][0]), "lines": len(sim.world.demand.trace_lines)}


def year(folder: Path) -> dict[str, Any]:
    """Reads the orders, and no more."""
    from regional_dispatch.envs.world.scenario import read_scenario
    from regional_dispatch.envs.world.sites import build_sites
    from regional_dispatch.envs.world.tables.orders import read_orders

    scenario = read_scenario(folder / "parquet.yaml")
    orders = read_orders(scenario, build_sites(scenario))
    return {"orders": len(orders.hours), "lines": len(orders.sku)}


if __name__ == "__main__":
    what, where, *rest = sys.argv[1:]
    if what == "make":
        make(Path(where), rest[0], int(rest[1]))
        print("{}")
    else:
        print(json.dumps({"check": check, "play": play, "year": year}[what](Path(where))))
