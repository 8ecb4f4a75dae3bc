"""Removing an earlier training: what this project wrote, and nothing else."""

from __future__ import annotations

from pathlib import Path

from regional_dispatch.evaluation.folders.remove import remove_run


def _file(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x", encoding="utf-8")
    return path


def test_removing_a_training_spares_what_it_did_not_write(tmp_path: Path) -> None:
    """A folder may have another project's `checkpoints/` and `tb/`."""
    mine = [
        _file(tmp_path / name)
        for name in ("notes.txt", "checkpoints/best.pt", "checkpoints/7.ckpt", "tb/notes.md", "tb/other/run.json")
    ]
    ours = [
        _file(tmp_path / name)
        for name in ("config.yaml", "curve.csv", "policy.safetensors", "checkpoints/000000000032.safetensors",
                     "checkpoints/000000000032.zip", "checkpoints/0000000000064.safetensors",
                     "tb/ppo/events.out.tfevents.1.host.2.0")
    ]  # fmt: skip
    remove_run(tmp_path)
    assert all(path.exists() for path in mine)
    assert not any(path.exists() for path in ours)
    assert not (tmp_path / "tb" / "ppo").exists()


def test_a_folder_of_nothing_else_is_left_empty(tmp_path: Path) -> None:
    for name in ("config.yaml", "checkpoints/000000000032.safetensors", "tb/ppo/events.out.tfevents.1.host.2.0"):
        _file(tmp_path / name)
    remove_run(tmp_path)
    assert list(tmp_path.iterdir()) == []
