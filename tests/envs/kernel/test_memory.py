"""What a network takes in memory: docs/explanation/full-size.md says how much, and these tests hold it to that."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from regional_dispatch.baselines import baseline
from regional_dispatch.envs.kernel.state import LINE, PACKAGE, TAG
from regional_dispatch.envs.kernel.tick import GROW_PACKAGES
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from tests.worlds import TWO_REGIONS, small

CACHE_LINE, PAGE = 64, 4096


def bytes_in_use() -> int:
    """Memory of this process that it has touched."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def test_a_unit_of_stock_takes_what_the_docs_say() -> None:
    sim = Simulator(small(**TWO_REGIONS))
    skus, fcs = sim.state.stock.shape[1:]
    assert sim.state.pipeline.shape[1] == 3
    per_shelf = [a for a in sim.state if isinstance(a, np.ndarray) and a.shape[-2:] == (skus, fcs)]
    assert sum(array.nbytes for array in per_shelf) == 10 * skus * fcs
    assert sim.world.base_stock.nbytes == 2 * skus * fcs
    assert sim.state.moved.nbytes + sim.state.ordered.nbytes == 4 * skus


def test_a_package_never_lies_across_two_lines_of_the_cache() -> None:
    assert (PACKAGE.itemsize, TAG.itemsize, LINE.itemsize) == (32, 32, 36)
    sim = Simulator(small(**TWO_REGIONS), copies=3)
    for _ in range(3):
        assert sim.state.package.ctypes.data % CACHE_LINE == 0 and sim.state.package.flags.c_contiguous
        sim.make_room(GROW_PACKAGES)


def test_memory_that_no_rule_needs_is_never_touched() -> None:
    """Tables for two hundred thousand slots a region and millions of packages, of which a few are used."""
    rule = baseline("regional_nearest").scorers
    small_one = Simulator(small(**TWO_REGIONS))
    small_one.reset(0, episode_key("tune", 0, 0))
    small_one.run(rule)  # compiled, and the libraries' memory is there
    before = bytes_in_use()
    sim = Simulator(small(**{**TWO_REGIONS, "slots": {"orders": 200_000}}))
    reserved = sum(array.nbytes for array in sim.state if isinstance(array, np.ndarray))
    sim.reset(0, episode_key("tune", 0, 0))
    sim.run(rule)
    assert sim.kpis(0) == small_one.kpis(0)
    assert reserved > 100e6
    assert bytes_in_use() - before < 40e6
