"""What is killed: every command that writes, on a world that takes seconds, and the files that must be the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import load_scenario

OUT = "out"
WORLD = """\
name: tiny
horizon_hours: 48
warmup_hours: 6
partition: {kind: balanced, regions: 2}
network: {kind: cities, fulfillment_centers: 4, sort_centers: 3, stations: 6}
demand: {kind: generated, orders_per_day: 150}
stock: {skus: 40}
trucks: {capacity_packages: 3}
"""
TRACE_DAYS = 14
TRACE = WORLD.replace("horizon_hours: 48", f"horizon_hours: {24 * TRACE_DAYS}").replace(
    "demand: {kind: generated, orders_per_day: 150}", "demand: {kind: trace, path: orders.csv, orders_per_day: 60}"
)
PPO = """\
timesteps: 160
copies: 2
n_steps: 8
batch_size: 256
n_epochs: 1
hidden: 8
critic_hidden: 8
eval_every: 4
eval_episodes: 1
checkpoint_every: 1
"""
SUITE = """\
name: tiny
episodes: 8
seed: 3
scenarios: [tiny.yaml]
policies: [regional_nearest, national_nearest, least_cost, linear, hybrid]
"""
EXPERIMENT = """\
name: tiny
about: is it the same after a kill?
episodes: 3
base: whole
scenario: tiny.yaml
ppo: ppo.yaml
seeds: [0]
rivals: [least_cost]
variants: [{name: whole, timesteps: 96}]
"""
STUDY = """\
study: surge
title: A surge
question: Who breaks?
scenario: tiny.yaml
set: {capacity.pick_headroom: 1.4}
episodes: 2
policies: [least_cost]
factors: [1.2, 4.0]
regions: {kind: balanced, regions: 2}
warmup_days: 1
calm_days: 3
settle_days: 1
surge_days: 2
after_days: 4
lasting: {days: 28, factors: [1.2, 4.0], episodes: 2}
"""
PAGE = "# Results\n\n<!-- results: written by evaluate.py page -->\n<!-- end of results -->\n"

Arguments = tuple[str, ...]


class Case(NamedTuple):
    """A command, and which of its files are compared."""

    arguments: Arguments  # of this package: `train …` or `evaluate COMMAND …`
    compared: tuple[str, ...]  # patterns below the working folder
    again: Callable[[Path], Arguments | None] | None = None  # how it goes on, None if it had finished; None: as before
    first: Arguments = ()  # a command whose results it reads; that one is not killed


def _again(folder: Path) -> Arguments:
    """A training goes on from its newest checkpoint, or begins again."""
    found = [path for path in (folder / OUT / "checkpoints").glob("*") if not path.name.startswith(".")]
    return ("train", "--resume", OUT) if found else (*_TRAIN, "--overwrite")


def _record_again(folder: Path) -> Arguments | None:
    """A data set appears whole, and is not written over."""
    return None if (folder / OUT / "regional-dispatch" / "tiny-v0" / "data").exists() else _RECORD


def _evaluate(*arguments: str, out: str = OUT) -> Arguments:
    return ("evaluate", *arguments, "--out", out)


_TRAIN = ("train", "--scenario", "tiny.yaml", "--ppo", "ppo.yaml", "--seed", "1", "--out", OUT)
_TINY = ("--scenario", "tiny.yaml")
_PAIR = ("--policies", "least_cost,regional_nearest")
_SUITE = ("--suite", "suite.yaml", "--no-bound", "--workers", "1")
_RECORD = _evaluate("record", *_TINY, "--episodes", "2")
_STOCK = _evaluate("train_stock", *_TINY, "--seconds", "2", "--ppo-set", "eval_episodes=1")
_RLLIB = _evaluate("train_rllib", *_TINY, "--minutes", "0.02", "--rllib.eval-episodes", "1")
_EXPERIMENT = ("experiment", "experiment.yaml", "--workers", "1", "--no-bound")
_READY = "ready"  # results of a first command

# Results in which times and command lines stand are compared without these, see `compare.comparable`.
CASES: dict[str, Case] = {
    "train": Case(_TRAIN, (f"{OUT}/policy.safetensors", f"{OUT}/curve.csv"), _again),
    "benchmark": Case(_evaluate("benchmark", *_SUITE), (f"{OUT}/*.*", f"{OUT}/cells/*")),
    "experiment": Case(
        _evaluate(*_EXPERIMENT),
        (f"{OUT}/results.csv", f"{OUT}/*/seed0/policy.safetensors", f"{OUT}/*/seed0/curve.csv", f"{OUT}/cells/*"),
    ),
    "study": Case(
        _evaluate("study", "study.yaml", "--workers", "1"),
        (f"{OUT}/*.csv", f"{OUT}/*.png", f"{OUT}/*.json", f"{OUT}/report.md", f"{OUT}/cells/*"),
    ),
    "submit": Case(
        _evaluate("submit", "national_nearest", *_SUITE, "--rows", "rows"), (f"{OUT}/cells/*", "rows/*.json")
    ),
    "tune": Case(
        _evaluate("tune", *_TINY, "--baseline", "hybrid", "--evaluations", "40", out=f"{OUT}/hybrid.yaml"),
        (f"{OUT}/hybrid.yaml",),
    ),
    "compare": Case(_evaluate("compare", *_TINY, *_PAIR, "--episodes", "8"), (f"{OUT}/*.*",)),
    "results": Case(
        _evaluate("results", *_TINY, *_PAIR, "--episodes", "4", "--decisions"), (f"{OUT}/*.csv", f"{OUT}/*.parquet")
    ),
    "plan": Case(_evaluate("plan", *_TINY), (f"{OUT}/*.*",)),
    "backtest": Case(_evaluate("backtest", "trace.yaml", "--policies", "least_cost"), (f"{OUT}/*.*",)),
    "whatif": Case(
        _evaluate("whatif", "tiny.yaml", "--close", "FC Dallas TX", "--episodes", "4"),
        (f"{OUT}/*.csv", f"{OUT}/*.md", f"{OUT}/*.yaml", f"{OUT}/*.json", f"{OUT}/*.html"),
    ),
    "fit_demand": Case(_evaluate("fit_demand", "trace.yaml"), (f"{OUT}/*.*",)),
    "map": Case(_evaluate("map", "tiny.yaml", out=f"{OUT}/map.html"), (f"{OUT}/map.html",)),
    "animate": Case(
        _evaluate("animate", *_TINY, *_PAIR, "--day", "0", out=f"{OUT}/film.gif"), (f"{OUT}/film.gif",)
    ),
    "generate": Case(_evaluate("generate", "--seed", "3", out=f"{OUT}/world.yaml"), (f"{OUT}/world.yaml",)),
    "check": Case(("evaluate", "check", "trace.yaml", "--json", f"{OUT}/check.json"), (f"{OUT}/check.json",)),
    "page": Case(
        ("evaluate", "page", _READY, "--page", "page.md", "--pictures", OUT), ("page.md", f"{OUT}/*"),
        first=_evaluate("compare", *_TINY, *_PAIR, "--episodes", "4", out=_READY),
    ),
    "ship": Case(_evaluate("ship", _READY), (f"{OUT}/*.*",), first=_evaluate(*_EXPERIMENT, out=_READY)),
    "record": Case(_RECORD, (f"{OUT}/**/metadata.json",), _record_again),
    "export": Case(_evaluate("export", "pretrained/small"), (f"{OUT}/*.onnx",)),
    "audit": Case(
        _evaluate("audit", "--packages", "200000", "--folder", f"{OUT}/broken", out=f"{OUT}/audit.json"),
        (f"{OUT}/audit.json",),
    ),
    "coverage": Case(_evaluate("coverage", "--episodes", "20", "--repetitions", "20"), (f"{OUT}/*.*",)),
    "fuzz": Case(
        _evaluate("fuzz", "--kinds", "policies", "--inputs", "200", "--seed", "1", "--work", f"{OUT}/work",
                  out=f"{OUT}/fuzz.json"),
        (f"{OUT}/fuzz.json",),
    ),
    # They learn for a budget of time, so that no two runs are equal: only what is left behind is looked at.
    "train_stock": Case(_STOCK, (), lambda _: (*_STOCK, "--overwrite")),
    "train_rllib": Case(_RLLIB, (), lambda _: (*_RLLIB, "--overwrite")),
}  # fmt: skip


def write_files(folder: Path) -> None:
    """The files that the commands read, in their working folder."""
    files = {
        "tiny.yaml": WORLD, "trace.yaml": TRACE, "ppo.yaml": PPO, "suite.yaml": SUITE, "experiment.yaml": EXPERIMENT,
        "study.yaml": STUDY, "page.md": PAGE,
    }  # fmt: skip
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    _orders(folder / "tiny.yaml").to_csv(folder / "orders.csv", index=False)


def _orders(scenario: Path) -> pd.DataFrame:
    """Orders of one line each, with the FC that they left from."""
    sites = build_network(load_scenario(str(scenario))).sites
    stations, fcs = (sites.loc[sites["kind"] == kind, "name"].tolist() for kind in ("station", "fc"))
    rng = np.random.default_rng(0)
    hours = np.sort(rng.uniform(0, 24 * TRACE_DAYS - 24, 60 * TRACE_DAYS)).round(3)
    return pd.DataFrame({
        "hour": hours, "order": [f"A{i:05d}" for i in range(len(hours))], "station": rng.choice(stations, len(hours)),
        "sku": rng.integers(0, 40, len(hours)), "units": 1, "promise_hours": 48, "source": rng.choice(fcs, len(hours)),
    })  # fmt: skip
