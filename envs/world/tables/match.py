"""Names in a pandas table as numbers of sites; `names` does the same for columns of Arrow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.findings import Findings, Level


class Spelling:
    """Names that are known, by number, and how they may be spelled: as they are, or with other capitals."""

    def __init__(self, known: Sequence[str]) -> None:
        self.known = known
        self._exact: dict[str, int] = {}
        for i, name in enumerate(known):
            self._exact.setdefault(name, i)
        count = Counter(name.casefold() for name in self._exact)
        self._folded = {name.casefold(): i for name, i in self._exact.items() if count[name.casefold()] == 1}

    def exact(self, text: str) -> int:
        """The number of a name spelled as it is known, else −1."""
        return self._exact.get(text, -1)

    def number(self, text: str) -> int:
        """The number of a name; −1 where it is not known, or several differ from it in capitals alone."""
        return self._exact.get(text, self._folded.get(text.casefold(), -1))


def number_texts(
    path: Path, table: pd.DataFrame, column: str, known: Sequence[str], problem: str, mend: str, findings: Findings,
    level: Level = "error",
) -> np.ndarray:  # fmt: skip
    """The number of the name in each row, −1 where it is empty or unknown: (rows,) int.

    Args:
        path: for findings.
        table: indexed by row of the file.
        column: with the names.
        known: names, by number.
        problem: what an unknown name is.
        mend: what to do about it.
        findings: unknown names are added, and names with other capitals.
        level: of unknown names.
    """
    spelling = Spelling(known)
    found = np.array([spelling.number(text) for text in table[column]], dtype=int)
    exact = np.array([spelling.exact(text) >= 0 for text in table[column]], dtype=bool)
    unknown = (found < 0) & (table[column] != "").to_numpy()
    findings.rows(
        level, path, table.index[unknown].to_numpy(), column, table.loc[unknown, column].tolist(), problem, mend
    )
    for at in np.flatnonzero((found >= 0) & ~exact):
        findings.warning(
            path, f"read as '{known[found[at]]}'", "spell names alike", row=table.index[int(at)], column=column,
            value=table[column].iloc[int(at)],
        )  # fmt: skip
    return found
