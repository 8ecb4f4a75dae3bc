"""Scenario files: any field of a full one, and the text itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml

from regional_dispatch.envs.world.scenario import load_scenario
from regional_dispatch.reliability.fuzz.mutate import mutated_bytes, mutated_tree
from regional_dispatch.reliability.fuzz.played import play_some

_BASES = ("small", "us8_spread", "peak")
_TEXT_SHARE = 0.4  # of inputs whose text is changed too


class Cases:
    """See `fuzz.kind.Kind`."""

    def __init__(self, folder: Path) -> None:
        self.bases = []
        for name in _BASES:
            tree = load_scenario(name, {"demand.orders_per_day": "2000"}).model_dump(mode="json")
            self.bases.append(tree)

    def make(self, rng: np.random.Generator, folder: Path) -> None:
        tree = mutated_tree(rng, self.bases[int(rng.integers(len(self.bases)))])
        text = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True).encode("utf-8", "surrogatepass")
        if rng.random() < _TEXT_SHARE:
            text = mutated_bytes(rng, text)
        (folder / "scenario.yaml").write_bytes(text)

    def use(self, folder: Path) -> bool:
        play_some(load_scenario(folder / "scenario.yaml"), folder)
        return True
