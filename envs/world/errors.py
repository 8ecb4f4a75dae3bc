"""The error of a file or field that cannot be used."""


class ScenarioError(ValueError):
    """A file or setting that cannot be used; the text names file, field, value and what to change."""
