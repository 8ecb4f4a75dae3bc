"""The file of a violation: whole, read without pickle, and refused where it is anything else."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regional_dispatch.envs.audit import violation as v
from regional_dispatch.envs.audit.auditor import AuditError
from regional_dispatch.envs.audit.replay import replay
from regional_dispatch.envs.kernel.decisions.scorers import DEFAULT_BACKGROUND
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.errors import ScenarioError
from tests.worlds import WAITING, small


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A violation that was made by hand after a tick's decisions."""
    folder = tmp_path_factory.mktemp("violations")
    sim = Simulator(small(**WAITING), audit=folder)
    sim.reset(0, 11)
    sim.run(DEFAULT_BACKGROUND, until=40)
    sim.begin(0)
    sim.decide(0, DEFAULT_BACKGROUND)
    sim.state.stock[0, 0, 0] += 1
    with pytest.raises(AuditError):
        sim.finish(0)
    return next(folder.iterdir())


def changed(file: Path, to: Path, **arrays: Any) -> Path:
    """A copy of the file with other arrays; None leaves one out."""
    with np.load(file, allow_pickle=False) as stored:
        kept = {**{name: stored[name] for name in stored.files}, **arrays}
    np.savez(to / "changed.npz", **{name: array for name, array in kept.items() if array is not None})
    return to / "changed.npz"


def test_what_was_done_by_hand_does_not_occur_again(file: Path) -> None:
    found = v.load_violation(file)
    assert found.text.startswith("units: ") and found.tick == 40 and found.scenario.name == "small"
    played = replay(found)
    assert played.found is None and played.same_kernel


def test_the_tick_is_played_with_the_decisions_that_were_made(file: Path) -> None:
    found = v.load_violation(file)
    other = found._replace(decisions={**found.decisions, "choice": found.decisions["choice"][:-1]})
    with pytest.raises(ScenarioError, match="decisions do not fit"):
        replay(other)


def test_a_file_of_other_tables_is_refused(file: Path) -> None:
    with pytest.raises(ScenarioError, match="tables are not what they were"):
        replay(v.load_violation(file)._replace(world="0" * 32))


def test_a_damaged_state_is_refused_before_it_is_played(file: Path, tmp_path: Path) -> None:
    with np.load(file, allow_pickle=False) as stored:
        package = stored["state.package"]
    package["next"] = 10**6
    with pytest.raises(ScenarioError, match=r"state, copy 0: .*no package"):
        replay(v.load_violation(changed(file, tmp_path, **{"state.package": package})))


@pytest.mark.parametrize("missing", ["state.lane", "state.row", "about"])
def test_a_file_that_lacks_something_is_refused(file: Path, tmp_path: Path, missing: str) -> None:
    with pytest.raises(ScenarioError, match=r"lacks 'state\.lane'|is no file of a violation"):
        replay(v.load_violation(changed(file, tmp_path, **{missing: None})))


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_code_in_a_file_is_never_run(tmp_path: Path) -> None:
    made, path = tmp_path / "made", tmp_path / "hostile.npz"
    np.savez(path, about=np.array([Payload(made)], dtype=object), allow_pickle=True)
    for hostile in (path, tmp_path / "pickle.npz"):
        if hostile != path:
            hostile.write_bytes(pickle.dumps(Payload(made)))
        with pytest.raises(ScenarioError, match="is no file of a violation"):
            v.load_violation(hostile)
    assert not made.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a zip", json.dumps({"version": 1}).encode()])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.npz"
    path.write_bytes(content)
    with pytest.raises(ScenarioError, match=r"odd\.npz"):
        v.load_violation(path)
    with pytest.raises(ScenarioError, match="cannot be read"):
        v.load_violation(tmp_path / "missing.npz")


def test_a_file_that_would_fill_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("about.npy", b"\0" * 2**20)
    monkeypatch.setattr(v, "_MOST_BYTES", 2**19)
    with pytest.raises(ScenarioError, match="holds 1,048,576 bytes"):
        v.load_violation(path)
