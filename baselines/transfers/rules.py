"""The rules that move stock between regions, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from regional_dispatch.baselines.rules import BaselineError, Parameter, between, complete
from regional_dispatch.envs.simulator import TransferRule


class Kind(NamedTuple):
    """A rule by its parameters."""

    text: str
    parameters: Mapping[str, Parameter]


# Defaults are those found for us8 (configs/studies/transfers.yaml), rounded.
_EVERY = between(3.0, 1.0, 7.0, "time between two nights on which stock may leave. Unit: whole days")

TRANSFER_RULES: dict[str, Kind] = {
    "threshold": Kind(
        "Units go, in filled trucks, from the nearest region with much cover of a SKU to one with little.",
        {
            "every_days": _EVERY,
            "low_days": between(2.5, 0.0, 14.0, "a region with less cover receives. Unit: days of its own demand"),
            "target_days": between(8.5, 0.0, 28.0, "cover it is filled up to. Unit: days"),
            "high_days": between(5.5, 0.0, 28.0, "cover a region keeps to itself. Unit: days"),
            "min_fill": between(0.3, 0.0, 1.0, "least fill at which a truck goes. Unit: share"),
        },
    ),
    "lp": Kind(
        "An LP weighs linehaul against what spilled and lost lines are expected to cost.",
        {
            "every_days": _EVERY,
            "days": between(21.0, 1.0, 28.0, "demand ahead that counts where the SKU is not refilled. Unit: days"),
            "scale": between(1.8, 0.0, 3.0, "share of the expected saving that counts"),
        },
    ),
}


def transfer_rule(name: str, settings: Mapping[str, float] | None = None) -> TransferRule:
    """A rule by name.

    Args:
        name: one of `TRANSFER_RULES`.
        settings: values of its parameters; those left out have their defaults.

    Raises:
        BaselineError: unknown name or parameter, or a value out of bounds.
    """
    if name not in TRANSFER_RULES:
        raise BaselineError(f"transfers '{name}': no such rule; there are: {', '.join(TRANSFER_RULES)}")
    values = complete(f"transfers '{name}'", TRANSFER_RULES[name].parameters, settings or {})
    if name == "threshold":
        from regional_dispatch.baselines.transfers.threshold import Threshold

        return Threshold(**values)
    from regional_dispatch.baselines.transfers.lp import TransferLp  # loads an LP solver

    return TransferLp(**values)
