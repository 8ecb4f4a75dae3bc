"""What is sent to a cluster, and what has to be equal there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from regional_dispatch.evaluation.execution.package import Build, copy_package, differences, own_build

SHOW = "import regional_dispatch, json; from regional_dispatch.evaluation.execution.package import own_build as b; "


def test_the_copy_is_imported_without_a_checkout_and_is_the_same_build(tmp_path: Path) -> None:
    package = copy_package(tmp_path)
    paths = {**os.environ, "PYTHONPATH": str(tmp_path)}
    shown = subprocess.run(
        [sys.executable, "-c", SHOW + "print(regional_dispatch.__file__, b().sources)"],
        cwd=tmp_path, env=paths, check=True, capture_output=True, text=True, timeout=60,
    ).stdout.split()  # fmt: skip
    assert shown == [str(package / "__init__.py"), own_build().sources]
    assert not list(package.rglob("__pycache__")) or not (package / "tests").exists()


def test_other_versions_are_named() -> None:
    here = Build("a", {"python": "3.11.7", "numpy": "2.3.0", "torch": "2.13.0"})
    assert differences(here, here) == []
    there = Build("b", {"python": "3.11.7", "numpy": "2.2.0"})
    assert differences(there, here) == [
        "numpy 2.2.0 in place of 2.3.0", "torch missing in place of 2.13.0", "another version of this package",
    ]  # fmt: skip
