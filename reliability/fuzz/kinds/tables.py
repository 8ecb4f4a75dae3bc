"""Tables of sites, lanes, orders and stock: cells, and the text itself, as CSV and as Parquet."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from regional_dispatch.data.check.check import check
from regional_dispatch.data.check.show import as_json
from regional_dispatch.envs.world.scenario import load_scenario
from regional_dispatch.reliability.fuzz.mutate import mutated_bytes, strange
from regional_dispatch.reliability.fuzz.played import play_some

_TABLES = {
    "sites": [
        ["name", "kind", "latitude", "longitude", "population", "trucks", "opens", "closes"],
        *[[f"FC {c}", "fc", str(35 + i), str(-90 + 2 * i), "", "20", "6", "22"] for i, c in enumerate("AB")],
        ["SC A", "sc", "35.5", "-89", "", "30", "", ""],
        *[[f"DS {i}", "station", str(34 + i / 2), str(-88 + i), str(1000 * (i + 1)), "", "", ""] for i in range(4)],
    ],
    "lanes": [
        ["origin", "destination", "miles", "transit_hours", "capacity"],
        *[[f"FC {c}", "SC A", "200", "4", "20"] for c in "AB"],
        *[["SC A", f"DS {i}", "300", "6", "20"] for i in range(4)],
        *[[f"FC {c}", f"DS {i}", "400", "8", "10"] for c in "AB" for i in range(4)],
    ],
    "orders": [
        ["hour", "order", "station", "sku", "units", "promise_hours"],
        *[[str(i / 4), f"o{i}", f"DS {i % 4}", f"s{i % 7}", "1", "30"] for i in range(80)],
    ],
    "stock": [["site", "sku", "on_hand"], *[[f"FC {c}", f"s{i}", "9"] for c in "AB" for i in range(7)]],
}
_SCENARIO = {
    "name": "mutated", "horizon_hours": 48, "warmup_hours": 0, "trucks": {"capacity_packages": 20},
    "network": {"kind": "tables", "sites": "sites.csv", "lanes": "lanes.csv"},
    "demand": {"kind": "trace", "path": "orders.csv"}, "stock": {"snapshot": "stock.csv"},
}  # fmt: skip


class Cases:
    """See `fuzz.kind.Kind`."""

    def __init__(self, folder: Path) -> None:
        pass

    def make(self, rng: np.random.Generator, folder: Path) -> None:
        changed = str(rng.choice(list(_TABLES)))
        for name, rows in _TABLES.items():
            text = _text(_with_strange_cells(rng, rows) if name == changed else rows)
            (folder / f"{name}.csv").write_bytes(mutated_bytes(rng, text) if name == changed else text)
        scenario = {**_SCENARIO}
        if rng.random() < 0.2:
            scenario = yaml.safe_load(yaml.safe_dump(scenario).replace(f"{changed}.csv", f"{changed}.parquet"))
            _write_parquet(rng, folder / f"{changed}.csv", folder / f"{changed}.parquet")
        (folder / "scenario.yaml").write_text(yaml.safe_dump(scenario), encoding="utf-8")

    def use(self, folder: Path) -> bool:
        checked = check(folder / "scenario.yaml")
        as_json(checked)
        play_some(load_scenario(folder / "scenario.yaml"), folder)
        return True


def _with_strange_cells(rng: np.random.Generator, rows: list[list[str]]) -> list[list[str]]:
    """Some cells, rows and columns replaced, repeated or left out."""
    rows = [list(row) for row in rows]
    for _ in range(int(rng.integers(3))):
        row = rows[int(rng.integers(len(rows)))]
        kind = int(rng.integers(5))
        if kind < 3 and row:
            row[int(rng.integers(len(row)))] = str(strange(rng))
        elif kind == 3:
            rows.append(list(row))
        else:
            row.append(str(strange(rng)))
    return rows


def _text(rows: list[list[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode("utf-8", "surrogatepass")


def _write_parquet(rng: np.random.Generator, table: Path, path: Path) -> None:
    """The same table as Parquet, changed in half of the cases; where it is no table any more, its bytes as they are."""
    try:
        pd.read_csv(table, dtype=str).to_parquet(path)
        data = path.read_bytes()
    except (ValueError, OSError):
        data = table.read_bytes()
    path.write_bytes(mutated_bytes(rng, data) if rng.random() < 0.5 else data)
