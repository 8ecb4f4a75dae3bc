"""Sites at US metros: how many metros there are, and where sites stand among them."""

from __future__ import annotations

import pandas as pd
import pytest

from regional_dispatch.envs.world.scenario import DATA_DIR, MOST_METROS, ScenarioError, load_scenario
from regional_dispatch.envs.world.sites import build_sites
from tests.worlds import small


def metros() -> pd.DataFrame:
    return pd.read_csv(DATA_DIR / "us_metros.csv")


def test_the_table_of_metros_holds_as_many_as_a_scenario_may_ask_for() -> None:
    table = metros()
    assert len(table) == MOST_METROS
    assert not table.duplicated(["name", "state"]).any()
    assert table["population"].is_monotonic_decreasing
    assert table["state"].nunique() == 49  # the contiguous states and DC


def test_stations_stand_at_the_largest_metros() -> None:
    sites = build_sites(small(network={"stations": 400, "metros": 450}))
    stations = sites[sites["kind"] == "station"]
    largest = metros().head(400)
    assert stations["name"].tolist() == [f"DS {name} {state}" for name, state in largest[["name", "state"]].to_numpy()]
    assert stations["population"].tolist() == largest["population"].tolist()


def test_fcs_are_near_the_people_of_the_metros_that_there_are() -> None:
    """A world of 160 metros is not moved by the smaller ones in the table."""
    few, many = (
        build_sites(small(network={"fulfillment_centers": 40, **more})).set_index("name")
        for more in ({}, {"metros": 600})
    )
    known = set(("FC " + metros().head(160)[["name", "state"]].agg(" ".join, axis=1)).tolist())
    assert set(few.index[few["kind"] == "fc"]) <= known
    assert not set(many.index[many["kind"] == "fc"]) <= known


def test_more_stations_than_metros_are_an_error() -> None:
    with pytest.raises(ScenarioError, match=r"us8.yaml: .*stations 200 must be at most metros 160.*raise metros"):
        load_scenario("us8", {"network.stations": "200"})
