"""Policies as files: safetensors, weights only, no pickle. What is in one can run in the kernel as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from regional_dispatch.envs.kernel.features import DISPATCH_FEATURES, SOURCE_FEATURES
from regional_dispatch.envs.kernel.lane_price import LANE_PRICE_FEATURES, MOST_HIDDEN
from regional_dispatch.envs.kernel.score import Scorer, scorer_shapes
from regional_dispatch.envs.kernel.scorers import Scorers
from regional_dispatch.envs.policy import Pricing, ScorerPolicy
from regional_dispatch.envs.world.demand import STREAMS
from regional_dispatch.envs.world.replacing import replacing

POLICY_FILE = "policy.safetensors"
FORMAT = "regional-dispatch-policy-1"
_FEATURES = {"source": SOURCE_FEATURES, "dispatch": DISPATCH_FEATURES, "price": LANE_PRICE_FEATURES}


class PolicyFileError(ValueError):
    """A policy file that cannot be used; the text names the file and the mend."""


class FilePolicy(ScorerPolicy):
    """A policy read from a file, with what the file says of itself."""

    def __init__(
        self,
        scorers: Scorers,
        name: str,
        metadata: dict[str, Any],
        seen: frozenset[tuple[str, int]] = frozenset(),
        pricing: Pricing | None = None,
    ) -> None:
        super().__init__(scorers, name, pricing, seen)
        self.metadata = metadata


def save_policy(path: Path, scorers: Scorers, about: dict[str, Any]) -> None:
    """Writes a policy atomically.

    Args:
        path: the file.
        scorers: the weights.
        about: what the reader should know: scenario, seed, timesteps, … JSON values. `seen` holds [stream, seed] of the
            orders it was trained and selected on.
    """
    tensors = {
        f"{kind}.{field}": np.ascontiguousarray(getattr(scorer, field))
        for kind, scorer in scorers._asdict().items()
        for field in Scorer._fields
    }
    facts = {**about, **{f"{kind}_features": list(names) for kind, names in _FEATURES.items()}}
    metadata = {"format": FORMAT, **{key: json.dumps(value) for key, value in facts.items()}}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write_bytes(save(tensors, metadata))


def load_policy(path: str | Path) -> FilePolicy:
    """A policy from a file, or from the folder of a training run.

    Raises:
        PolicyFileError: no such file, damaged, or made for other features.
    """
    path = Path(path)
    path = path / POLICY_FILE if path.is_dir() else path
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise PolicyFileError(f"{path}: no such file; train a policy first, or give its folder") from None
    except (SafetensorError, OSError) as error:
        raise PolicyFileError(f"{path}: damaged or no safetensors file ({error}); train anew or copy it anew") from None
    if metadata.pop("format", None) != FORMAT:
        raise PolicyFileError(f"{path}: not a policy of this project ({FORMAT}); give a file that train.py wrote")
    try:
        about = {key: json.loads(value) for key, value in metadata.items()}
    except ValueError:
        raise PolicyFileError(f"{path}: its metadata is not JSON; the file is damaged, train anew") from None
    _check_features(path, about)
    name = path.parent.name or path.stem
    return FilePolicy(_scorers(path, tensors), name, about, _seen(path, about), _pricing(path, about))


def _seen(path: Path, about: dict[str, Any]) -> frozenset[tuple[str, int]]:
    """(stream, seed) of the orders it learned from. Older files tell only the seed, which was that of both streams."""
    old = [["train", about["seed"]], ["tune", about["seed"]]] if "seed" in about else []
    pairs = about.get("seen", old)
    if not (isinstance(pairs, list) and all(_is_seen(pair) for pair in pairs)):
        raise PolicyFileError(f"{path}: seen = {pairs!r}: must be pairs of stream and seed; train anew")
    return frozenset((stream, seed) for stream, seed in pairs)


def _pricing(path: Path, about: dict[str, Any]) -> Pricing | None:
    """How it wants units priced; older files say nothing, and it does not."""
    hours = about.get("price_hours")
    if hours is not None and not (isinstance(hours, int | float) and hours > 0):
        raise PolicyFileError(f"{path}: price_hours = {hours!r}: must be hours above 0, or null; train anew")
    return None if hours is None else Pricing(float(hours))


def _is_seen(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and pair[0] in list(STREAMS) and type(pair[1]) is int


def _check_features(path: Path, about: dict[str, Any]) -> None:
    for kind, ours in _FEATURES.items():
        theirs = about.get(f"{kind}_features", [])
        if tuple(theirs) != ours:
            odd = sorted(set(theirs) ^ set(ours)) or ["another order"]
            raise PolicyFileError(
                f"{path}: {kind}_features: trained on {len(theirs)} features, this version has {len(ours)} "
                f"(they differ in: {', '.join(odd)}); train anew with this version"
            )


def _scorers(path: Path, tensors: dict[str, np.ndarray]) -> Scorers:
    parts = []
    for kind, features in _FEATURES.items():
        try:
            scorer = Scorer(**{field: tensors[f"{kind}.{field}"] for field in Scorer._fields})
        except KeyError as error:
            raise PolicyFileError(f"{path}: tensor {error} is missing; the file is damaged, train anew") from None
        groups, n = scorer.bias.size if kind == "price" else max(1, scorer.bias.size), len(features)
        hidden = scorer.w3.size // max(1, groups)
        if kind == "price" and hidden > MOST_HIDDEN:  # the kernel has room for no more
            raise PolicyFileError(f"{path}: tensor price.w3: {hidden} wide, at most {MOST_HIDDEN} can be; train anew")
        for field, shape in scorer_shapes(groups, n, hidden).items():
            array = getattr(scorer, field)
            if array.shape != shape or array.dtype != np.float32 or not np.isfinite(array).all():
                raise PolicyFileError(
                    f"{path}: tensor {kind}.{field} is not finite float32 of shape {shape}; train anew"
                )
        parts.append(scorer)
    return Scorers(*parts)
