"""The debug build catches indices out of bounds, negative ones too; the release build has none of its checks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from regional_dispatch.envs.kernel.bounds import function_name
from regional_dispatch.envs.world.shipped import HOME

# A module of this package whose functions read and write wherever they are told to; arrays are parts of larger ones.
WRONG = """
import json, sys, types
import numpy as np
from numba.np import arrayobj
from regional_dispatch.envs.kernel import compiled as c
source = '''
import numpy as np
from numba import njit

@njit(_nrt=False)
def read(x, i):
    return x[i]

@njit(_nrt=False)
def write(x, row, i):
    record = x[row, i]
    record.n = 7

@njit(_nrt=False)
def last(x):
    return x[-1]
'''
module = types.ModuleType("regional_dispatch.wrong")
exec(compile(source, "wrong.py", "exec"), module.__dict__)

def outcome(work):
    try:
        return work()
    except IndexError as error:
        return str(error)

whole = np.arange(10.0)
table = np.zeros((4, 5), np.dtype([("n", "i4"), ("x", "f8")], align=True))
said = [outcome(lambda i=i: module.read(whole[2:6], i)) for i in (0, 3, 4, -1, -5)]
said += [outcome(lambda r=r, i=i: module.write(table[:2], r, i)) for r, i in ((1, 4), (2, 0), (1, 5), (-1, 0), (0, -2))]
print(json.dumps({
    "said": said, "last": module.last(whole), "folder": c.kernel_folder().name,
    "numba": arrayobj.fix_integer_index.__module__,
}))
"""


def build(checked: bool) -> dict[str, Any]:
    variables = {key: value for key, value in os.environ.items() if key != "NUMBA_BOUNDSCHECK"}
    if checked:
        variables["NUMBA_BOUNDSCHECK"] = "1"
    done = subprocess.run(
        [sys.executable, "-c", WRONG], env={**variables, "PYTHONPATH": str(HOME)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_debug_build_raises_for_every_index_out_of_bounds_and_says_where() -> None:
    found = build(checked=True)
    caught = "index is out of bounds on axis {}, {}"
    read, write = caught.format(0, "read"), "write"
    assert found["said"] == [
        2.0, 5.0, read, read, read, None, caught.format(0, write), caught.format(1, write), caught.format(0, write),
        caught.format(1, write),
    ]  # fmt: skip
    assert found["last"] == 9.0, "a literal −1 is the last element"
    assert found["folder"].endswith("-checked")


def test_the_release_build_checks_nothing_and_is_kept_elsewhere() -> None:
    found = build(checked=False)
    assert found["said"][:3] == [2.0, 5.0, 6.0], "it reads beyond the part, as nothing holds it back"
    assert not any(isinstance(one, str) for one in found["said"])
    assert not found["folder"].endswith("-checked") and found["numba"] == "numba.np.arrayobj"


@pytest.mark.parametrize(
    ("mangled", "name"),
    [
        ("_ZN17regional_dispatch4envs6kernel4tick10begin_tickB2v3B40x", "kernel.tick.begin_tick"),
        ("_ZN8__main__1fB2v1E", "__main__.f"),
    ],
)
def test_functions_are_named_in_messages(mangled: str, name: str) -> None:
    assert function_name(mangled) == name
