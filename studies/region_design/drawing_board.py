"""The boundaries that a study compares: drawn, named after the reference's regions, and written as files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from regional_dispatch.envs.world.network import Network, build_network
from regional_dispatch.envs.world.partition import label_sites
from regional_dispatch.envs.world.scenario import Boundary, Scenario, ScenarioError
from regional_dispatch.evaluation.cells import digest
from regional_dispatch.planning.regions.boundaries import (
    gabriel_graph,
    kmeans,
    matched,
    region_names,
    stations_of,
    write_boundary,
)
from regional_dispatch.planning.regions.territories import territories
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.framework.planned import on_all_lanes, on_planned_lanes

if TYPE_CHECKING:
    from regional_dispatch.studies.region_design.study import RegionDesign

STATES, REFERENCE, BALANCED, KMEANS = "state map", "reference", "balanced bisection", "k-means"
TERRITORIES, SEARCHED, OWN, NATION = "balanced territories", "local search", "your boundary", "one nation"
KMEANS_STARTS = 10  # of k-means for each of the territories': they take a hundredth of the time


class Drawn(NamedTuple):
    """A boundary that can be played."""

    labels: np.ndarray  # (D,) region numbers, matched with those of the reference
    world: Scenario
    without_fc: tuple[str, ...]  # regions without a fulfillment center

    @property
    def regions(self) -> int:
        return len(np.unique(self.labels))


class Board:
    """Draws boundaries and writes their files; all of them use the reference's region numbers and names."""

    def __init__(self, study: RegionDesign, lab: Lab) -> None:
        self.study, self.lab = study, lab
        self.name = STATES if study.reference.kind == "states" else REFERENCE
        boundary = study.reference.model_dump(mode="json", exclude_none=True)
        nation = study.world({**study.nation, "partition": {"kind": "national", "counted_by": boundary}})
        self.reference = on_all_lanes(study.world({"partition": boundary}))
        self.network = build_network(self.reference)
        count = self.network.net.stations
        if study.regions > count:
            raise ScenarioError(
                f"study region_design: regions = {study.regions}: more regions than stations ({count}); lower it"
            )
        if study.own is not None:  # an unusable file is found before anything is written
            label_sites(self.reference, self.network.sites, Boundary(kind="file", path=str(study.own.absolute())))
        self.home = _of_stations(self.network)
        self.sites = tuple(self.network.sites["name"].iloc[-count:])
        self.names = region_names(self.network.region_names, count)
        with self.tried(np.arange(count)) as apart:
            self.stations = stations_of(build_network(apart))
        self.graph = gabriel_graph(self.stations.places)
        self.nation = on_planned_lanes(lab, nation)

    def all(self) -> dict[str, Drawn]:
        """Every boundary but the search's, the reference first.

        Raises:
            ScenarioError: no balanced one was found, or the user's names an unknown site.
        """
        study = self.study
        own = {} if study.own is None else {OWN: self._own(study.own)}
        halves = label_sites(self.reference, self.network.sites, Boundary(kind="balanced", regions=study.regions))
        bisected = halves.of_site[-len(self.stations.names) :].astype(np.int64)
        means = kmeans(self.stations, study.regions, study.seed, KMEANS_STARTS * study.starts)
        return {
            self.name: self._given(self.name, self.reference),
            BALANCED: self.draw(BALANCED, bisected),
            KMEANS: self.draw(KMEANS, means),
            TERRITORIES: self.draw(TERRITORIES, self._territories(bisected)),
            **own,
        }

    def _territories(self, bisected: np.ndarray) -> np.ndarray:
        study, demand = self.study, self.stations.demand
        seeds = range(study.seed, study.seed + study.starts - 1)
        starts = [bisected, *(kmeans(self.stations, study.regions, seed, 1) for seed in seeds)]
        labels = territories(self.stations, self.graph, study.tolerance, starts)
        if labels is None:
            most = int(demand.argmax())
            raise ScenarioError(
                f"study region_design: tolerance = {study.tolerance:g}: no contiguous boundary of {study.regions} "
                f"regions was found whose demand is within {100 * study.tolerance:g} % of the mean; station "
                f"'{self.stations.names[most]}' alone has {100 * demand[most] * study.regions:.0f} % of it; raise "
                "tolerance or starts, or lower regions"
            )
        return labels

    def draw(self, name: str, labels: np.ndarray) -> Drawn:
        """A boundary of stations as a file and a world."""
        labels = matched(labels, self.home, self.stations.demand)
        path = self._write(name, labels)
        return self._drawn(labels, self._filed(path))

    @contextmanager
    def tried(self, labels: np.ndarray) -> Iterator[Scenario]:
        """The world of a boundary that is only tried, without a plan of lanes. Its file is deleted afterwards."""
        path = self._write(f"tried_{digest(labels)[:16]}", labels)
        try:
            yield self._filed(path)
        finally:
            path.unlink()

    def _own(self, path: Path) -> Drawn:
        return self._given(OWN, self._filed(path.absolute()))

    def _given(self, name: str, world: Scenario) -> Drawn:
        """A boundary that already exists; the file written here names every site."""
        network = build_network(world)
        write_boundary(self.path(name), network.sites["name"], network.sites["region"])
        return self._drawn(matched(_of_stations(network), self.home, self.stations.demand), world)

    def _drawn(self, labels: np.ndarray, world: Scenario) -> Drawn:
        """Stock is laid out for the regions as the world is built; lanes are planned here."""
        world = on_planned_lanes(self.lab, world)
        network = build_network(world)
        stocked = set(network.net.region_of_site[: network.net.fcs].tolist())
        without_fc = tuple(name for r, name in enumerate(network.region_names) if r not in stocked)
        return Drawn(labels, world, without_fc)

    def _write(self, name: str, labels: np.ndarray) -> Path:
        path = self.path(name)
        write_boundary(path, self.sites, [self.names[r] for r in labels])
        return path

    def path(self, name: str) -> Path:
        """The path of a boundary's file."""
        return self.lab.worlds / f"{name.replace(' ', '_')}.csv"

    def _filed(self, path: Path) -> Scenario:
        return on_all_lanes(self.study.world({"partition": {"kind": "file", "path": str(path.absolute())}}))


def _of_stations(network: Network) -> np.ndarray:
    """(D,) region number per station."""
    return network.net.region_of_site[-network.net.stations :].astype(np.int64)
