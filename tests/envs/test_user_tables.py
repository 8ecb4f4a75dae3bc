"""Tables of the user's own: where stock stands, and which region a site belongs to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import ScenarioError
from regional_dispatch.envs.world.stock import place_stock
from tests.worlds import small


def test_stock_stands_where_the_table_says(tmp_path: Path) -> None:
    names = build_network(small()).sites["name"].tolist()
    path = tmp_path / "placement.csv"
    path.write_text(f"sku,site,units\n3,{names[0]},7\n0,{names[2]},9\n", encoding="utf-8")
    world = small(stock={"placement": str(path)})
    base = place_stock(world, build_network(world))
    assert base[3, 0] == 7 and base[0, 2] == 9 and base.sum() == 16


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("999,{fc},1", "row 3: sku = '999': must be a whole number below stock.skus"),
        ("1.5,{fc},1", "row 3: sku = '1.5': must be a whole number"),
        ("1,Atlantis,1", "row 3: site = 'Atlantis': must be the name of a fulfillment center"),
        ("1,{station},1", "row 3: site = .*: must be the name of a fulfillment center"),
        ("1,{fc},40000", "row 3: units = '40000': must lie in 0…32,767"),
        ("1,{fc},-1", "row 3: units = '-1': must be a whole number of at least 0"),
        ("0,{fc},1", "row 3: SKU 0 at '.*' is given twice"),
    ],
)
def test_a_wrong_placement_names_its_row(row: str, message: str, tmp_path: Path) -> None:
    sites = build_network(small()).sites
    fc, station = sites["name"].iloc[0], sites["name"].iloc[-1]
    path = tmp_path / "placement.csv"
    path.write_text(f"sku,site,units\n0,{fc},1\n{row.format(fc=fc, station=station)}\n", encoding="utf-8")
    world = small(stock={"placement": str(path)})
    with pytest.raises(ScenarioError, match=rf"placement\.csv: {message}"):
        place_stock(world, build_network(world))


@pytest.fixture
def stations_only(tmp_path: Path) -> Callable[[], Path]:
    """A boundary that names stations alone: the westernmost half against the rest."""

    def write() -> Path:
        sites = build_network(small()).sites
        own = sites[sites["kind"] == "station"].sort_values("longitude")
        rows = [f"{name},{'West' if i < len(own) / 2 else 'East'}" for i, name in enumerate(own["name"])]
        path = tmp_path / "regions.csv"
        path.write_text("\n".join(["site,region", *rows]), encoding="utf-8")
        return path

    return write


def test_buildings_follow_the_station_nearest_to_them(stations_only: Callable[[], Path]) -> None:
    world = small(partition={"kind": "file", "path": str(stations_only())})
    sites = build_network(world).sites
    stations = sites[sites["kind"] == "station"]
    for site in sites[sites["kind"] != "station"].itertuples():
        across, along = 0.77 * (stations["longitude"] - site.longitude), stations["latitude"] - site.latitude
        assert site.region == stations["region"].iloc[int((across**2 + along**2).to_numpy().argmin())]
    assert set(sites["region"]) == {"East", "West"}
