"""The lines of a tick as they are decided on: candidates, scores, and dollars of each way to serve them.

Everything is read after the decision and before its effect. Dollars are those that policies see: of the order's
packages at standard cost, each paid once for all of its lines (trucks, picking, sorting, lateness that cannot be
avoided, and what a policy that prices lanes expects beyond), and of the units taken off the shelf. The difference
between two candidates is what the whole order would cost more if this line alone went the other way.

Axes: n lines, K candidates, F features, Q parts of the dollars.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regional_dispatch.data.events import lines_up
from regional_dispatch.envs.kernel.decisions.features import SHADOW_PRICE_USD, SOURCE_FEATURES
from regional_dispatch.envs.kernel.decisions.score import Scorer
from regional_dispatch.envs.kernel.ledger import late_usd
from regional_dispatch.envs.observation import empty_observation, fill_observation
from regional_dispatch.envs.policy import ScorerPolicy, scores
from regional_dispatch.envs.simulator import Simulator

# Part of the dollars → what it is called.
PARTS = {
    "trucks": "trucks",
    "picking": "picking",
    "sorting": "sorting",
    "lateness": "lateness",
    "lanes": "the lanes' own price",
    "units": "the units' worth elsewhere",
}
_PACKAGE_PARTS = tuple(PARTS)[:-1]  # paid once a package; units are paid line by line


class Seen(NamedTuple):
    """Lines up for decision, region by region, oldest first."""

    up: tuple[np.ndarray, np.ndarray]  # region and position in its ring: (n,) each
    line: np.ndarray  # (n,) LINE
    number: np.ndarray  # (n,) of the line in its order, from 1
    route: np.ndarray  # (n, K) −1 where there is no candidate
    feature: np.ndarray  # (n, K, F) float32
    score: np.ndarray  # (n, K) −inf where there is no candidate
    chosen: np.ndarray  # (n,) candidate, −1 where no FC has the units
    other: np.ndarray  # (n,) the best candidate at another FC, or else on another route; −1 for none
    order_usd: np.ndarray  # (n, Q) of the line's whole order, as decided
    more_usd: np.ndarray  # (n, K, Q) what it would cost more if this line alone took the candidate; NaN for none
    packages: np.ndarray  # (n, K) that the order would travel in


def look(sim: Simulator, policy: ScorerPolicy) -> Seen:
    """The lines of row 0 that have just been decided on, between `decide` and `finish` of a tick.

    Args:
        sim: whose lanes are priced by the policy (`Simulator.price_lanes`).
        policy: that decided.
    """
    up = lines_up(sim)
    line, region = sim.state.line[0][up].copy(), up[0]
    slot = np.arange(len(region)) - np.searchsorted(region, region)
    route, feature, found, score = _candidates(sim, policy, region, slot)
    route = np.where(found, route, -1)
    choice = line["choice"].astype(np.int64)
    chosen = np.where(found[np.arange(len(line)), choice], choice, -1) if len(line) else choice
    order_usd, more_usd, packages = _dollars(sim, line, route, chosen, feature, sim.state.surcharge[0, region, slot])
    other = _next_best(sim.world.net.routes["fc"][route], score, chosen)
    order = _ordinal(line["order"])  # an order's lines stand together
    number = np.arange(len(line)) - np.searchsorted(order, order) + 1
    return Seen(up, line, number, route, feature, score, chosen, other, order_usd, more_usd, packages)


def _ordinal(*keys: np.ndarray) -> np.ndarray:
    """Numbers the combinations of keys (n,) from 0: (n,), equal where all keys are equal."""
    table = np.stack(keys)
    _, first, turn = np.unique(table, axis=1, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[turn.reshape(-1)]


def _candidates(
    sim: Simulator, policy: ScorerPolicy, region: np.ndarray, slot: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Routes (n, K), features (n, K, F), which of them are candidates (n, K), and scores (n, K)."""
    rules = sim.world.rules
    feature = np.zeros((len(region), rules.candidates, len(SOURCE_FEATURES)), np.float32)
    found = np.zeros((len(region), rules.candidates), np.bool_)
    score = np.full(found.shape, -np.inf)
    for r in np.unique(region):
        own, seen = region == r, empty_observation(sim, 1)
        fill_observation(sim, int(r), seen)
        feature[own], found[own] = seen["orders"][0, slot[own]], seen["order_mask"][0, slot[own]] > 0
        score[own] = scores(policy.scorers.source, np.array([r]), feature[own][None])[0]
    route = sim.state.candidate[0, region, slot]
    found &= route >= 0
    return route, feature, found, np.where(found, score, -np.inf)


def _next_best(fc: np.ndarray, score: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The candidate with the highest score at another FC than the chosen one, or else on another route: (n,)."""
    rows = np.arange(len(chosen))
    open_ = np.isfinite(score)
    open_[rows[chosen >= 0], chosen[chosen >= 0]] = False
    open_[chosen < 0] = False
    elsewhere = open_ & (fc != fc[rows, chosen][:, None])
    among = np.where(elsewhere.any(axis=1)[:, None], elsewhere, open_)
    best = np.where(among, score, -np.inf).argmax(axis=1)
    return np.where(among.any(axis=1), best, -1)


def _dollars(
    sim: Simulator, line: np.ndarray, route: np.ndarray, chosen: np.ndarray, feature: np.ndarray, surcharge: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`order_usd`, `more_usd` and `packages` of `Seen`."""
    rows, order = np.arange(len(line)), _ordinal(line["order"])
    units = feature[..., SOURCE_FEATURES.index("shadow_price")] * SHADOW_PRICE_USD
    alone = np.concatenate([_package_usd(sim, line, route, surcharge), units[..., None]], axis=2).astype(float)
    own = np.where(chosen >= 0, route[rows, chosen], -1)
    shares = _ordinal(order, line["due"])  # lines with one number share a package if they take the same route
    beside = _others_on(shares, own, route)  # (n, K) lines that each candidate's package would be shared with
    pays = np.ones(alone.shape)  # whether the line pays a part alone: units always, a package if no other rides in it
    pays[..., :-1] = (beside == 0)[..., None]
    as_decided = np.where((chosen >= 0)[:, None], (alone * pays)[rows, chosen], 0.0)
    more_usd = np.where((route >= 0)[..., None], alone * pays - as_decided[:, None], np.nan)

    first = np.zeros(len(line), np.bool_)  # of the lines in a package, the one that is asked
    first[np.unique(np.stack([shares, own]), axis=1, return_index=True)[1]] = True
    parts = np.where((chosen >= 0)[:, None], alone[rows, chosen], 0.0)
    parts[:, :-1] *= (first & (own >= 0))[:, None]
    of_order = np.zeros((order.max(initial=-1) + 1, alone.shape[2]))
    np.add.at(of_order, order, parts)
    count = np.bincount(order[first & (own >= 0)], minlength=len(of_order))
    saved = (chosen >= 0) & (beside[rows, chosen] == 0)
    moved = route != own[:, None]
    packages = count[order][:, None] + (beside == 0) * moved - saved[:, None] * moved
    return of_order[order], more_usd, packages


def _package_usd(sim: Simulator, line: np.ndarray, route: np.ndarray, surcharge: np.ndarray) -> np.ndarray:
    """Dollars of a package of its own on each candidate, by part: (n, K, parts of a package)."""
    rules, record = sim.world.rules, sim.world.net.routes[route]
    late = sim.tick(0) + 1 + record["rest"][..., 0] - line["due"][:, None]
    over, turn = np.unique(late, return_inverse=True)
    late_by_ticks = np.array([late_usd(rules, int(ticks)) for ticks in over])
    usd = {
        "trucks": record["rest_cost"][..., 0],
        "picking": np.full(route.shape, rules.costs.pick_pack_usd),
        "sorting": rules.costs.sort_usd * (record["legs"] - 1),
        "lateness": late_by_ticks[turn].reshape(route.shape) if len(over) else np.zeros(route.shape),
        "lanes": surcharge,
    }
    return np.stack([usd[part] for part in _PACKAGE_PARTS], axis=2)


def _others_on(shares: np.ndarray, own: np.ndarray, route: np.ndarray) -> np.ndarray:
    """How many other lines that may share its package were given the route of each candidate: (n, K)."""
    most = max(own.max(initial=0), route.max(initial=0)) + 2

    def code(routes: np.ndarray) -> np.ndarray:
        return np.asarray(shares.reshape(-1, *[1] * (routes.ndim - 1)) * most + routes + 1)

    used, count = np.unique(code(own), return_counts=True)
    wanted = code(route)
    place = np.minimum(np.searchsorted(used, wanted), len(used) - 1)
    on_it = np.where(used[place] == wanted, count[place], 0) if len(used) else np.zeros(route.shape, np.int64)
    return np.asarray(on_it - (route == own[:, None]))


def worth(scorer: Scorer, region: np.ndarray, chosen: np.ndarray, other: np.ndarray) -> np.ndarray:
    """What each feature contributes to the chosen candidate's lead: (n, F), in units of the score, which have no name.

    It is what the score of the chosen loses if this feature alone is that of the other. For a linear scorer these add
    up to the lead; for a network they need not.

    Args:
        scorer: of candidates.
        region: (n,) of each line.
        chosen: (n, F) features of the chosen candidate.
        other: (n, F) features of the other.
    """
    out = np.zeros(chosen.shape)
    if len(chosen):
        whole = scores(scorer, region, chosen[:, None])[:, 0]
        for f in np.flatnonzero((chosen != other).any(axis=0)):
            changed = chosen.copy()
            changed[:, f] = other[:, f]
            out[:, f] = whole - scores(scorer, region, changed[:, None])[:, 0]
    return out
