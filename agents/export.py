"""Policies as files in the safetensors format: weights and JSON facts, no pickled code.

A file names the features it was made for. Loading brings its weights into this version's order; a feature that the file
does not know gets weight 0, so a policy keeps its decisions when features are added or reordered. Files of others are
read with limits (`agents.tensor_file`): whatever is wrong with one is a `PolicyFileError`.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from regional_dispatch.agents.errors import PolicyFileError
from regional_dispatch.agents.folder import POLICY_FILE
from regional_dispatch.agents.tensor_file import packed, read_bytes, unpacked
from regional_dispatch.baselines.feature_labels import describe_unknown
from regional_dispatch.envs.kernel.decisions.features import DISPATCH_LABELS, SOURCE_LABELS
from regional_dispatch.envs.kernel.decisions.lane_price import LANE_PRICE_LABELS, MOST_HIDDEN
from regional_dispatch.envs.kernel.decisions.score import Scorer, scorer_shapes
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.policy import Pricing, ScorerPolicy
from regional_dispatch.envs.world.demand import STREAMS
from regional_dispatch.envs.world.reading import printable
from regional_dispatch.envs.world.replacing import replacing

__all__ = ["FORMAT", "FilePolicy", "PolicyFileError", "load_policy", "save_policy"]

FORMAT = "regional-dispatch-policy-1"
MOST_BYTES = 64 << 20
MOST_HOURS = 1e6  # between two pricings
MOST_TEXT = 255  # characters of a fact
_TEXTS = ("scenario", "device", "algorithm")  # facts that are names
_NUMBERS = ("timesteps", "seed", "tuning_cost_per_order_usd")
# Labels (`baselines.feature_labels`) of the features of each scorer, in the kernel's order.
_LABELS = {"source": SOURCE_LABELS, "dispatch": DISPATCH_LABELS, "price": LANE_PRICE_LABELS}
_ONE_ROW_PER_FEATURE = ("weight", "step_weight", "step_at", "w1")  # arrays of a scorer with features on axis 1


class FilePolicy(ScorerPolicy):
    """A policy read from a file.

    Args:
        scorers: its weights, in this version's order of features.
        name: for tables.
        metadata: the facts stored in the file, such as scenario, seed and features.
        seen: (stream, seed) of the episodes it was trained and selected on.
        pricing: how it wants units priced; None, not at all.
    """

    def __init__(
        self,
        scorers: Scorers,
        name: str,
        metadata: dict[str, Any],
        seen: frozenset[tuple[str, int]] = frozenset(),
        pricing: Pricing | None = None,
    ) -> None:
        super().__init__(scorers, name, pricing, seen, metadata)
        self.metadata = metadata


def save_policy(path: Path, scorers: Scorers, about: dict[str, Any]) -> None:
    """Writes a policy atomically.

    Args:
        path: the file; its folder is made if it is missing.
        scorers: the weights.
        about: facts about the policy as JSON values: scenario, seed, timesteps, … `seen` holds [stream, seed] of the
            orders it was trained and selected on.
    """
    tensors = {
        f"{kind}.{field}": np.ascontiguousarray(getattr(scorer, field))
        for kind, scorer in scorers._asdict().items()
        for field in Scorer._fields
    }
    facts = {**about, **{f"{kind}_features": list(labels) for kind, labels in _LABELS.items()}}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write_bytes(packed(FORMAT, tensors, facts))


def load_policy(path: str | Path) -> FilePolicy:
    """Loads a policy from a file, or from the folder of a training run.

    Its features may be fewer than this version's, and in another order: the policy decides as it did when it was saved.

    Raises:
        PolicyFileError: no such file, damaged, or made for a feature that is gone or changed its meaning.
    """
    path = _file(Path(path))
    tensors, about = _read(path)
    _check_facts(path, about)
    scorers = Scorers(**{kind: _scorer(path, kind, tensors, about) for kind in _LABELS})
    return FilePolicy(scorers, path.parent.name or path.stem, about, _seen(path, about), _pricing(path, about))


def _file(path: Path) -> Path:
    try:
        return path / POLICY_FILE if path.is_dir() else path
    except OSError as error:  # such as a name that is too long
        raise PolicyFileError(
            f"{printable(str(path))}: {error.strerror}; give the file or folder of a policy"
        ) from None


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Tensors and facts of a file."""
    try:
        found = unpacked(read_bytes(path, MOST_BYTES))
    except FileNotFoundError:
        raise PolicyFileError(f"{path}: no such file; train a policy first, or give its folder") from None
    except OSError as error:
        raise PolicyFileError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None
    except ValueError as error:
        raise PolicyFileError(
            f"{path}: damaged, or not a policy file ({error}); train again, or copy the file again"
        ) from None
    if found.format != FORMAT:
        raise PolicyFileError(f"{path}: not a policy of this project ({FORMAT}); give a file that train.py wrote")
    return found.tensors, found.facts


def _check_facts(path: Path, about: dict[str, Any]) -> None:
    """Checks the kinds of the facts that tables, pages and warnings print."""
    for name in _TEXTS:
        text = about.get(name, "")
        if not isinstance(text, str) or len(text) > MOST_TEXT or not text.isprintable():
            raise PolicyFileError(f"{path}: {name} = {_shown(text)}: must be a name on one line; train again")
    for name in _NUMBERS:
        if not _is_number(about.get(name, 0)):
            raise PolicyFileError(f"{path}: {name} = {_shown(about[name])}: must be a number; train again")
    command = about.get("command", "")
    if not isinstance(command, str):
        raise PolicyFileError(f"{path}: command = {_shown(command)}: must be text; train again")
    if not isinstance(about.get("partition", {}), dict):
        raise PolicyFileError(f"{path}: partition = {_shown(about['partition'])}: must be fields; train again")
    _check_world(path, about.get("world", {}))
    if "command" in about:
        about["command"] = printable(command, most=len(command))


def _check_world(path: Path, world: Any) -> None:
    """Facts of the world that was trained on: a number each, or the least and the most."""
    facts = world.values() if isinstance(world, dict) else [None]
    for fact in facts:
        ends = fact if isinstance(fact, list) else [fact]
        if len(ends) not in (1, 2) or not all(map(_is_number, ends)):
            raise PolicyFileError(f"{path}: world = {_shown(world)}: must be numbers, or pairs of them; train again")


def _is_number(value: Any) -> bool:
    return type(value) is int or (type(value) is float and math.isfinite(value))


def _shown(value: Any) -> str:
    """A value of a file in a message: its beginning, on one line."""
    return printable(repr(value), 60)


def _seen(path: Path, about: dict[str, Any]) -> frozenset[tuple[str, int]]:
    """(stream, seed) of the orders it learned from. Files without `seen` used their seed for both streams."""
    old = [["train", about["seed"]], ["tune", about["seed"]]] if "seed" in about else []
    pairs = about.get("seen", old)
    if not (isinstance(pairs, list) and all(_is_seen(pair) for pair in pairs)):
        raise PolicyFileError(f"{path}: seen = {_shown(pairs)}: must be pairs of stream and seed; train again")
    return frozenset((stream, seed) for stream, seed in pairs)


def _is_seen(pair: Any) -> bool:
    return (
        isinstance(pair, list)
        and len(pair) == 2
        and isinstance(pair[0], str)
        and pair[0] in STREAMS
        and type(pair[1]) is int
    )


def _pricing(path: Path, about: dict[str, Any]) -> Pricing | None:
    """How it wants units priced; None if the file says nothing."""
    hours = about.get("price_hours")
    if hours is not None and not (_is_number(hours) and 0 < hours <= MOST_HOURS):
        raise PolicyFileError(f"{path}: price_hours = {_shown(hours)}: must be hours above 0, or null; train again")
    return None if hours is None else Pricing(float(hours))


def _scorer(path: Path, kind: str, tensors: dict[str, np.ndarray], about: dict[str, Any]) -> Scorer:
    """One scorer of a file, in this version's order of features."""
    columns = _columns(path, kind, about)
    try:
        scorer = Scorer(**{field: tensors[f"{kind}.{field}"] for field in Scorer._fields})
    except KeyError as error:
        raise PolicyFileError(f"{path}: tensor {error} is missing; the file is damaged, train again") from None
    _check_shapes(path, kind, scorer, len(columns))
    return scorer._replace(
        **{field: _spread(getattr(scorer, field), columns, len(_LABELS[kind])) for field in _ONE_ROW_PER_FEATURE}
    )


def _columns(path: Path, kind: str, about: dict[str, Any]) -> list[int]:
    """Where each feature of the file stands in this version's order."""
    field, ours = f"{kind}_features", _LABELS[kind]
    theirs = about.get(field)
    if not isinstance(theirs, list) or not all(map(_is_label, theirs)) or len(set(theirs)) < len(theirs):
        raise PolicyFileError(f"{path}: {field}: must be a list of different features; train again with this version")
    unknown = set(theirs) - set(ours)
    if unknown:
        raise PolicyFileError(
            f"{path}: {field}: trained on {len(theirs)} features, this version has {len(ours)} and lacks "
            f"{describe_unknown(unknown, ours)}; train again with this version, or use the version that wrote the file"
        )
    return [ours.index(label) for label in theirs]


def _is_label(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MOST_TEXT and value.isprintable()


def _check_shapes(path: Path, kind: str, scorer: Scorer, features: int) -> None:
    # Only lane prices may be left out: no weight set at all.
    groups = scorer.bias.size if kind == "price" else max(1, scorer.bias.size)
    hidden = scorer.w3.size // max(1, groups)
    if kind == "price" and hidden > MOST_HIDDEN:  # the kernel has room for no more
        raise PolicyFileError(f"{path}: tensor price.w3: {hidden} wide, at most {MOST_HIDDEN} can be; train again")
    for field, shape in scorer_shapes(groups, features, hidden).items():
        array = getattr(scorer, field)
        if array.shape != shape or array.dtype != np.float32 or not np.isfinite(array).all():
            raise PolicyFileError(f"{path}: tensor {kind}.{field} is not finite float32 of shape {shape}; train again")


def _spread(array: np.ndarray, columns: list[int], features: int) -> np.ndarray:
    """An array (G, file's features, …) in this version's order, 0 where the file has no such feature."""
    out = np.zeros((len(array), features, *array.shape[2:]), np.float32)
    out[:, columns] = array
    return out
