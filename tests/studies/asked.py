"""Study files that tests ask, and what is read from the answers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import yaml

from regional_dispatch.studies.report.findings import Findings
from tests.commands import TINY

COUNT = """\
study: region_count
title: How many
question: How many regions?
scenario: {here}/tiny.yaml
episodes: 3
policies: [least_cost, regional_nearest]
counts: [1, 2, 3]
weights: {{cost_per_order_usd: 1, click_to_delivery_hours: 0.5}}
variations:
  - {{name: busy, set: {{demand.orders_per_day: 400}}}}
"""


def write_count(folder: Path, **changes: object) -> Path:
    """A study of the number of regions in the tiny world."""
    (folder / "tiny.yaml").write_text(TINY, encoding="utf-8")
    data = {**yaml.safe_load(COUNT.format(here=folder)), **changes}
    path = folder / "count.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return path


def data_of(findings: Findings, name: str) -> pd.DataFrame:
    """The numbers of a figure or table of a page."""
    data = next(part.data for part in findings.parts if part.name == name)
    assert data is not None
    return data
