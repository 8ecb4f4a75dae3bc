"""What a cell's fingerprint depends on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from regional_dispatch.evaluation.cells import Cell, Store, digest
from tests.worlds import small

RECORD = np.dtype([("a", "i4"), ("b", "f8")], align=True)  # four bytes between the two belong to neither


def kept(folder: Path) -> tuple[Store, Cell, Path]:
    """A kept cell of one episode, and its file."""
    cell, store = Cell("us: rule", small(), (7,), None, None, False, "0" * 32), Store(folder)
    store.write(cell, [{"cost_per_order_usd": 4.25, "orders": 3}])
    return store, cell, folder / f"{'0' * 32}.json"


@pytest.mark.parametrize(
    "spoil", [
        lambda text: text.replace("4.25", "4.24"), lambda text: text[:-20], lambda text: "[" * 100_000,
        lambda text: text.replace('"orders": 3', '"orders": NaN'), lambda text: json.dumps({"rows": []}),
        lambda text: "3", lambda text: text.replace('"orders"', '"order"'),
    ],
)  # fmt: skip
def test_a_kept_cell_that_was_edited_is_not_believed(
    spoil: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, cell, path = kept(tmp_path)
    assert store.read(cell) == [{"cost_per_order_usd": 4.25, "orders": 3}]
    assert capsys.readouterr().err == ""
    path.write_text(spoil(path.read_text(encoding="utf-8")), encoding="utf-8")
    assert store.read(cell) is None
    assert capsys.readouterr().err == f"note: {path} (us: rule): edited or damaged, so it is computed again\n"


def test_a_cell_of_another_question_is_not_believed(tmp_path: Path) -> None:
    """Its file renamed to the fingerprint of this one."""
    store, cell, path = kept(tmp_path)
    other = cell._replace(fingerprint="1" * 32)
    path.rename(tmp_path / f"{'1' * 32}.json")
    assert store.read(other) is None
    assert store.read(cell) is None


def records(between: int) -> np.ndarray:
    array = np.full(3 * RECORD.itemsize, between, np.uint8).view(RECORD)
    array["a"], array["b"] = [1, 2, 3], [0.5, 1.5, 2.5]
    return array


def test_bytes_between_fields_do_not_count_and_every_field_does() -> None:
    assert digest(records(0)) == digest(records(255))
    changed = records(0)
    changed["b"][1] = 1.25
    assert digest(changed) != digest(records(0))
