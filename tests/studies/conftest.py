"""Fixtures of the studies' tests."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from regional_dispatch.studies.report import charts


@pytest.fixture(scope="module")
def undrawn() -> Iterator[None]:
    """Grids of panels are not drawn, which takes longer than playing; flip and region_count draw theirs."""
    blank = charts.picture(np.zeros((2, 2, 3), np.uint8))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(charts, "png", lambda figure: blank)
        yield
