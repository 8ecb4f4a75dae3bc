"""What the numbers of a run depend on, kept in its checkpoints so that no run goes on in another world.

The seed, the PPO file and the scenario are kept field by field. Digests are kept of the tables and traces that the
scenario names, of the worlds built from them, and of the rule that takes the decisions which are not trained.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from regional_dispatch import __version__
from regional_dispatch.agents.errors import PolicyFileError
from regional_dispatch.envs.kernel.decisions.score import Scorer
from regional_dispatch.envs.world.digest import built, digest
from regional_dispatch.envs.world.reading import printable
from regional_dispatch.envs.world.relocation import with_paths
from regional_dispatch.envs.world.scenario import Scenario

MOST_NAMED = 3  # changes that a message names


def fingerprint(worlds: Sequence[Scenario]) -> dict[str, Any]:
    """Digests: `worlds`, of all worlds and their scenarios; `tables`, of each file that they name, by its path."""
    tables: dict[str, str] = {}
    for world in worlds:
        with_paths(world, lambda path: tables.setdefault(str(path), _of_file(path)))
    found = tuple((fields(world), built(world)) for world in worlds)
    return {"worlds": digest(*(part for one in found for part in one)), "tables": tables}


def fields(scenario: Scenario) -> dict[str, Any]:
    """All fields of a scenario but the places of its files, which may be copied elsewhere."""
    whole = Scenario(**scenario.model_dump(mode="json"), source_file=scenario.source_file)
    return with_paths(whole, lambda path: "a file")


def origin(
    seed: int, ppo: Mapping[str, Any], scenario: Scenario, worlds: Mapping[str, Any], rules: Mapping[str, Scorer]
) -> dict[str, Any]:
    """What a checkpoint says of the run that wrote it, as JSON values.

    Args:
        seed: of the run.
        ppo: fields of its PPO file.
        scenario: that it trains on.
        worlds: see `fingerprint`.
        rules: that take the decisions which are not trained.
    """
    own = {"version": __version__, "seed": seed, "ppo": dict(ppo), "scenario": fields(scenario)}
    return {**own, **worlds, "rules": digest(*sorted(rules.items()))}


def check_origin(checkpoint: Path, saved: Any, now: Mapping[str, Any], config: Path) -> None:
    """Checks that a run goes on with what it was begun with.

    Args:
        checkpoint: for the message.
        saved: the checkpoint's `origin`.
        now: that of the run which is to go on.
        config: the file that the run was read from, for the message.

    Raises:
        PolicyFileError: something has changed; the text says what.
    """
    if not isinstance(saved, dict) or saved.keys() != now.keys():
        raise PolicyFileError(f"{checkpoint}: does not say what it was made from; train again")
    if saved["version"] != now["version"]:
        raise PolicyFileError(
            f"{checkpoint}: written by version {_shown(saved['version'])}, and this is {now['version']}; resume with "
            "that version, or train again"
        )
    changed = list(_changes(saved, now, ("seed", "ppo", "scenario")))
    if changed:
        more = f", and {len(changed) - MOST_NAMED} more" if len(changed) > MOST_NAMED else ""
        raise PolicyFileError(
            f"{checkpoint}: the run was begun with other values than {config} has now: "
            f"{', '.join(changed[:MOST_NAMED])}{more}; set them back, or train again"
        )
    _check_digests(checkpoint, saved, now)


def _check_digests(checkpoint: Path, saved: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    if saved["worlds"] != now["worlds"]:
        known = set(saved["tables"].values()) if isinstance(saved["tables"], dict) else set()
        tables = [path for path, found in now["tables"].items() if found not in known]
        what = f"{' and '.join(tables)} changed" if tables else "the world built from the scenario changed"
        raise PolicyFileError(
            f"{checkpoint}: {what} since the run was begun; put back what was there, or train again on the new world"
        )
    if saved["rules"] != now["rules"]:
        raise PolicyFileError(
            f"{checkpoint}: the rule that the PPO file names as `other` has other weights than when the run was begun; "
            "put its tuned file back, or train again"
        )


def _changes(saved: Any, now: Any, names: Sequence[str], group: str = "") -> Iterator[str]:
    """Fields that differ: `group.field = new, was old`."""
    for name in names:
        old, new = saved.get(name), now.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _changes(old, new, sorted({*old, *new}, key=str), f"{group}{name}.")
        elif old != new or type(old) is not type(new):
            yield f"{printable(group + name, 60)} = {_shown(new)}, was {_shown(old)}"


def _shown(value: Any) -> str:
    return printable(str(value), 60)


def _of_file(path: Path) -> str:
    """A digest of a file, read piece by piece."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]
