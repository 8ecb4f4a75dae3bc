"""JSON from files of others."""

from __future__ import annotations

import pytest

from regional_dispatch.agents.strict_json import MOST_CHARACTERS, printable, read_json


def test_what_json_has_is_read() -> None:
    text = '{"a": [1, -2.5, "x", null, true], "seed": 1180591620717411303425}'
    assert read_json(text) == {"a": [1, -2.5, "x", None, True], "seed": 2**70 + 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Expecting"),
        ('{"a": 1, "b": 2, "a": 3}', "key 'a' is there twice"),
        ("[NaN]", "NaN is not a finite number"),
        ("-Infinity", "-Infinity is not a finite number"),
        ("1e999", "1e999 is not a finite number"),
        ("9" * 1001, "an integer of 1,001 digits"),
        ("[" * 40 + "]" * 40, "levels deep"),
        ("[" * 100_000 + "]" * 100_000, "levels deep"),
        ('"' + "x" * MOST_CHARACTERS + '"', "characters, at most"),
    ],
)
def test_what_is_odd_or_too_much_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_json(text)


def test_a_text_that_could_steer_a_terminal_is_escaped() -> None:
    assert printable("red\x1b[31m\nnext") == r"red\x1b[31m\nnext"
    assert printable("x" * 300) == "x" * 200 + "…"
    assert printable("München") == "München"
