"""What a training folder holds: checkpoints by their names, and what may be removed."""

from __future__ import annotations

from pathlib import Path

from regional_dispatch.agents.folder import checkpoint_name, checkpoints_in, remove_training


def _file(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x", encoding="utf-8")
    return path


def test_checkpoints_are_sorted_by_their_timesteps_and_nothing_else_is_one(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    for name in ("best.safetensors", ".12.000000000032.safetensors", "000000000032.zip", "12.5.safetensors"):
        _file(folder / name)
    assert checkpoints_in(tmp_path) == []
    names = [checkpoint_name(steps) for steps in (64, 10**13, 32)]
    for name in names:
        _file(folder / name)
    assert [path.name for path in checkpoints_in(tmp_path)] == [names[2], names[0], names[1]]


def test_removing_a_training_spares_what_it_did_not_write(tmp_path: Path) -> None:
    """A folder may have another project's `checkpoints/` and `tb/`."""
    mine = [
        _file(tmp_path / name)
        for name in ("notes.txt", "checkpoints/best.pt", "checkpoints/7.ckpt", "tb/notes.md", "tb/other/run.json")
    ]
    ours = [
        _file(tmp_path / name)
        for name in ("config.yaml", "curve.csv", "policy.safetensors", "checkpoints/000000000032.safetensors",
                     "checkpoints/000000000032.zip", "checkpoints/.7.000000000064.safetensors", ".7.curve.csv",
                     "tb/ppo/events.out.tfevents.1.host.2.0")
    ]  # fmt: skip
    remove_training(tmp_path)
    assert all(path.exists() for path in mine)
    assert not any(path.exists() for path in ours)
    assert not (tmp_path / "tb" / "ppo").exists()


def test_a_folder_of_nothing_else_is_left_empty(tmp_path: Path) -> None:
    for name in ("config.yaml", "checkpoints/000000000032.safetensors", "tb/ppo/events.out.tfevents.1.host.2.0"):
        _file(tmp_path / name)
    remove_training(tmp_path)
    assert list(tmp_path.iterdir()) == []
