"""Generated demand that resembles a trace: fitted on its first weeks, and shown beside its last ones."""
