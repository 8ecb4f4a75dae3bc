"""Boundaries: drawn ones have the properties asked for, and a search keeps its constraints."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from regional_dispatch.envs.world.network import build_network
from regional_dispatch.planning.regions.boundaries import (
    Stations,
    gabriel_graph,
    kmeans,
    loads,
    matched,
    pieces,
    stations_of,
)
from regional_dispatch.planning.regions.local_search import Measure, Search, moves, search
from regional_dispatch.planning.regions.territories import territories
from tests.worlds import small


def some_stations(count: int, seed: int, spread: float = 1.0) -> Stations:
    """Stations on a plane with uneven demand."""
    rng = np.random.default_rng(seed)
    demand = rng.lognormal(sigma=spread, size=count)
    places = np.column_stack([rng.uniform(0, 1000, (count, 2)), np.zeros(count)])
    return Stations(
        tuple(f"DS {i}" for i in range(count)), places, demand / demand.sum(), np.ones(count, dtype=np.int64)
    )


def all_whole(graph: np.ndarray, labels: np.ndarray) -> bool:
    return all(pieces(graph, labels == r) == 1 for r in np.unique(labels))


def weighted_miles(stations: Stations, labels: np.ndarray) -> float:
    """Of every region's demand to the best of its stations."""
    total = 0.0
    for r in np.unique(labels):
        own, demand = stations.places[labels == r], stations.demand[labels == r]
        total += min(float(demand @ np.linalg.norm(own - center, axis=1)) for center in own)
    return total


# ---------------------------------------------------------------------------------------------------------- measures


def test_neighbours_have_no_station_between_them() -> None:
    line = np.column_stack([[0.0, 1.0, 2.0, 5.0], np.zeros((4, 2))])
    expected = np.zeros((4, 4), dtype=bool)
    expected[[0, 1, 2], [1, 2, 3]] = expected[[1, 2, 3], [0, 1, 2]] = True
    np.testing.assert_array_equal(gabriel_graph(line), expected)
    below = np.array([[0.0, 0, 0], [4, 0, 0], [2, 1, 0]])  # the third lies in the ball over the first two
    assert not gabriel_graph(below)[0, 1] and gabriel_graph(below)[0, 2]


@pytest.mark.parametrize("seed", range(3))
def test_all_stations_hang_together(seed: int) -> None:
    stations = some_stations(40, seed)
    doubled = np.concatenate([stations.places, stations.places[:3]])  # three share a place with another
    for places in (stations.places, doubled):
        assert pieces(gabriel_graph(places), np.ones(len(places), dtype=bool)) == 1


def test_miles_between_stations_are_those_of_the_network() -> None:
    nation = build_network(small())
    apart = small(partition={"kind": "balanced", "regions": nation.net.stations})
    stations = stations_of(build_network(apart))
    first, second = (stations.names.index(name) for name in ("DS New York NY", "DS Los Angeles CA"))
    miles = np.linalg.norm(stations.places[first] - stations.places[second])
    assert 2300 < miles < 2450  # a chord is a little shorter than the great circle's 2,446
    assert stations.demand.sum() == pytest.approx(1)
    assert stations.fcs.sum() == nation.net.fcs
    assert stations.fcs[first] == sum("New York" in name for name in nation.sites["name"][: nation.net.fcs])


def test_regions_are_matched_with_those_they_share_most_demand_with() -> None:
    home, demand = np.array([0, 0, 1, 1, 2, 2]), np.full(6, 1 / 6)
    np.testing.assert_array_equal(matched(np.array([2, 2, 0, 0, 1, 1]), home, demand), home)
    split = matched(np.array([1, 1, 2, 2, 0, 3]), home, demand)  # one region more than there were
    np.testing.assert_array_equal(split[:4], home[:4])
    assert sorted(split[4:].tolist()) == [2, 3]
    far = matched(np.array([0, 0, 0, 0, 2, 1]), home, demand)  # nothing is left for the second
    assert sorted(set(far.tolist())) == [0, 2, 3] and far[0] == 0
    np.testing.assert_array_equal(matched(far, home, demand), far)  # with any numbers before


# ------------------------------------------------------------------------------------------------- drawing boundaries


def test_means_go_where_the_demand_is() -> None:
    """Two of three stations in a row share a region: the near ones, unless the far one has next to no demand."""
    places = np.column_stack([[0.0, 10.0, 16.0], np.zeros((3, 2))])
    even = kmeans(Stations(("a", "b", "c"), places, np.full(3, 1 / 3), np.ones(3)), 2, 0, 5)
    assert even[0] != even[1] == even[2]
    light = kmeans(Stations(("a", "b", "c"), places, np.array([0.01, 0.5, 0.49]), np.ones(3)), 2, 0, 5)
    assert light[0] == light[1] != light[2]


def test_the_same_seed_draws_the_same_means() -> None:
    stations = some_stations(30, 1)
    labels = kmeans(stations, 4, 5, 3)
    np.testing.assert_array_equal(labels, kmeans(stations, 4, 5, 3))
    assert set(labels.tolist()) == {0, 1, 2, 3}


@pytest.mark.parametrize(("seed", "regions", "tolerance"), [(0, 3, 0.1), (1, 4, 0.15), (2, 2, 0.03)])
def test_territories_are_balanced_and_in_one_piece(seed: int, regions: int, tolerance: float) -> None:
    stations = some_stations(24, seed, spread=0.5)
    graph = gabriel_graph(stations.places)
    starts = [kmeans(stations, regions, i, 1) for i in range(3)]
    labels = territories(stations, graph, tolerance, starts)
    assert labels is not None and set(labels.tolist()) == set(range(regions))
    assert np.abs(loads(labels, stations.demand) - 1).max() <= tolerance + 1e-5
    assert all_whole(graph, labels)
    assert np.abs(loads(starts[0], stations.demand) - 1).max() > tolerance  # k-means are not


def test_territories_are_as_short_as_any_balanced_halves() -> None:
    """Every split of ten stations into two, counted out."""
    stations = some_stations(10, 4, spread=0.5)
    graph = gabriel_graph(stations.places)
    splits = [np.array([0, *rest]) for rest in product((0, 1), repeat=9) if any(rest)]
    allowed = [
        labels
        for labels in splits
        if np.abs(loads(labels, stations.demand) - 1).max() <= 0.2 and all_whole(graph, labels)
    ]
    labels = territories(stations, graph, 0.2, [kmeans(stations, 2, i, 1) for i in range(4)])
    assert labels is not None and len(allowed) > 3
    best = min(weighted_miles(stations, one) for one in allowed)
    assert weighted_miles(stations, labels) == pytest.approx(best, rel=2e-3)


def test_no_territories_where_one_station_is_too_large() -> None:
    stations = some_stations(8, 0)
    stations = stations._replace(demand=np.array([0.9, *np.full(7, 0.1 / 7)]))
    assert territories(stations, gabriel_graph(stations.places), 0.1, [kmeans(stations, 2, 0, 1)]) is None


# -------------------------------------------------------------------------------------------------------------- search


def test_a_move_keeps_regions_whole_and_within_the_balance() -> None:
    stations = some_stations(30, 3)
    graph = gabriel_graph(stations.places)
    labels = kmeans(stations, 4, 0, 20)
    labels = labels if all_whole(graph, labels) else territories(stations, graph, 0.9, [labels])  # type: ignore[assignment]
    rng, steps = np.random.default_rng(0), 0
    for _ in range(60):
        found = moves(labels, stations, graph, 1.6)
        if not found:
            break
        move = found[int(rng.integers(len(found)))]
        assert set(labels[list(move.stations)]) == {move.origin} != {move.dest}
        labels = labels.copy()
        labels[list(move.stations)] = move.dest
        steps += 1
        assert all_whole(graph, labels) and len(np.unique(labels)) == 4
        assert loads(labels, stations.demand)[move.dest] <= 1.6 + 1e-9
    assert steps > 20


def test_no_move_takes_a_regions_last_fulfillment_center() -> None:
    stations = some_stations(12, 2)
    graph, labels = gabriel_graph(stations.places), kmeans(stations, 3, 0, 5)
    only = int(np.flatnonzero(labels == 0)[0])
    scarce = stations._replace(fcs=np.where((labels != 0) | (np.arange(12) == only), 1, 0))
    freely, kept = (
        {move for move in moves(labels, one, graph, 9) if only in move.stations} for one in (stations, scarce)
    )
    assert freely and not kept


def hidden(target: np.ndarray, demand: np.ndarray) -> Measure:
    """An objective that is least at a target, on four noisy episodes."""
    noise = np.random.default_rng(9).normal(size=4)
    return lambda labels: (labels != target) @ demand + noise


def test_a_search_finds_a_better_boundary_within_its_budget() -> None:
    stations = some_stations(20, 5, spread=0.3)
    graph = gabriel_graph(stations.places)
    target, start = (territories(stations, graph, tolerance, [kmeans(stations, 3, 2, 1)]) for tolerance in (0.5, 0.12))
    assert target is not None and start is not None
    target = matched(target, start, stations.demand)
    assert (target != start).any()
    measure = hidden(target, stations.demand)
    found = search(start, stations, graph, Search(evaluations=400, episodes=4, balance=2), 0, measure)
    assert found.ended and found.evaluations < 400
    np.testing.assert_array_equal(found.labels, target)
    again = search(start, stations, graph, Search(evaluations=400, episodes=4, balance=2), 0, measure)
    assert [one.move for one in again.taken] == [one.move for one in found.taken]
    short = search(start, stations, graph, Search(evaluations=5, episodes=4, balance=2), 0, measure)
    assert (short.evaluations, short.ended) == (5, False)
    assert [one.move for one in short.taken] == [one.move for one in found.taken][: len(short.taken)]


def test_a_gain_within_its_standard_error_is_not_taken() -> None:
    """Every boundary but the start is a little better in the mean, and far worse in one episode of four."""
    stations = some_stations(12, 6, spread=0.3)
    start = kmeans(stations, 2, 0, 5)

    def measure(labels: np.ndarray) -> np.ndarray:
        return np.zeros(4) if (labels == start).all() else np.array([1.0, -0.5, -0.5, -0.2])

    found = search(start, stations, gabriel_graph(stations.places), Search(episodes=4), 0, measure)
    assert not found.taken and found.ended
    np.testing.assert_array_equal(found.labels, start)
