"""Laws broken on purpose outside the kernel: the project's own tests see each.

Kernel and ledger are in `tests/envs/audit/test_broken_kernel.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.broken import broken_copy

pytestmark = pytest.mark.slow

# What is broken → file, the right text, a wrong one, and the tests that must fail.
BREAKS = {
    "checkpoint": (
        "agents/training/random_states.py",
        'torch.set_rng_state(torch.from_numpy(arrays["torch"].copy()))',
        'torch.from_numpy(arrays["torch"].copy())',
        ("tests/agents/training/test_checkpoints.py", "-k", "same_bits and summed"),
    ),
    "statistics": (
        "evaluation/statistics.py",
        "FEWEST = 3",
        "FEWEST = 1",
        ("tests/evaluation/test_statistics.py", "-k", "few_samples"),
    ),
    "table reader": (
        "envs/world/tables/assembly.py",
        '"units": _take(lines.units, by),',
        '"units": np.minimum(_take(lines.units, by), 2),',
        ("tests/envs/world/tables/test_orders.py", "-k", "as_they_were_placed"),
    ),
}


@pytest.mark.parametrize("law", BREAKS)
def test_a_broken_law_is_seen(law: str, tmp_path: Path) -> None:
    file, right, wrong, tests = BREAKS[law]
    broken_copy(tmp_path, {file: (right, wrong)}, tests=True)

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip

    assert done.returncode == 1, done.stdout[-3000:] + done.stderr[-1000:]
    assert f"FAILED {tests[0]}" in done.stdout
