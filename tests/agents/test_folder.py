"""What a training folder holds: checkpoints by their names."""

from __future__ import annotations

from pathlib import Path

from regional_dispatch.agents.folder import checkpoint_name, checkpoints_in


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
