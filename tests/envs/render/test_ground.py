"""Regions on the map: which states they own, their names and colours."""

from __future__ import annotations

import numpy as np

from regional_dispatch.envs.render.colours import PALETTE
from regional_dispatch.envs.render.geography import region_of_states
from regional_dispatch.envs.render.ground import place_labels
from tests.envs.render.running import running


def test_a_state_belongs_to_the_region_of_most_of_its_sites() -> None:
    sites = running(0).network.sites.iloc[:5].assign(state=["CA", "CA", "CA", "NY", "NY"])
    assert region_of_states(sites, np.array([1, 0, 1, 2, 0])) == {"CA": 1, "NY": 0}


def test_region_names_keep_off_each_other() -> None:
    anchors = np.array([[300.0, 300.0], [305.0, 300.0], [310.0, 305.0], [29.0, 135.0]])
    sizes = np.array([[90.0, 14.0], [70.0, 14.0], [80.0, 14.0], [120.0, 14.0]])
    box = (28.0, 134.0, 1200.0, 700.0)
    middles = place_labels(anchors, sizes, anchors, np.arange(4), box)
    for i in range(4):
        assert (middles[i] - sizes[i] / 2 >= box[:2]).all()
        for j in range(i):
            assert (np.abs(middles[i] - middles[j]) >= (sizes[i] + sizes[j]) / 2).any()


def test_twenty_regions_have_twenty_colours() -> None:
    assert len(set(PALETTE)) == len(PALETTE) == 20
