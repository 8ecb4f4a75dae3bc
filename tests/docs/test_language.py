"""Plain technical English: words that readers stumble over are not used in code, configuration or pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Word or phrase → what to write instead.
INSTEAD = {
    "anew": "again, from scratch",
    "elder": "older, previous",
    "nobody": "no one, or the passive",
    "whoever": "any user, the policy that",
    "dearer": "more expensive",
    "dearest": "most expensive",
    "hardly": "rarely, almost not",
    "lest": "so that … not",
    "ought": "should",
    "heed": "follow, use",
    "heeds": "follows, uses",
    "deaf": "say what is ignored",
    "sister": "the other line, the other lane",
    "by heart": "in memory",
    "whatever else": "anything else",
    "who decides": "the policy",
    "it in words": "as a sentence",
}
PATTERN = re.compile(rf"\b({'|'.join(words.replace(' ', chr(92) + 's+') for words in INSTEAD)})\b", re.IGNORECASE)
NO_PRODUCT = {"tests", "site", "build", "dist"}
SUFFIXES = {".py", ".md", ".yaml", ".yml", ".toml", ".ipynb", ".j2"}
FOLDERS = sorted(
    path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in NO_PRODUCT and path.name[0] not in "._"
)


def texts(folder: str) -> Iterator[Path]:
    """Files that people read, in a top-level folder; `.` means the files beside the folders."""
    paths = (ROOT / folder).iterdir() if folder == "." else (ROOT / folder).rglob("*")
    return (path for path in paths if path.suffix in SUFFIXES and path.is_file())


def found(path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    for match in PATTERN.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        word = " ".join(match[0].lower().split())
        yield f"{path.relative_to(ROOT)}:{line}: '{word}'; write: {INSTEAD[word]}"


@pytest.mark.parametrize("folder", [".", *FOLDERS])
def test_words_are_plain(folder: str) -> None:
    problems = [problem for path in sorted(texts(folder)) for problem in found(path)]
    assert not problems, "\n".join(problems)


def test_the_list_is_searched_for() -> None:
    assert PATTERN.findall("Nobody does it\nanew, by  heart") == ["Nobody", "anew", "by  heart"]
