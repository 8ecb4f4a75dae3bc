"""Mutations of a safetensors file: eight bytes with the header's length, a JSON header, tensors."""

from __future__ import annotations

import json
import struct

import numpy as np

from regional_dispatch.reliability.fuzz.mutate import NUMBERS, mutated_bytes, mutated_tree


def mutated_safetensors(rng: np.random.Generator, data: bytes) -> bytes:
    """The file with its length, header, facts in the header, tensors or bytes changed."""
    (length,) = struct.unpack("<Q", data[:8])
    header, tensors = data[8 : 8 + length], data[8 + length :]
    kind = int(rng.integers(5))
    if kind == 0:
        claims = (0, 1, length - 1, length + 1, 10**8, 10**10, 2**63, 2**64 - 1)
        claimed = claims[int(rng.integers(len(claims)))]
        return struct.pack("<Q", claimed) + header + tensors
    if kind == 1:
        return mutated_bytes(rng, data)
    if kind == 2:
        return struct.pack("<Q", length) + header + _strange_numbers(rng, tensors)
    tree = json.loads(header)
    tree = mutated_tree(rng, tree) if kind == 3 else _with_strange_facts(rng, tree)
    changed = json.dumps(tree).encode("utf-8", "surrogatepass")
    if rng.random() < 0.2:
        changed = mutated_bytes(rng, changed)
    return struct.pack("<Q", len(changed)) + changed + tensors


def _with_strange_facts(rng: np.random.Generator, tree: dict[str, dict[str, object]]) -> dict[str, object]:
    """One fact of the metadata, which is JSON within JSON, replaced."""
    facts = dict(tree.get("__metadata__", {}))
    name = str(rng.choice(list(facts)))
    try:
        facts[name] = json.dumps(mutated_tree(rng, json.loads(str(facts[name]))))
    except ValueError:
        facts[name] = "x"
    return {**tree, "__metadata__": facts}


def _strange_numbers(rng: np.random.Generator, tensors: bytes) -> bytes:
    """Some of the numbers replaced, as if all were float32."""
    array = np.frombuffer(tensors[: len(tensors) // 4 * 4], np.float32).copy()
    for _ in range(int(rng.integers(1, 5))):
        with np.errstate(over="ignore"):
            array[int(rng.integers(len(array)))] = float(str(NUMBERS[int(rng.integers(len(NUMBERS)))])[:40])
    return array.tobytes() + tensors[len(tensors) // 4 * 4 :]
