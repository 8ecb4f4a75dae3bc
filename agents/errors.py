"""What is wrong with a file of a learner; light to import."""

from __future__ import annotations


class PolicyFileError(ValueError):
    """A policy file or a checkpoint that cannot be used or written; the message names the file and the fix."""
