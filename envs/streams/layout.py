"""What a decision looks like: a table with a row per action.

Line and lane decisions share one table. An action is a candidate of a line, or hold (0) and go (1) of a lane. Columns
that say nothing about a kind of decision are 0 there. Features are those of `envs.kernel.decisions.features`.
"""

from __future__ import annotations

import numpy as np
from gymnasium import spaces

from regional_dispatch.envs.kernel.decisions.features import (
    DISPATCH_COUNT,
    DISPATCH_FEATURES,
    LIMIT,
    SOURCE_COUNT,
    SOURCE_FEATURES,
)

LEGAL, LANE, GO, BASE = range(4)
FLAGS = {
    "legal": "1 for actions that can be taken; rows of other actions are 0",
    "lane": "1 if the decision is about a lane, 0 if it is about an order line",
    "go": "1 for go",
    "base": "1 for what the base rule would do; 0 without one",
}
SOURCE_COLUMNS = slice(len(FLAGS), len(FLAGS) + SOURCE_COUNT)
DISPATCH_COLUMNS = slice(SOURCE_COLUMNS.stop, SOURCE_COLUMNS.stop + DISPATCH_COUNT)
COLUMNS = (*FLAGS, *(f"source.{name}" for name in SOURCE_FEATURES), *(f"dispatch.{name}" for name in DISPATCH_FEATURES))
COLUMN_COUNT = len(COLUMNS)
HOLD_GO = 2  # actions of a lane


def decision_space(actions: int, tables: bool) -> spaces.Box:
    """Space of a decision: (actions, COLUMN_COUNT) float32 with `tables`, else the same as one vector."""
    shape = (actions, COLUMN_COUNT) if tables else (actions * COLUMN_COUNT,)
    return spaces.Box(-LIMIT, LIMIT, shape, np.float32)
