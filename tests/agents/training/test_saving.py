"""Files that cannot be written end a training in one line."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
from tensorboard.summary.writer.record_writer import RecordWriter

from regional_dispatch.agents.training.saving import SavingError, saving_to
from regional_dispatch.agents.training.tensorboard import event_writer


def _full(*args: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_an_error_says_what_was_kept(tmp_path: Path) -> None:
    first = r"No space left on device while saving to .*; no checkpoint was saved; "
    with pytest.raises(SavingError, match=first), saving_to(tmp_path):
        _full()
    kept = tmp_path / "checkpoints" / "000000000064.safetensors"
    kept.parent.mkdir()
    kept.touch()
    then = r"000000000064\.safetensors is kept; free space .* --resume"
    with pytest.raises(SavingError, match=then) as error, saving_to(tmp_path):
        _full()
    assert "\n" not in str(error.value)


def test_the_threads_of_tensorboard_print_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    writer = event_writer(tmp_path / "tb", None)
    monkeypatch.setattr(RecordWriter, "write", _full)
    with pytest.raises(SavingError, match="No space left on device"), saving_to(tmp_path):
        for step in range(100):
            writer.add_scalar("a", 1.0, step)
            writer.flush()
    assert capfd.readouterr().err == ""
