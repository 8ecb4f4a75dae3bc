"""Text that shows what it is: no control characters, no marks that change the direction of what follows."""

from __future__ import annotations

import re

# Control characters but tabs and line feeds, separators of lines and paragraphs, and changes of direction. Both classes
# are made of the characters themselves, so that Python's `re` and Arrow's RE2 read them alike.
HIDDEN = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]"
HIDDEN_IN_CELLS = "[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]"  # a cell has one line
_HIDDEN = re.compile(HIDDEN.removesuffix("]") + "\ud800-\udfff]")  # and halves of surrogate pairs


def hidden(text: str) -> str:
    """The first character of a text that must not stand in a file, as its code, `U+001B`; empty where there is none.

    Tabs and line feeds are allowed.
    """
    found = _HIDDEN.search(text)
    return f"U+{ord(found[0]):04X}" if found else ""


def printable(text: str, most: int = 200) -> str:
    """A text for one line of a message: what cannot be printed is escaped, and a long one is cut."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:most])
    return shown if len(text) <= most else f"{shown}…"


def plain(text: str) -> str:
    """A text for the terminal: characters that `hidden` finds are written as Python escapes them."""
    return _HIDDEN.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode("ascii"), text)
