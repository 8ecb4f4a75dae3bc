"""Text that shows what it is: no control characters, no marks that change the direction of what follows."""

from __future__ import annotations

import re

# Control characters, line and paragraph separators, marks of direction, and lone halves of surrogate pairs. The class
# works in Python's `re`, in Rust's and in RE2, whose text cannot hold surrogates, so those are apart.
HIDDEN = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
_HIDDEN = re.compile(HIDDEN.removesuffix("]") + "\ud800-\udfff]")


def hidden(text: str) -> str:
    """The first character of a text that must not stand in a file, as its code, `U+001B`; empty where there is none.

    Tabs and line feeds are allowed.
    """
    found = _HIDDEN.search(text)
    return f"U+{ord(found[0]):04X}" if found else ""


def plain(text: str) -> str:
    """A text for the terminal: characters that `hidden` finds are written as Python escapes them."""
    return _HIDDEN.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode("ascii"), text)
