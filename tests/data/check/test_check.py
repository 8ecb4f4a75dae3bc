"""The check of a scenario: everything at once, in the YAML too, and sizes that do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from regional_dispatch.data.check.check import check
from regional_dispatch.data.check.show import as_json, summary
from tests.envs.world.tables.writing import LANES, ORDERS, SITES

SCENARIO = """name: mine
horizon_hours: 48
warmup_hours: 0
network: {kind: tables, sites: sites.csv, lanes: lanes.csv}
demand: {kind: trace, path: orders.csv}
trucks: {capacity_packages: 1}
"""


def written(folder: Path, text: str = SCENARIO, **tables: str) -> Path:
    for name, table in {"sites": SITES, "lanes": LANES, "orders": ORDERS, **tables}.items():
        (folder / f"{name}.csv").write_text(table, encoding="utf-8")
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def texts(path: Path, level: str) -> list[str]:
    return [str(finding).replace(f"{path.parent}/", "") for finding in check(path).findings if finding.level == level]


def test_good_tables_have_no_errors_and_say_what_is_assumed(tmp_path: Path) -> None:
    checked = check(written(tmp_path))
    assert not checked.findings.errors and not checked.findings.warnings
    assert any("transit_hours: not given" in str(finding) for finding in checked.findings.assumptions)
    assert "0 errors, 0 warnings" in summary(checked) and "6 sites, 9 lanes, 3 orders, 3 lines, 2 SKUs" in summary(
        checked
    )
    assert as_json(checked)["tables"]["orders"] == 3


def test_generated_lanes_are_said(tmp_path: Path) -> None:
    path = written(tmp_path, SCENARIO.replace(", lanes: lanes.csv", ""))
    assert any("lanes within reach" in text for text in texts(path, "assumed"))


def test_without_names_of_sites_other_tables_are_not_blamed(tmp_path: Path) -> None:
    found = texts(written(tmp_path, sites=SITES.replace("name,", "Nombre,", 1)), "error")
    assert found and all(text.startswith("sites.csv") for text in found)


def test_yaml_and_tables_are_checked_together(tmp_path: Path) -> None:
    text = SCENARIO.replace("horizon_hours: 48", "horizon_hours: -5\nstart_hour: 010\nstart_hour: 3") + "foo: 1\n"
    path = written(tmp_path, text, sites=SITES.replace("40.5,-74.4", "x,-74.4"))
    found = "\n".join(texts(path, "error"))
    for part in (
        "mine.yaml: row 2: horizon_hours = '-5'", "mine.yaml: row 3: 010 means 8", "row 4: 'start_hour' is given",
        "mine.yaml: row 9: foo = '1': unknown field", "sites.csv: row 2: latitude = 'x'",
    ):  # fmt: skip
        assert part in found


def test_tables_are_checked_where_fields_do_not_fit_together(tmp_path: Path) -> None:
    path = written(tmp_path, SCENARIO.replace("warmup_hours: 0", "warmup_hours: 90"), lanes=LANES + "FC Q,DS P,3\n")
    found = "\n".join(texts(path, "error"))
    assert "warmup_hours 90.0 must be below" in found and "lanes.csv: row 11: origin = 'FC Q'" in found


@pytest.mark.parametrize(
    ("text", "orders", "message"),
    [
        (SCENARIO.replace("packages: 1", "packages: 2000"), ORDERS, "full: they get 0.75 orders a day"),
        (SCENARIO.replace("48", "400"), ORDERS, "the last order is at hour 30 of an episode of 400 hours"),
        (SCENARIO, ORDERS + "c,30,DS P,007,3,60\n", "order = 'c': 1 lines repeat another line of their order"),
        (SCENARIO + "stock: {placement: placement.csv}\n", ORDERS,
         "sku = '7': 1 of 2 SKUs are ordered, but have no stock anywhere: 1 lines (33.3%) are lost"),
        (SCENARIO + "stock: {placement: placement.csv}\n", ORDERS,
         "row 3: sku = 'old': 1 SKUs are stocked, but never ordered"),
    ],
)  # fmt: skip
def test_sizes_that_do_not_fit_are_warned_of(tmp_path: Path, text: str, orders: str, message: str) -> None:
    (tmp_path / "placement.csv").write_text("sku,site,units\n007,FC A,5\nold,FC A,5\n", encoding="utf-8")
    assert any(message in found for found in texts(written(tmp_path, text, orders=orders), "warning"))


def test_states_and_stations_are_looked_at_with_the_rest(tmp_path: Path) -> None:
    text = SCENARIO + "partition: {kind: states, map: us8}\n"
    path = written(tmp_path, text, sites=SITES.replace("NJ", "").replace("MD,", "XX,"), lanes=LANES + "FC Q,DS P,3\n")
    found = "\n".join(texts(path, "error"))
    for part in ("is empty: of site 'FC A' and 1 more", "state = 'XX': the state of site 'FC B'", "origin = 'FC Q'"):
        assert part in found
    assert any("1 stations have no order, such as 'DS R'" in text for text in texts(written(tmp_path), "assumed"))


def test_a_sku_that_lost_its_zeros_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "placement.csv").write_text("sku,site,units\n007,FC A,5\n12,FC A,5\n", encoding="utf-8")
    path = written(tmp_path, SCENARIO + "stock: {placement: placement.csv}\n", orders=ORDERS.replace(",7,", ",012,"))
    assert any("sku = '12': is ordered with zeros in front" in found for found in texts(path, "error"))


def test_a_shipped_scenario_is_checked_by_name() -> None:
    assert not check("small").findings.errors


def test_the_scenario_file_itself_must_be_readable(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such file"):
        check(tmp_path / "nosuch.yaml")
    path = tmp_path / "list.yaml"
    path.write_text(yaml.safe_dump([1]), encoding="utf-8")
    with pytest.raises(ValueError, match="must be a mapping"):
        check(path)
