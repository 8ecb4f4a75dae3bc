"""Files from outside, read with limits: one reader a format, and every failure a `ScenarioError`.

Nothing here runs what a file says, waits for a pipe or takes memory that the file's size does not explain.
"""

from regional_dispatch.envs.world.reading.arrays import read_arrays
from regional_dispatch.envs.world.reading.csv_files import read_csv
from regional_dispatch.envs.world.reading.files import open_file, read_bytes, read_text
from regional_dispatch.envs.world.reading.json_files import parse_json, read_json
from regional_dispatch.envs.world.reading.parquet_files import open_parquet
from regional_dispatch.envs.world.reading.paths import PlainName, expanded, plain_name
from regional_dispatch.envs.world.reading.plain import HIDDEN_IN_CELLS, hidden, plain, printable

__all__ = [
    "HIDDEN_IN_CELLS", "PlainName", "expanded", "hidden", "open_file", "open_parquet", "parse_json", "plain",
    "plain_name", "printable", "read_arrays", "read_bytes", "read_csv", "read_json", "read_text",
]  # fmt: skip
