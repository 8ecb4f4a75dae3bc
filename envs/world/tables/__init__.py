"""The user's tables: CSV in whatever form spreadsheets save it, or Parquet.

`schema` says which columns there are. Readers collect findings (`envs.world.findings`) and go on, so that a user sees
everything that is wrong with a file at once.
"""

from regional_dispatch.envs.world.tables.reading import read_frame, read_table

__all__ = ["read_frame", "read_table"]
