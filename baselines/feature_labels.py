"""Feature labels: what a file of weights calls the features it was made for.

A file stores one label per weight. A label is the feature's name, and `name@2`, `name@3`, … after its meaning changed:
two features mean the same exactly if their labels are equal. A file may have fewer features than this version; those it
lacks have weight 0. A file with a label that this version does not have cannot be used.
"""

from __future__ import annotations

from collections.abc import Iterable


def describe_unknown(unknown: Iterable[str], known: Iterable[str]) -> str:
    """Names labels that this version does not have, for an error message.

    Args:
        unknown: labels of a file, none of them in `known`.
        known: labels of this version.

    Returns:
        The labels, separated by commas; a changed meaning is told apart from a feature that is gone.
    """
    present = {_name(label): label for label in known}
    return ", ".join(
        f"{label} (its meaning changed: here it is {present[_name(label)]})" if _name(label) in present else label
        for label in sorted(unknown)
    )


def _name(label: str) -> str:
    return label.partition("@")[0]
