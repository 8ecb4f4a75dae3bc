"""Tables of stock: where SKUs stand, and what is on the shelves when an episode starts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.findings import Findings
from regional_dispatch.envs.world.tables.match import number_texts
from regional_dispatch.envs.world.tables.options import Options
from regional_dispatch.envs.world.tables.reading import read_frame
from regional_dispatch.envs.world.tables.schema import PLACEMENT, STOCK, Table


class Skus:
    """The SKUs of a scenario by number: those of a trace by name, or numbers from 0 as text."""

    def __init__(self, names: Sequence[str] | None, count: int) -> None:
        """Args:
        names: of the SKUs, by number. Default: they are numbers.
        count: how many numbers there are.
        """
        self.names = names
        self._number = None if names is None else {name: i for i, name in enumerate(names)}
        self.count = count if names is None else len(names)

    def numbers(self, texts: pd.Series) -> np.ndarray:
        """The number of each text, −1 where there is no such SKU: (rows,) int64."""
        if self._number is not None:
            return texts.map(self._number).fillna(-1).to_numpy(np.int64)
        plain = texts.str.fullmatch(r"\d{1,9}(\.0+)?")
        found = pd.to_numeric(texts.where(plain, "-1")).to_numpy(np.int64)
        return np.where(found < self.count, found, -1)

    def texts(self, numbers: pd.Series) -> frozenset[str]:
        """The names of some SKUs."""
        return frozenset(str(i) if self.names is None else self.names[i] for i in numbers.unique())


def read_placement(path: Path, sites: pd.DataFrame, skus: Skus, findings: Findings) -> pd.DataFrame:
    """Base-stock levels by SKU and FC.

    Args:
        path: the file.
        sites: FCs come first; name and kind.
        skus: those of the scenario.
        findings: everything that is wrong or doubtful is added.

    Returns:
        Indexed by row of the file: sku, number; fc, number; units. Rows with errors are left out.
    """
    return _read(path, PLACEMENT, sites, skus, findings)


def read_stock(path: Path, sites: pd.DataFrame, skus: Skus, findings: Findings) -> pd.DataFrame:
    """Stock on hand by SKU and FC; see `read_placement`.

    Returns:
        Indexed by row of the file: sku, number; fc, number; on_hand; base_stock and lead_time_hours, NaN where the file
        says nothing.
    """
    table = _read(path, STOCK, sites, skus, findings)
    for column in ("base_stock", "lead_time_hours"):
        if column not in table:
            table[column] = np.nan
    return table


def _read(path: Path, schema: Table, sites: pd.DataFrame, skus: Skus, findings: Findings) -> pd.DataFrame:
    table = read_frame(path, schema, Options(), findings)
    fcs = sites.loc[sites["kind"] == "fc", "name"].tolist()
    mend = "name an FC as the table of sites does"
    fc = number_texts(path, table, "site", fcs, "must be the name of a fulfillment center", mend, findings)
    sku = skus.numbers(table["sku"])
    unknown = (sku < 0) & (table["sku"] != "").to_numpy()
    if skus.names is None:
        problem = f"must be a whole number below stock.skus = {skus.count}"
        findings.rows(
            "error", path, table.index[unknown].to_numpy(), "sku", table.loc[unknown, "sku"].tolist(), problem
        )
    else:
        _say_not_ordered(path, table, unknown, skus, findings)
    amounts = [column.name for column in schema.columns if column.required and column.kind == "whole"]
    good = (fc >= 0) & (sku >= 0) & table[amounts].notna().all(axis=1).to_numpy()
    table = table.assign(fc=fc, sku_number=sku)[good]
    twice = table.duplicated(["sku_number", "fc"])
    for row in table.index[twice][:100]:
        where = f"SKU {table['sku'][row]} at '{table['site'][row]}'"
        findings.error(path, f"{where} is given twice", "remove one row", row=int(row))
    return table[~twice].drop(columns=["sku", "site"]).rename(columns={"sku_number": "sku"})


def _say_not_ordered(path: Path, table: pd.DataFrame, unknown: np.ndarray, skus: Skus, findings: Findings) -> None:
    """SKUs that no order asks for are left out; those that do without the zeros of an ordered one are errors."""
    names = table.loc[unknown, "sku"]
    if not len(names):
        return
    ordered = {name.lstrip("0") for name in skus.names or () if name.startswith("0")}
    slip = names.isin(ordered)
    findings.rows("error", path, names.index[slip].to_numpy(), "sku", names[slip].tolist(),
                  "is ordered with zeros in front, which spreadsheets remove", "format the column as text")  # fmt: skip
    rest = names[~slip]
    if len(rest):
        problem = f"{rest.nunique():,} SKUs are stocked, but never ordered"
        findings.warning(path, problem, row=int(rest.index[0]), column="sku", value=rest.iloc[0])
