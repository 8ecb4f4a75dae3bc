"""A what-if as a user types it: options of `evaluate.py whatif` as the fields of `Scenario.what_if`."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from regional_dispatch.envs.world.reading import read_text
from regional_dispatch.envs.world.scenario import Scenario, Trucks, WhatIf
from regional_dispatch.envs.world.trace import fitted
from regional_dispatch.evaluation.errors import InputError

_ADDED = ("name", "kind", "latitude", "longitude", "per_hour", "trucks")
_TRUCKS = "trucks."


def asked(
    scenario: Scenario, close: Sequence[str] = (), add: Sequence[str] = (), move: Sequence[str] = (),
    capacity: Sequence[str] = (), fleet: Sequence[str] = (), stock: Sequence[str] = (),
    stock_of_closed: str | None = None, stock_of_added: str | None = None,
) -> Scenario:  # fmt: skip
    """The scenario with a question: what its file asks, and what the options ask beside it.

    Args:
        scenario: may have a `what_if`.
        close: names of sites.
        add: `NAME,KIND,LATITUDE,LONGITUDE[,PER_HOUR[,TRUCKS]]`, or a CSV file with these columns.
        move: `SITE=LATITUDE,LONGITUDE`.
        capacity: `SITE=PER_HOUR` or `SITE=×FACTOR`.
        fleet: `SITE=TRUCKS`, `SITE=×FACTOR`, or a field of all trucks, `trucks.capacity_packages=24`.
        stock: `FC→FC=SHARE`, such as `FC A→FC B=20%`.
        stock_of_closed: `moved` or `lost`.
        stock_of_added: `taken` or `none`.

    Raises:
        InputError: an option is not written like that, or nothing is asked.
    """
    old = scenario.what_if.model_dump(exclude_unset=True) if scenario.what_if else {}
    trucks, sites = _fleet(fleet)
    fields: dict[str, Any] = {
        "close": [*old.get("close", ()), *close],
        "add": [*old.get("add", ()), *_added(add)],
        "move": {**old.get("move", {}), **{name: _place(name, text) for name, text in _pairs("--move", move)}},
        "capacity": {**old.get("capacity", {}), **dict(_pairs("--capacity", capacity))},
        "fleet": {**old.get("fleet", {}), **sites},
        "stock": [*old.get("stock", ()), *(_stock_move(text) for text in stock)],
    }
    fields = {name: value for name, value in fields.items() if value}
    if not fields and not trucks and not old:
        raise InputError(
            "nothing is asked: give --close, --add, --move, --capacity, --fleet or --stock, or what_if in the scenario"
        )
    choices = {"stock_of_closed": stock_of_closed, "stock_of_added": stock_of_added}
    fields |= {name: value for name, value in choices.items() if value is not None}
    try:
        changed = Trucks.model_validate({**scenario.trucks.model_dump(exclude_unset=True), **trucks})
        if trucks:
            sized = fitted(scenario).trucks  # their size may follow from a trace
            present = {name: getattr(sized, name) for name in trucks}
            fields["trucks_before"] = {**present, **old.get("trucks_before", {})}
        change = WhatIf.model_validate({**old, **fields})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        text = first["msg"].removeprefix("Value error, ")
        raise InputError(f"what_if.{where} = {first['input']!r}: {text}") from None
    return scenario.model_copy(update={"what_if": change, "trucks": changed})


def _pairs(option: str, texts: Iterable[str]) -> list[tuple[str, str]]:
    """`SITE=VALUE` as pairs; a name may hold `=`, a value may not."""
    found = []
    for text in texts:
        name, equals, value = text.rpartition("=")
        if not equals or not name.strip() or not value.strip():
            raise InputError(f"{option} {text}: write SITE=VALUE")
        found.append((name.strip(), value.strip()))
    return found


def _place(name: str, text: str) -> list[float]:
    try:
        latitude, longitude = map(float, text.split(","))
    except ValueError:
        raise InputError(f"--move {name}={text}: write SITE=LATITUDE,LONGITUDE, such as 'SC X=40.1,-75.2'") from None
    return [latitude, longitude]


def _fleet(texts: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Fields of all trucks, and sites with another number of them."""
    pairs = _pairs("--fleet", texts)
    trucks = {name.removeprefix(_TRUCKS): value for name, value in pairs if name.startswith(_TRUCKS)}
    unknown = sorted(set(trucks) - set(Trucks.model_fields))
    if unknown:
        raise InputError(f"--fleet {_TRUCKS}{unknown[0]}: no such field; it has {', '.join(Trucks.model_fields)}")
    return trucks, {name: value for name, value in pairs if not name.startswith(_TRUCKS)}


def _stock_move(text: str) -> dict[str, Any]:
    pair, _, value = text.rpartition("=")
    origin, arrow, destination = pair.replace("->", "→").partition("→")
    try:
        share = float(value.removesuffix("%")) / (100 if value.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not arrow or not 0 < share <= 1:
        raise InputError(f"--stock {text}: write FC→FC=SHARE with a share above 0 and at most 1, such as 'A→B=20%'")
    return {"origin": origin.strip(), "destination": destination.strip(), "share": share}


def _added(texts: Iterable[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for text in texts:
        rows += _file(Path(text)) if text.endswith(".csv") else [_row(text, next(csv.reader([text])))]
    return rows


def _file(path: Path) -> list[dict[str, Any]]:
    try:
        header, *rows = [line for line in csv.reader(read_text(path).splitlines()) if line]
    except (csv.Error, ValueError) as error:
        raise InputError(f"--add {path}: not readable: {error}; give a CSV with columns {', '.join(_ADDED)}") from None
    header = [cell.strip() for cell in header]
    unknown = [cell for cell in header if cell not in _ADDED] + [cell for cell in _ADDED[:4] if cell not in header]
    if unknown:
        raise InputError(f"--add {path}: column '{unknown[0]}' is missing or unknown; give {', '.join(_ADDED)}")
    return [{name: cell.strip() for name, cell in zip(header, row, strict=False) if cell.strip()} for row in rows]


def _row(text: str, cells: list[str]) -> dict[str, Any]:
    if not 4 <= len(cells) <= len(_ADDED):
        raise InputError(f"--add {text}: write {','.join(_ADDED[:4])}[,per_hour[,trucks]], or name a CSV file")
    return {name: cell.strip() for name, cell in zip(_ADDED, cells, strict=False) if cell.strip()}
