"""Mended copies: they have no errors left, mean the same, and the originals are untouched."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from regional_dispatch.data.check.check import check
from regional_dispatch.data.check.fix import write_fixed
from regional_dispatch.evaluation.errors import InputError

FILES = {
    "sites.csv": (
        "Name;Kind;Lat;Lon;Einwohner;Trucks\nLager Köln;FC;50,94;6,96;;10\n"
        "Lager München;Fulfilment Centre;11,58;48,14;;5\nBerlin;Station;52,52;13,40;3.700.000;\n"
        "Hamburg;Station;53,55;9,99;1.900.000;\nKöln;Station;50,94;6,96;1.080.000;\nKöln;Station;50,94;6,96;1.080.000;\n;;;;;\n"
    ).encode("cp1252"),
    "lanes.csv": (
        "von,nach,km\nLager Köln,Berlin,575\nlager köln,Hamburg,425\nLager Köln,Köln,10\n"
        "Lager München,Berlin,\"585,5\"\n"
        "Lager München,Köln,575\nLager München,Köln,575\n"
    ).encode(),
    "orders.csv": (
        "Bestellung\tZeit\tOrt\tArtikel\tMenge\nB1\t05.11.2024 10:30\tBerlin\t007\t1\n"
        "B1\t05.11.2024 10:30\tBerlin\t08\t2\n"
        "B2\t13.11.2024 18:00\tHAMBURG\t007\t-1\nB3\t06.11.2024 09:00\tKöln\t9\t3\n"
    ).encode(),
    "mine.yaml": b"""name: mine
horizon_hours: 96
warmup_hours: 0
calendar: {start: 2024-11-04, time_zone: Europe/Berlin}
network:
  kind: tables
  sites: sites.csv
  lanes: lanes.csv
  columns: {sites: {population: Einwohner}, lanes: {origin: von, destination: nach}}
demand:
  kind: trace
  path: orders.csv
  columns: {order: Bestellung, time: Zeit, station: Ort, sku: Artikel, units: Menge}
""",
}  # fmt: skip


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    folder = tmp_path / "wrong"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    return folder / "mine.yaml"


def test_mended_copies_have_no_errors_and_mean_the_same(wrong: Path, tmp_path: Path) -> None:
    before = check(wrong)
    assert len(before.findings.errors) == 2  # a site and a lane are there twice
    write_fixed(before, tmp_path / "mended")
    after = check(tmp_path / "mended" / "scenario.yaml")
    assert not after.findings.errors and before.tables and after.tables and before.tables.orders and after.tables.orders
    sites = after.tables.sites.set_index("name")
    assert sites.loc["Lager München", ["latitude", "longitude"]].tolist() == [48.14, 11.58]
    assert sites["population"].sum() == 6_680_000 and len(sites) == 5
    assert after.tables.lanes is not None and after.tables.lanes["miles"].round(1).tolist() == [
        357.3,
        264.1,
        6.2,
        363.8,
        357.3,
    ]
    for name in ("hours", "units", "station", "sku"):
        assert getattr(after.tables.orders, name).tolist() == getattr(before.tables.orders, name).tolist()
    assert after.tables.orders.sku_names == before.tables.orders.sku_names == ("9", "08", "007")
    assert {path.name: path.read_bytes() for path in wrong.parent.iterdir()} == FILES


def test_every_change_is_listed(wrong: Path, tmp_path: Path) -> None:
    write_fixed(check(wrong), tmp_path / "mended")
    changes = pd.read_csv(tmp_path / "mended" / "changes.csv", dtype=str).set_index(["file", "row", "column"])
    assert changes.loc[("sites.csv", "2", "latitude"), ["old", "new"]].tolist() == ["50,94", "50.94"]
    assert changes.loc[("lanes.csv", "3", "origin"), "new"] == "Lager Köln"
    assert changes.loc[("orders.csv", "2", "time"), "new"] == "2024-11-05T09:30:00Z"
    assert "it is given twice" in changes["new"].str.cat()


def test_nothing_is_written_over(wrong: Path, tmp_path: Path) -> None:
    checked = check(wrong)
    for folder in (wrong.parent, wrong):
        with pytest.raises(InputError, match="is there already"):
            write_fixed(checked, folder)
    write_fixed(checked, tmp_path / "a")
    with pytest.raises(InputError, match="is there already"):
        write_fixed(checked, tmp_path / "a")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "wrong"]


def test_good_tables_are_copied_as_they_are(wrong: Path, tmp_path: Path) -> None:
    write_fixed(check(wrong), tmp_path / "once")
    write_fixed(check(tmp_path / "once" / "scenario.yaml"), tmp_path / "twice")
    for name in ("sites.csv", "lanes.csv", "orders.csv"):
        assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "twice" / name).read_bytes()
    assert len(pd.read_csv(tmp_path / "twice" / "changes.csv")) == 0
