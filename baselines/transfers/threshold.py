"""Stock moved by thresholds of cover: an (s, S) rule between regions.

A region whose cover of a SKU, in days of its own demand, is below `low_days` wants units up to `target_days`. A region
above `high_days` may give what it has beyond that. The nearest giver comes first. A truck goes if it is filled to
`min_fill`; the neediest SKUs are loaded first. All that a region wants goes to one FC of it, so that trucks fill.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.transfers import Moves
from regional_dispatch.envs.world.demand import sku_units_per_day
from regional_dispatch.envs.world.network import Network

NIGHT_HOUR = 2.0  # the hour of the day with the fewest orders


@dataclass(frozen=True)
class Nightly:
    """When a rule is called: at night, every so many whole days."""

    every_days: float

    @property
    def every_hours(self) -> float:
        """From one call to the next."""
        return 24.0 * max(1, round(self.every_days))

    @property
    def hour(self) -> float:
        """Of the day."""
        return NIGHT_HOUR


@dataclass(frozen=True)
class Threshold(Nightly):
    """The rule; `baselines.transfers.rules` has its parameters' bounds and meanings."""

    low_days: float
    target_days: float
    high_days: float
    min_fill: float

    def __call__(self, sim: Simulator, row: int) -> Moves:
        """The units that leave now."""
        region_of_fc, hub = regions_of_fcs(sim), hubs(sim.network)
        on_hand = sim.state.stock[row].astype(np.int64)
        position = by_region(on_hand + sim.state.pipeline[row].sum(axis=0, dtype=np.int64) + sim.state.road[row], sim)
        daily = np.outer(sku_units_per_day(sim.scenario), region_shares(sim))
        cover = position / np.maximum(daily, 1e-9)
        want = np.where(cover < self.low_days, np.ceil(self.target_days * daily - position), 0)
        want = np.maximum(want, 0).astype(np.int64)
        spare = np.maximum(position - np.ceil(self.high_days * daily), 0).astype(np.int64)
        needy = cover.argsort(axis=0, kind="stable")
        moves: list[np.ndarray] = []
        for fc, region in _nearest_first(sim, region_of_fc, hub):
            give = np.minimum(np.minimum(want[:, region], spare[:, region_of_fc[fc]]), on_hand[:, fc])
            give = self._loaded(give, needy[:, region], sim.transfer_lanes.truck_units)
            want[:, region] -= give
            spare[:, region_of_fc[fc]] -= give
            on_hand[:, fc] -= give
            sku = np.flatnonzero(give)
            moves.append(np.stack([sku, np.full(len(sku), fc), np.full(len(sku), hub[region]), give[sku]]))
        return Moves(*np.concatenate(moves, axis=1)) if moves else NOTHING

    def _loaded(self, units: np.ndarray, needy: np.ndarray, truck: int) -> np.ndarray:
        """As much of the units (S,) as fills trucks, the neediest SKUs first."""
        trucks, rest = divmod(int(units.sum()), truck)
        room = trucks * truck + (rest if rest >= self.min_fill * truck else 0)
        loaded = np.zeros_like(units)
        loaded[needy] = up_to(units[needy], np.array(room))
        return loaded


_NONE = np.zeros(0, np.int64)
NOTHING = Moves(_NONE, _NONE, _NONE, _NONE)


def up_to(units: np.ndarray, room: np.ndarray) -> np.ndarray:
    """Units (…, n) taken from the first on, as long as `room` (…) holds them."""
    return np.diff(np.minimum(units.cumsum(axis=-1), room[..., None]), axis=-1, prepend=0)


def regions_of_fcs(sim: Simulator) -> np.ndarray:
    """Region of each FC, (F,), as the books count them."""
    return sim.world.net.region_of_site[: sim.world.net.fcs]


def region_shares(sim: Simulator) -> np.ndarray:
    """Share of demand of each region: (R,)."""
    net = sim.world.net
    return np.bincount(net.region_of_site[net.fcs + net.scs :], sim.network.station_share, net.regions)


def by_region(units: np.ndarray, sim: Simulator) -> np.ndarray:
    """Units (S, F) added up over the FCs of each region: (S, R)."""
    return units @ (regions_of_fcs(sim)[:, None] == np.arange(sim.regions))


def hubs(network: Network) -> np.ndarray:
    """The FC of each region that takes in transfers, the one nearest to most of its demand; −1 without any: (R,)."""
    net, found = network.net, np.full(network.net.regions, -1)
    of_fc = net.region_of_site[: net.fcs]
    for region in np.unique(of_fc):
        own = np.flatnonzero(of_fc == region)
        found[region] = own[network.fc_share[own].argmax()]
    return found


def _nearest_first(sim: Simulator, region_of_fc: np.ndarray, hub: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of a giving FC and a receiving region, by the miles between them."""
    receiving = np.flatnonzero(hub >= 0).tolist()
    pairs = [(f, r) for f in range(len(region_of_fc)) for r in receiving if region_of_fc[f] != r]
    return sorted(pairs, key=lambda pair: float(sim.transfer_lanes.miles[pair[0], hub[pair[1]]]))
