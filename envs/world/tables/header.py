"""Which column of a file is which column of a table."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from regional_dispatch.envs.world.findings import Findings
from regional_dispatch.envs.world.tables.options import Options
from regional_dispatch.envs.world.tables.schema import MILES_PER_KM, REGIONS, SITES, Column, Table

_ALIKE = 0.8  # two names this similar are taken for a slip of the pen


class Place(NamedTuple):
    """Where a column of a table stands in a file."""

    column: Column
    position: int
    factor: float  # by which its numbers are multiplied


def plain(name: str) -> str:
    """A name of a column without capitals, and with `_` for spaces and hyphens."""
    folded = unicodedata.normalize("NFC", name).strip().strip("\ufeff").casefold()
    return "_".join(folded.replace("-", " ").replace("_", " ").split())


def recognised(names: Sequence[str], table: Table, options: Options) -> int:
    """How many names of a file's columns the table knows."""
    known = {plain(name) for name in options.columns.values()}
    for column in table.columns:
        known.update((column.name, *column.also, *(name for name, _ in column.scaled)))
    return len(known & {plain(name) for name in names})


def place_columns(
    file: str, names: Sequence[str], table: Table, options: Options, findings: Findings
) -> dict[str, Place]:
    """Where each column of a table stands.

    Args:
        file: for findings.
        names: of the file's columns, in their order.
        table: its columns.
        options: `columns` comes before all other names.
        findings: unknown, doubled and missing columns are added.

    Returns:
        Name of a column → its place; columns that the file does not have are left out.
    """
    found: dict[str, Place] = {}
    free = {i: plain(name) for i, name in enumerate(names) if plain(name)}
    _mapped(file, names, table, options, findings, free, found)
    for i in [i for i in free if sum(name == free[i] for name in free.values()) > 1 and _known(free[i], table)]:
        if list(free.values()).index(free[i]) != list(free).index(i):
            findings.error(file, "the column is there twice", "remove or rename one", column=names[i].strip())
    for level in (_own_name, _other_name):  # own names first, so that an `sku` wins over a `product_id`
        for i in list(free):
            place = level(free[i], i, table, options)
            if place is None:
                continue
            name = place.column.name
            if name not in found:
                found[name] = place
                del free[i]
                if level is _other_name:
                    _say(file, names[i], place, findings)
            elif level is _other_name:
                taken = names[found[name].position].strip()
                findings.warning(
                    file,
                    f"not read, as '{taken}' is there",
                    f"name one of them in columns: {{{name}: …}} if the other is meant",
                    column=names[i].strip(),
                )
                del free[i]
    _unknown(file, names, table, findings, free, found)
    for column in table.columns:
        if column.required and column.name not in found:
            findings.error(file, f"column '{column.name}' is missing", "add it, or say which column it is with columns")
    return found


def say_absent(file: str, found: dict[str, Place], table: Table, findings: Findings) -> None:
    """Adds what is assumed for each column that a file does not have."""
    for column in table.columns:
        if column.missing and not (column.required or column.name in found or found.keys() & set(column.instead)):
            findings.assumed(file, f"not given: {column.missing}", column=column.name)


def _mapped(
    file: str, names: Sequence[str], table: Table, options: Options, findings: Findings,
    free: dict[int, str], found: dict[str, Place],
) -> None:  # fmt: skip
    """Places the columns that the scenario names."""
    known = {column.name for column in table.columns}
    for name, theirs in options.columns.items():
        if name not in known:
            findings.error(
                file, f"columns: '{name}' is no column of {table.name}", f"name one of {', '.join(sorted(known))}"
            )
            continue
        at = [i for i, given in free.items() if given == plain(str(theirs))]
        if not at:
            there = ", ".join(given.strip() for given in names)
            findings.error(file, f"columns: there is no column '{theirs}' for {name}", f"name one of: {there}")
            continue
        column = table.column(name)
        factor = dict(column.scaled).get(free[at[0]], 1.0)
        if factor == 1.0 and column.scaled and options.distance == "km":
            factor = MILES_PER_KM
        found[name] = Place(column, at[0], factor)
        del free[at[0]]


def _own_name(name: str, position: int, table: Table, options: Options) -> Place | None:
    """The place of a column that stands under its own name."""
    column = next((column for column in table.columns if column.name == name), None)
    if column is None:
        return None
    return Place(column, position, MILES_PER_KM if column.scaled and options.distance == "km" else 1.0)


def _other_name(name: str, position: int, table: Table, options: Options) -> Place | None:
    """The place of a column that stands under another of its names, or in another unit."""
    for column in table.columns:
        factors = dict(column.scaled)
        if name in factors:
            return Place(column, position, factors[name])
        if column.scaled and name in ("distance", "length") and options.distance == "km":
            return Place(column, position, MILES_PER_KM)
        if name in column.also or (column.unit == "USD" and name == f"cost_{options.money.casefold()}"):
            return Place(column, position, 1.0)
    return None


def _say(file: str, name: str, place: Place, findings: Findings) -> None:
    unit = f", × {place.factor:g}" if place.factor != 1 else ""
    findings.assumed(file, f"read as {place.column.name}{unit}", column=name.strip())


def _known(name: str, table: Table) -> bool:
    return any(name == column.name for column in table.columns)


def _unknown(
    file: str, names: Sequence[str], table: Table, findings: Findings, free: dict[int, str], found: dict[str, Place]
) -> None:
    """Says which columns are not read; one that is almost the name of a missing column is an error."""
    absent = [column.name for column in table.columns if column.name not in found]
    unread = []
    for i, name in free.items():
        if _known(name, table):
            continue  # said: it is there twice
        alike = difflib.get_close_matches(name, absent, 1, _ALIKE)
        shown = names[i].strip()
        if name in ("distance", "length") and "miles" in absent:
            mend = "rename it to miles or km, or set network.units: {distance: km}"
            findings.error(file, "a distance in miles or in kilometres?", mend, column=shown)
        elif name.startswith("cost_") and "departure_usd" in absent:
            currency = name.removeprefix("cost_").upper()
            mend = f"set network.units: {{money: {currency}}}, and give all costs in it"
            findings.error(file, "a cost in another currency?", mend, column=shown)
        elif table is REGIONS and any(name == column.name for column in SITES.columns):
            continue  # the table of sites serves as one of regions
        elif alike:
            findings.error(file, f"unknown column; is it {alike[0]}?", "rename or remove it", column=shown)
        else:
            unread.append(shown)
    if unread:
        findings.warning(file, f"not read: {', '.join(unread)}", "name such a column in columns if it is meant")
