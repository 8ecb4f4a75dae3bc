"""Bad input: the error that all commands turn into one clear message and exit code 2."""

from __future__ import annotations


class InputError(ValueError):
    """Input that cannot be used; the text names the option or file, its value, and how to correct it."""
