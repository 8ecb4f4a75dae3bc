"""Which FC serves a station."""

from __future__ import annotations

import numpy as np

from regional_dispatch.envs.world.stock.nearest import first_ranks, ranks


def test_the_first_fc_that_carries_a_sku_serves() -> None:
    rng = np.random.default_rng(1)
    fcs, stations = 7, 20
    near = np.array([rng.permutation(fcs) for _ in range(stations)])
    near[3, 4:] = -1  # some FCs have no route to it
    for placed in rng.random((30, fcs)) < 0.3:
        first = np.empty(stations, np.int16)
        first_ranks(placed, ranks(near, fcs), first)
        for d in range(stations):
            found = [f for f in near[d] if f >= 0 and placed[f]]
            assert near[d, first[d]] == found[0] if found else first[d] == fcs
