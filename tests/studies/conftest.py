"""Fixtures of the studies' tests."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from regional_dispatch.studies.region_design import page as region_design_page
from regional_dispatch.studies.report import charts, closeup, flow_figures

BLANK = np.zeros((2, 2, 3), np.uint8)


@pytest.fixture(scope="module")
def undrawn() -> Iterator[None]:
    """Panels and maps of a study are blank: drawing takes longer than playing. The flip's are drawn."""
    png = charts.picture(BLANK)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(charts, "png", lambda figure: png)
        patch.setattr(closeup, "draw_map", lambda *_, **__: BLANK)
        patch.setattr(flow_figures, "draw_spill", lambda *_, **__: BLANK)
        patch.setattr(region_design_page, "boundary_maps", lambda *_: png)
        yield
