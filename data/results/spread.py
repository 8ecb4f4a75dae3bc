"""Means over episodes with 95 % intervals, and paired differences of policies, for whole tables at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from regional_dispatch.data.results.tables import ROWS, Tables
from regional_dispatch.evaluation.statistics import mean_intervals

LOW, HIGH = "_low", "_high"  # endings of the columns that hold an interval's ends


def spread(episodes: Mapping[str, Sequence[Tables]]) -> Tables:
    """Means over episodes, of all policies one below the other.

    Args:
        episodes: policy → the tables of each of its episodes.

    Returns:
        Table → rows with `policy` first. With two episodes or more, each measurement has `_low` and `_high` beside it.
    """
    return {
        name: _stacked(
            _means({"policy": policy}, name, [tables[name] for tables in played]) for policy, played in episodes.items()
        )
        for name in ROWS
    }


def differences(episodes: Mapping[str, Sequence[Tables]]) -> Tables:
    """Each policy less the first one, episode by episode on the same orders: `spread` of these differences.

    Empty for a single policy.
    """
    first, *others = episodes
    return {
        name: _stacked(
            _means({"policy": policy, "against": first}, name, _less(name, episodes[policy], episodes[first]))
            for policy in others
        )
        for name in (ROWS if others else ())
    }


def _stacked(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(list(tables), ignore_index=True)


def _less(name: str, a: Sequence[Tables], b: Sequence[Tables]) -> list[pd.DataFrame]:
    """One table of each episode of a, less that of the same episode of b."""
    keys = list(ROWS[name])
    values = a[0][name].columns.drop(keys)
    pairs = zip(a, b, strict=True)
    return [pd.concat([x[name][keys], x[name][values] - y[name][values]], axis=1) for x, y in pairs]


def _means(first: Mapping[str, str], name: str, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    keys = list(ROWS[name])
    values = tables[0].columns.drop(keys)
    cells = np.stack([table[values].to_numpy(dtype=float) for table in tables])  # (episodes, rows, columns)
    mean, low, high = mean_intervals(cells.reshape(len(cells), -1))
    out = tables[0][keys].copy()
    for place, (key, value) in enumerate(first.items()):
        out.insert(place, key, value)
    shape, columns = cells.shape[1:], {}
    for i, column in enumerate(values):
        columns[column] = mean.reshape(shape)[:, i]
        if len(tables) > 1:
            columns[column + LOW], columns[column + HIGH] = low.reshape(shape)[:, i], high.reshape(shape)[:, i]
    return pd.concat([out, pd.DataFrame(columns)], axis=1)
