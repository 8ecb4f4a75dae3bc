"""Mutations of a safetensors file: eight bytes with the header's length, a JSON header, tensors."""

from __future__ import annotations

import json

import numpy as np

from regional_dispatch.reliability.fuzz.mutate import NUMBERS, mutated_bytes, mutated_tree


def mutated_safetensors(rng: np.random.Generator, data: bytes) -> bytes:
    """The file with its length, header, facts in the header, tensors or bytes changed."""
    header, tensors = parts(data)
    length = len(header)
    kind = int(rng.integers(5))
    if kind == 0:
        claims = (0, 1, length - 1, length + 1, 10**8, 10**10, 2**63, 2**64 - 1)
        claimed = claims[int(rng.integers(len(claims)))]
        return with_header(header, tensors, claimed)
    if kind == 1:
        return mutated_bytes(rng, data)
    if kind == 2:
        return with_header(header, _strange_numbers(rng, tensors))
    tree = json.loads(header)
    tree = mutated_tree(rng, tree) if kind == 3 else _with_strange_facts(rng, tree)
    changed = json.dumps(tree).encode("utf-8", "surrogatepass")
    if rng.random() < 0.2:
        changed = mutated_bytes(rng, changed)
    return with_header(changed, tensors)


def parts(data: bytes) -> tuple[bytes, bytes]:
    """Header and tensors of a good file."""
    end = 8 + int.from_bytes(data[:8], "little")
    return data[8:end], data[end:]


def with_header(header: bytes, tensors: bytes = b"", claimed: int | None = None) -> bytes:
    """A file of a header and tensors; it may claim another length of the header."""
    return (len(header) if claimed is None else claimed).to_bytes(8, "little") + header + tensors


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
