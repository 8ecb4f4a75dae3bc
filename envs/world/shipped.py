"""Files that come with the package: scenarios, PPO files, tuned baselines, suites, experiments, studies."""

from __future__ import annotations

from pathlib import Path

from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.reading import expanded, plain

HOME = Path(__file__).resolve().parents[2]  # a checkout's root, or the installed package
CONFIGS = HOME / "configs"
# Folder of `configs` → what a file in it is called in errors.
_CALLED = {
    "scenarios": "scenario",
    "ppo": "PPO file",
    "suites": "suite",
    "experiments": "experiment",
    "studies": "study",
}


def find_file(kind: str, name: str | Path) -> Path:
    """The file that a user names, by path or by shipped name.

    Args:
        kind: folder of `configs`: scenarios, ppo, suites, experiments, studies.
        name: a path, absolute or from the working folder; a shipped name (`us8`); or the path of a shipped file in a
            checkout (`configs/scenarios/us8.yaml`), which works from any folder.

    Returns:
        The path; it need not exist if it ends in .yaml or .yml.

    Raises:
        ScenarioError: neither a path nor a shipped name.
    """
    path = expanded(name)
    if _exists(path):
        return path
    if path.suffix in (".yaml", ".yml"):
        shipped = HOME / path
        return shipped if path.parts[:2] == ("configs", kind) and _exists(shipped) else path
    shipped = CONFIGS / kind / f"{name}.yaml"
    if shipped.parent == (CONFIGS / kind) and _exists(shipped):
        return shipped
    called = _CALLED[kind]
    known = ", ".join(sorted(path.stem for path in (CONFIGS / kind).glob("*.yaml")))
    raise ScenarioError(
        f"{called} '{plain(str(name))[:200]}': no such file and no shipped {called} of that name; give a path, or one "
        f"of: {known}"
    )


def _exists(path: Path) -> bool:
    """Whether there is something of that name; a name that no file can have has nothing."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
