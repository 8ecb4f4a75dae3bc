"""The user's own tables, in and out: checks, fits, results, decision logs, maps."""
