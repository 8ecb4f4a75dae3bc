"""`train.py --resume`, and trainings that end early: what is refused, what is kept, and what the user is told."""

from __future__ import annotations

import contextlib
import resource
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from regional_dispatch.agents.folder import checkpoints_in
from regional_dispatch.evaluation.folders.kinds import MARK
from tests.commands.test_train import assert_refused, contents, interrupt, run_here, table, write_files
from tests.processes import TINY, Ended, start

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished training in `out`."""
    folder = write_files(tmp_path_factory.mktemp("train"))
    files = ["--scenario", "tiny.yaml", "--ppo", "ppo.yaml", "--out", "out", "--seed", "3", "--timesteps", "64"]
    assert run_here(folder, "train.py", *files, "--ppo-set", "checkpoint_every=1").code == 0
    return folder


@pytest.fixture
def earlier(trained: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Ended]:
    """The script in `tmp_path`, in this process."""
    return partial(run_here, tmp_path, "train.py")


def _damage(newest: Path) -> None:
    newest.write_bytes(b"\x07junk" * 99)


def _cut(newest: Path) -> None:
    newest.write_bytes(newest.read_bytes()[:-2000])


def _flip(newest: Path) -> None:
    data = bytearray(newest.read_bytes())
    for at in range(len(data) // 8, len(data), len(data) // 8):
        data[at : at + 40] = bytes(255 - byte for byte in data[at : at + 40])
    newest.write_bytes(data)


def _empty(newest: Path) -> None:
    newest.write_bytes(b"")


def _other_world(newest: Path) -> None:
    config = newest.parent.parent / "config.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace("stations: 6", "stations: 9"), encoding="utf-8")


def _other_seed(newest: Path) -> None:
    config = newest.parent.parent / "config.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace("seed: 3", "seed: 4"), encoding="utf-8")


def _as_of_an_older_version(newest: Path) -> None:
    for path in newest.parent.iterdir():
        path.rename(path.with_suffix(".zip"))


@pytest.mark.parametrize("spoil", [_damage, _cut, _flip, _empty, _other_world, _other_seed])
def test_a_bad_checkpoint_is_named_and_the_run_left_alone(
    spoil: Callable[[Path], None], earlier: Path, run: Callable[..., Ended]
) -> None:
    newest = sorted((earlier / "out" / "checkpoints").iterdir())[-1]
    spoil(newest)
    before = contents(earlier)
    assert_refused(
        run("--resume", "out", "--timesteps", "96"), str(Path("out") / "checkpoints" / newest.name), "train again"
    )
    assert contents(earlier) == before


def test_checkpoints_of_an_older_version_are_refused_unopened(earlier: Path, run: Callable[..., Ended]) -> None:
    _as_of_an_older_version(earlier / "out" / "checkpoints" / "000000000064.safetensors")
    newest = earlier / "out" / "checkpoints" / "000000000064.zip"
    newest.chmod(0)
    for given in ("out", "out/checkpoints/000000000064.zip"):
        assert_refused(run("--resume", given), "000000000064.zip", "pickle", "train again")
    newest.unlink()
    newest.symlink_to("/nowhere")
    assert_refused(run("--resume", str(newest)), "pickle")


def test_a_resume_says_what_was_edited(earlier: Path, run: Callable[..., Ended]) -> None:
    config = earlier / "out" / "config.yaml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("batch_size: 256", "batch_size: 128"), encoding="utf-8")
    assert_refused(run("--resume", "out"), "ppo.batch_size = 128, was 256", "config.yaml", "set them back")


def test_a_table_that_changed_stops_a_resume(tmp_path: Path, run: Callable[..., Ended]) -> None:
    """Else two worlds would be in one learning curve."""
    files = write_files(tmp_path)
    sites = pd.DataFrame({
        "name": [f"{kind}{i}" for kind in ("fc", "sc", "station") for i in range(3)],
        "kind": [kind for kind in ("fc", "sc", "station") for _ in range(3)],
        "latitude": [40.0 + 0.1 * i for i in range(9)], "longitude": [-90.0 + 0.2 * i for i in range(9)],
    })  # fmt: skip
    sites.to_csv(files / "sites.csv", index=False)
    cities = "kind: cities, fulfillment_centers: 4, sort_centers: 3, stations: 6"
    tables = TINY.replace(cities, "kind: tables, sites: sites.csv")
    (files / "tables.yaml").write_text(tables, encoding="utf-8")
    arguments = ["--scenario", "tables.yaml", "--ppo", "ppo.yaml", "--out", "out", "--timesteps", "32"]
    assert run(*arguments).code == 0
    sites["latitude"] += 0.05 * (sites["name"] == "station2")
    sites.to_csv(files / "sites.csv", index=False)
    before = contents(files / "out")
    assert_refused(run("--resume", "out", "--timesteps", "64"), "sites.csv changed", "put back", "train again")
    assert contents(files / "out") == before


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_sigterm_stops_a_training_with_a_checkpoint(tmp_path: Path) -> None:
    folder = write_files(tmp_path)
    process = start(folder, "train.py", "--scenario", "tiny.yaml", "--ppo", "ppo.yaml", "--timesteps", "4800")
    out = folder / "runs" / "train"
    ended = interrupt(process, lambda: table(out).get("timesteps", [0])[-1] >= 32, signal.SIGTERM)
    assert ended.code == 143, ended.err
    assert "--resume runs/train" in " ".join(ended.err.split())
    assert len(checkpoints_in(out)) == 1
    assert [path.name for path in out.rglob(".*")] == [MARK]


@contextlib.contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """Files of this process cannot grow beyond so many bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.skipif(sys.platform == "win32", reason="limits of processes")
def test_a_full_disk_ends_a_training_in_one_line_and_spares_the_last_checkpoint(
    earlier: Path, run: Callable[..., Ended]
) -> None:
    out = earlier / "out"
    assert run("--resume", "out", "--timesteps", "96").code == 0  # whatever is compiled is written now
    before = contents(out / "checkpoints")
    with no_file_above(max(map(len, before.values())) - 1000):
        ended = run("--resume", "out", "--timesteps", "160")
    assert ended.code == 2
    assert "Traceback" not in ended.err
    last = ended.err.splitlines()[-1]
    assert last.startswith("error: File too large while saving to out; "), ended.err
    assert "000000000096.safetensors is kept" in last
    assert contents(out / "checkpoints") == before
    assert run("--resume", "out", "--timesteps", "160").code == 0


def test_a_resume_checks_its_folder_and_length(earlier: Path, run: Callable[..., Ended]) -> None:
    assert_refused(run("--resume", "out", "--timesteps", "-5"), "--timesteps = -5", "1 or more")
    assert_refused(run("--resume", "out/checkpoints/7.safetensors"), "7.safetensors")
    shutil.rmtree(earlier / "out" / "checkpoints")
    assert_refused(run("--resume", "out"), "out", "no checkpoints")
    (earlier / "out" / "config.yaml").write_text("seed: 3\n", encoding="utf-8")
    (earlier / "out" / "checkpoints").mkdir()
    _damage(earlier / "out" / "checkpoints" / "1.safetensors")
    assert_refused(run("--resume", "out"), "config.yaml", "not the file of a training run")
