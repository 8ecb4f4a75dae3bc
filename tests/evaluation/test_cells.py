"""What a cell's fingerprint depends on."""

from __future__ import annotations

import numpy as np

from regional_dispatch.evaluation.cells import digest

RECORD = np.dtype([("a", "i4"), ("b", "f8")], align=True)  # four bytes between the two belong to neither


def records(between: int) -> np.ndarray:
    array = np.full(3 * RECORD.itemsize, between, np.uint8).view(RECORD)
    array["a"], array["b"] = [1, 2, 3], [0.5, 1.5, 2.5]
    return array


def test_bytes_between_fields_do_not_count_and_every_field_does() -> None:
    assert digest(records(0)) == digest(records(255))
    changed = records(0)
    changed["b"][1] = 1.25
    assert digest(changed) != digest(records(0))
