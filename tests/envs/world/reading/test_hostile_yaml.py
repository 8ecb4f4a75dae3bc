"""Hostile YAML is refused in one line that names file and mend, in little time and memory."""

from __future__ import annotations

import os
import time
import tracemalloc
from pathlib import Path

import pytest

from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.scenario import load_scenario, override
from regional_dispatch.envs.world.yaml_files import MOST_BYTES, read_yaml, read_yaml_lines

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGED = "a: &a {p0: 1, p1: 1, p2: 1, p3: 1, p4: 1, p5: 1, p6: 1, p7: 1, p8: 1}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join(['*' + before] * 9)}]}}\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
# What is in the file, and what the error must say.
HOSTILE = {
    "alias bomb": (BOMB, "row 5: holds more than 30,000 values"),
    "merge bomb": (MERGED, "holds more than 30,000 values"),
    "alias of itself": ("a: &a [*a]\n", r"row 1: \*a stands for what it is part of"),
    "key of itself": ("&a ? *a\n: 1\n", "."),
    "deep lists": ("name: " + "[" * 5000, "row 1: is nested more than 40 deep"),
    "deep groups": ("".join(f"{' ' * i}a:\n" for i in range(500)), "row 40: is nested more than 40 deep"),
    "many values": ("name: [" + "x," * 60_000 + "]", "holds more than 30,000 values"),
    "a long text": (f"name: {'x' * 200_000}", "a text of 200,000 characters"),
    "a long whole number": (f"start_hour: {'9' * 5000}", "has 5,000 digits"),
    "a long number": (f"start_hour: 1.{'9' * 5000}", "has 5,002 digits"),
    "a long hexadecimal number": (f"start_hour: 0x{'f' * 5000}", "has 5,002 digits"),
    "no whole number": ("start_hour: !!int abc", "row 1: 'abc' is no whole number"),
    "no number": ("start_hour: !!float x", "'x' is no number"),
    "no date": ("start_hour: !!timestamp x", "'x' is no date"),
    "a date that is none": ("name: 2024-13-45", "'2024-13-45' is no date"),
    "no truth value": ("name: !!bool maybe", "'maybe' is no truth value"),
    "code": ("name: !!python/object/apply:os.system [echo hi]", "the tag !!python/object/apply:os.system is not"),
    "a name in Python": ("name: !!python/name:os.system", "the tag .* is not taken"),
    "bytes": ("name: !!binary aGVsbG8=", "the tag !!binary is not taken"),
    "a set": ("name: !!set {a, b}", "the tag !!set is not taken"),
    "pairs": ("name: !!omap [a: 1]", "the tag !!omap is not taken"),
    "a tag of its own": ("name: !mine x", "the tag !mine is not taken"),
    "a list as a key": ("? [a, b]\n: 1\n", "row 1: the name of a field must be text"),
    "a group as a key": ("? {a: b}\n: 1\n", "row 1: the name of a field must be text"),
    "a merge of a number": ("name:\n  <<: 3\n", "row 2: "),
    "a key twice": ("name: a\nname: b\n", "row 2: 'name' is given twice"),
    "a key twice, once in quotes": ('name: a\n"name": b\n', "row 2: 'name' is given twice"),
    "a tab": ("name:\n\tx: 1\n", "row 2: not readable as YAML"),
    "an unknown alias": ("name: *nobody\n", "row 1: not readable as YAML: found undefined alias"),
    "two documents": ("name: a\n---\nname: b\n", "row 2: not readable as YAML: but found another document"),
    "an escape in quotes": (r'name: "\e[31mred"', r"row 1: \\x1b\[31mred holds the hidden character U\+001B"),
    "a zero in quotes": (r'name: "a\0b"', r"hidden character U\+0000"),
    "half a surrogate pair": (r'name: "\ud800"', r"hidden character U\+D800"),
    "beyond Unicode": (r'name: "\U00110000"', "an escape in quotes is no character"),
    "a change of direction": ("name: a\u202eb", r"hidden character U\+202E"),
    "an escape": ("name: x\ny: \x1b[31m", r"row 2: holds the hidden character U\+001B"),
    "a zero": ("name: a\x00b", r"row 1: holds the hidden character U\+0000"),
    "too large a number": ("horizon_hours: 1.0e+999", r"1.0e\+999 is too large for a number"),
    "infinity": ("horizon_hours: .inf", "horizon_hours = inf: Input should be"),
    "no number at all": ("horizon_hours: .nan", "horizon_hours = nan: Input should be"),
    "octal": ("name: x\nstart_hour: 017", "row 2: 017 means 15 in YAML"),
    "sexagesimal": ("start_hour: 10:30", "10:30 means 630 in YAML"),
    "nothing": ("", "must be a mapping of fields, not an empty file"),
    "a list": ("- a\n", "must be a mapping of fields, not list"),
    "a number as a key": ("name: x\n1: 2\n", "1"),
    "a name in a field": ("name: x\ndemand: {1: 2, null: 3, [1]: 4}\n", "."),
    "a long unknown field": (f"name: x\n{'k' * 900}: 3\n", "unknown field"),
}  # fmt: skip
BYTES = {
    "not UTF-8": (b"name: x\ntests: \xff\xfe\xfa\n", "row 2: is not UTF-8; save it as UTF-8"),
    "UTF-16": ("name: x".encode("utf-16"), "is UTF-16 or UTF-32; save it as UTF-8"),
    "UTF-32": ("name: x".encode("utf-32"), "is UTF-16 or UTF-32; save it as UTF-8"),
    "too large": (b"#" * (MOST_BYTES + 1), "a YAML file may have 1,048,576; give a smaller one"),
}


def assert_refused(path: Path, message: str) -> None:
    """By every way that a scenario is read."""
    begun = time.process_time()
    with pytest.raises(ScenarioError, match=message) as error:
        load_scenario(path)
    assert time.process_time() - begun < 2
    text = str(error.value)
    assert str(path) in text and len(text) < 2000 and text.replace("\n", "").isprintable()
    with pytest.raises(ScenarioError):
        read_yaml_lines(path)
        load_scenario(path)


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_text_is_refused(tmp_path: Path, kind: str) -> None:
    text, message = HOSTILE[kind]
    path = tmp_path / "s.yaml"
    path.write_text(text, encoding="utf-8")
    assert_refused(path, message)


@pytest.mark.parametrize("kind", BYTES)
def test_hostile_bytes_are_refused(tmp_path: Path, kind: str) -> None:
    data, message = BYTES[kind]
    path = tmp_path / "s.yaml"
    path.write_bytes(data)
    assert_refused(path, message)


@pytest.mark.parametrize(
    "text", [HOSTILE[kind][0] for kind in ("alias bomb", "a long whole number", "code", "no date")]
)
def test_settings_are_bounded_as_files_are(text: str) -> None:
    with pytest.raises(ScenarioError, match="override tests="):
        override({"name": "x"}, {"tests": text.partition(": ")[2] if "\n" not in text else text})


@pytest.mark.parametrize("text", [BOMB, MERGED])
def test_a_bomb_of_a_kilobyte_takes_milliseconds_and_little_memory(tmp_path: Path, text: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(text, encoding="utf-8")
    begun = time.process_time()
    with pytest.raises(ScenarioError):
        read_yaml(path)
    assert path.stat().st_size < 1024 and time.process_time() - begun < 0.3
    tracemalloc.start()
    try:
        with pytest.raises(ScenarioError):
            read_yaml(path)
        assert tracemalloc.get_traced_memory()[1] < 1e7
    finally:
        tracemalloc.stop()


def test_what_is_not_hostile_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(
        "\ufeffname: Zürich 東京\nsurges: [&a {x: 1_000, y: 0x1F}, *a, {<<: *a, y: 2}]\nday: 2024-11-02\n", "utf-8"
    )
    data = read_yaml(path)
    assert data["surges"] == [{"x": 1000, "y": 31}, {"x": 1000, "y": 31}, {"x": 1000, "y": 2}]
    assert data["name"] == "Zürich 東京" and str(data["day"]) == "2024-11-02"


# ---------------------------------------------------------------------------------------------------- odd places


def odd_paths(folder: Path) -> dict[str, tuple[Path, str]]:
    """Paths that are no files, and what is said of them."""
    os.mkfifo(folder / "pipe.yaml")
    (folder / "loop.yaml").symlink_to(folder / "loop.yaml")
    (folder / "locked.yaml").write_text("name: x")
    (folder / "locked.yaml").chmod(0)
    (folder / "folder.yaml").mkdir()
    return {
        "pipe": (folder / "pipe.yaml", "is a pipe or device"),
        "loop": (folder / "loop.yaml", "is a link that leads back to itself"),
        "folder": (folder / "folder.yaml", "is a folder"),
        "below a file": (folder / "locked.yaml" / "s.yaml", "no such file"),
        "long name": (folder / ("x" * 300 + ".yaml"), "the name is too long"),
        "zero": (folder / "a\0b.yaml", "is no path"),
        "escape": (folder / "\x1b[31m.yaml", r"\\x1b\[31m.yaml: no such file"),
        "nothing": (folder / "none.yaml", "no such file"),
        "device": (Path("/dev/zero"), "is a pipe or device"),
    }


KINDS = ("pipe", "loop", "folder", "below a file", "long name", "zero", "escape", "nothing", "device")


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_that_is_no_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path, message = odd_paths(tmp_path)[kind]
    with pytest.raises(ScenarioError, match=message):
        load_scenario(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_said(tmp_path: Path) -> None:
    odd_paths(tmp_path)
    with pytest.raises(ScenarioError, match="cannot be read; change its permissions"):
        load_scenario(tmp_path / "locked.yaml")


@pytest.mark.parametrize("name", ["../../etc/passwd", "x" * 5000, "a\0b", "\ud800", "", ".", ".."])
def test_a_name_that_leads_elsewhere_is_no_shipped_scenario(name: str) -> None:
    with pytest.raises(ScenarioError):
        load_scenario(name)
