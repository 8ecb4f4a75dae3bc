"""Policies as files in the safetensors format: weights and JSON facts, no pickled code.

A file names the features it was made for. Loading brings its weights into this version's order; a feature that the file
does not know gets weight 0, so a policy keeps its decisions when features are added or reordered.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from regional_dispatch.agents.folder import POLICY_FILE
from regional_dispatch.baselines.feature_labels import describe_unknown
from regional_dispatch.envs.kernel.decisions.features import DISPATCH_LABELS, SOURCE_LABELS
from regional_dispatch.envs.kernel.decisions.lane_price import LANE_PRICE_LABELS, MOST_HIDDEN
from regional_dispatch.envs.kernel.decisions.score import Scorer, scorer_shapes
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.policy import Pricing, ScorerPolicy
from regional_dispatch.envs.world.demand import STREAMS
from regional_dispatch.envs.world.replacing import replacing

FORMAT = "regional-dispatch-policy-1"
# Labels (`baselines.feature_labels`) of the features of each scorer, in the kernel's order.
_LABELS = {"source": SOURCE_LABELS, "dispatch": DISPATCH_LABELS, "price": LANE_PRICE_LABELS}
_ONE_ROW_PER_FEATURE = ("weight", "step_weight", "step_at", "w1")  # arrays of a scorer with features on axis 1


class PolicyFileError(ValueError):
    """A policy file that cannot be used; the message names the file and the fix."""


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
    metadata = {"format": FORMAT, **{key: json.dumps(value) for key, value in facts.items()}}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write_bytes(save(tensors, metadata))


def load_policy(path: str | Path) -> FilePolicy:
    """Loads a policy from a file, or from the folder of a training run.

    Its features may be fewer than this version's, and in another order: the policy decides as it did when it was saved.

    Raises:
        PolicyFileError: no such file, damaged, or made for a feature that is gone or changed its meaning.
    """
    path = Path(path)
    path = path / POLICY_FILE if path.is_dir() else path
    tensors, about = _read(path)
    scorers = Scorers(**{kind: _scorer(path, kind, tensors, about) for kind in _LABELS})
    return FilePolicy(scorers, path.parent.name or path.stem, about, _seen(path, about), _pricing(path, about))


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Tensors and facts of a file."""
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise PolicyFileError(f"{path}: no such file; train a policy first, or give its folder") from None
    except (SafetensorError, OSError) as error:
        raise PolicyFileError(
            f"{path}: damaged, or not a safetensors file ({error}); train again, or copy the file again"
        ) from None
    if metadata.pop("format", None) != FORMAT:
        raise PolicyFileError(f"{path}: not a policy of this project ({FORMAT}); give a file that train.py wrote")
    try:
        return tensors, {key: json.loads(value) for key, value in metadata.items()}
    except ValueError:
        raise PolicyFileError(f"{path}: its metadata is not JSON; the file is damaged, train again") from None


def _seen(path: Path, about: dict[str, Any]) -> frozenset[tuple[str, int]]:
    """(stream, seed) of the orders it learned from. Files without `seen` used their seed for both streams."""
    old = [["train", about["seed"]], ["tune", about["seed"]]] if "seed" in about else []
    pairs = about.get("seen", old)
    if not (isinstance(pairs, list) and all(_is_seen(pair) for pair in pairs)):
        raise PolicyFileError(f"{path}: seen = {pairs!r}: must be pairs of stream and seed; train again")
    return frozenset((stream, seed) for stream, seed in pairs)


def _is_seen(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and pair[0] in list(STREAMS) and type(pair[1]) is int


def _pricing(path: Path, about: dict[str, Any]) -> Pricing | None:
    """How it wants units priced; None if the file says nothing."""
    hours = about.get("price_hours")
    if hours is not None and not (isinstance(hours, int | float) and hours > 0):
        raise PolicyFileError(f"{path}: price_hours = {hours!r}: must be hours above 0, or null; train again")
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
    if not isinstance(theirs, list) or len(set(map(str, theirs))) < len(theirs):
        raise PolicyFileError(f"{path}: {field}: must be a list of different features; train again with this version")
    unknown = {str(label) for label in theirs} - set(ours)
    if unknown:
        raise PolicyFileError(
            f"{path}: {field}: trained on {len(theirs)} features, this version has {len(ours)} and lacks "
            f"{describe_unknown(unknown, ours)}; train again with this version, or use the version that wrote the file"
        )
    return [ours.index(label) for label in theirs]


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
