"""What a PPO file may say, under stable-baselines3's names."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from regional_dispatch.agents.credit.decisions import Charges
from regional_dispatch.envs.kernel.features import DISPATCH_FEATURES, SOURCE_FEATURES
from regional_dispatch.envs.kernel.lane_price import MOST_HIDDEN
from regional_dispatch.envs.policy import Pricing
from regional_dispatch.envs.world.scenario import ScenarioError, explain, override, read_yaml
from regional_dispatch.envs.world.shipped import find_file


class PpoConfig(BaseModel):
    """Hyperparameters of `agents.ppo.RegionalPPO`; see `configs/ppo/default.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    timesteps: int = Field(200_000, ge=1, description="Length of training. Unit: ticks × rows (copies × regions).")
    copies: int = Field(4, ge=1, le=1024, description="Network copies side by side; SB3's n_envs = copies × regions.")
    networks: int | None = Field(
        None, ge=1, description="Trains on so many generated networks side by side, copies / networks copies of each, "
        "in the scenario's place; each tuning episode is on one of its own. Unit: networks of the `train` stream.",
    )  # fmt: skip
    n_steps: int = Field(24, ge=1, description="Ticks of each copy between updates.")
    batch_size: int = Field(2048, ge=2, description="Decisions of each kind in a minibatch.")
    n_epochs: int = Field(3, ge=1, le=100, description="Passes over the decisions of an update.")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="Adam's, at the start.")
    learning_rate_end: float = Field(0.05, ge=0, le=1, description="Share of it left at the end; falls linearly.")
    gamma: float = Field(0.99, gt=0, le=1, description="Discount per tick along a lane's decisions.")
    gae_lambda: float = Field(0.95, ge=0, le=1, description="Generalised advantage estimation, likewise.")
    credit: Literal["decision", "joint"] = Field(
        "decision",
        description="Each decision's own return, or the region's summed reward for all (agents/rivals/joint.py).",
    )
    load_credit: float = Field(
        1.0, ge=0, le=2, description="Credit of a lane per package it sends, share of a full truck's cost per package."
    )
    congestion_usd_per_hour: float = Field(
        0.0, ge=0, le=10, description="Charge of a line for each hour of work queued on its way. Unit: USD."
    )
    unit_charge: float = Field(1.0, ge=0, le=2, description="Share of the shadow price that a line pays for its units.")
    settlement: bool = Field(True, description="Lines under way at the horizon are charged; else they are free.")
    other: str = Field(
        "least_cost+last_safe_hour", description="Baseline that takes the decisions which are not trained."
    )
    lane_price_hidden: int = Field(
        0,
        ge=0,
        le=MOST_HIDDEN,
        description="Width of the network that prices lanes (envs/kernel/lane_price.py); 0: none.",
    )
    truck_charge: Literal["marginal", "average"] = Field(
        "average", description="Who pays for a truck that leaves less than full: who made it leave, or all alike."
    )
    handover_charge: float = Field(
        0.0, ge=0, le=2, description="Share of the next lanes' price that a lane pays for what it sends."
    )
    clip_range: float = Field(0.2, gt=0, lt=1, description="Clip of the ratio, per decision.")
    ent_coef: float = Field(0.003, ge=0, description="Weight of the entropy bonus.")
    ent_coef_end: float = Field(1.0, ge=0, le=1, description="Share of ent_coef left at the end; falls linearly.")
    vf_coef: float = Field(0.5, ge=0, description="Weight of the critics' losses.")
    max_grad_norm: float = Field(0.5, gt=0, description="Clip of the gradient's norm.")
    target_kl: float | None = Field(None, gt=0, description="Ends an update early beyond 1.5 × this.")
    hidden: int = Field(32, ge=1, le=1024, description="Width of the two layers of both actors.")
    critic_hidden: int = Field(64, ge=1, le=1024, description="Width of the two layers of both critics.")
    source_prior: dict[str, float] = Field(
        {}, description="Feature → weight of the source scorer at the start, as in a rule; empty starts from chance."
    )
    dispatch_prior: dict[str, float] = Field(
        {}, description="The same for the dispatch scorer; `bias` is its constant, a logit of go against hold."
    )
    averaging: float = Field(
        0.0, ge=0, lt=1, description="What is evaluated and saved has averaged weights: after each update this share "
        "of the average before and the rest of the latest; 0: the latest alone.",
    )  # fmt: skip
    weights: Literal["shared", "per_region"] = Field("shared", description="One policy for all regions, or one each.")
    price_hours: float | None = Field(
        None, gt=0, description="Has an LP price the units so often; none: a newsvendor's guess. Unit: simulated hours."
    )
    decisions: Literal["both", "source", "dispatch"] = Field("both", description="Which decisions are trained.")
    eval_every: int = Field(
        10, ge=1, description="Updates between evaluations on the tuning stream; the best policy of them is kept."
    )
    eval_episodes: int = Field(2, ge=1, description="Episodes of each evaluation.")
    checkpoint_every: int = Field(20, ge=1, description="Updates between checkpoints.")

    @field_validator("source_prior", "dispatch_prior")
    @classmethod
    def _known_features(cls, prior: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        known = SOURCE_FEATURES if info.field_name == "source_prior" else (*DISPATCH_FEATURES, "bias")
        unknown = sorted(set(prior) - set(known))
        if unknown:
            raise ValueError(f"no such feature: {', '.join(unknown)}; known: {', '.join(known)}")
        return prior

    @model_validator(mode="after")
    def _lanes_are_priced(self) -> PpoConfig:
        if self.handover_charge and not self.lane_price_hidden:
            raise ValueError("handover_charge needs a price of lanes; set lane_price_hidden: 16, or handover_charge: 0")
        return self

    @model_validator(mode="after")
    def _networks_fit(self) -> PpoConfig:
        if self.networks is not None and self.copies % self.networks:
            raise ValueError(f"copies {self.copies} must be a multiple of networks {self.networks}")
        if self.networks is not None and self.credit == "joint":
            raise ValueError("credit: joint learns on one network; leave networks out, or set credit: decision")
        if self.networks is not None and self.weights == "per_region":
            raise ValueError("networks have regions of their own each; set weights: shared, or leave networks out")
        return self

    @property
    def pricing(self) -> Pricing | None:
        """What `price_hours` asks for."""
        return None if self.price_hours is None else Pricing(self.price_hours)

    def schedule(self, progress_remaining: float) -> float:
        """Learning rate by SB3's progress remaining, 1 → 0."""
        end = self.learning_rate_end
        return self.learning_rate * (end + (1 - end) * progress_remaining)

    def algorithm(self, regions: int) -> dict[str, Any]:
        """Arguments of `RegionalPPO`."""
        same = ("n_steps", "batch_size", "n_epochs", "gamma", "gae_lambda", "clip_range", "ent_coef", "vf_coef",
                "max_grad_norm", "target_kl")  # fmt: skip
        groups = regions if self.weights == "per_region" else 1
        return {
            **{name: getattr(self, name) for name in same},
            "learning_rate": self.schedule,
            "charges": Charges(
                self.load_credit, self.handover_charge, self.truck_charge == "marginal", self.congestion_usd_per_hour,
                self.unit_charge, self.settlement,
            ),
            "ent_coef_end": self.ent_coef_end,
            "policy_kwargs": {
                "hidden": self.hidden, "critic_hidden": self.critic_hidden, "groups": groups,
                "source_prior": self.source_prior,
                "dispatch_prior": self.dispatch_prior,
                "price_hidden": self.lane_price_hidden,
                "averaging": self.averaging,
            },
        }  # fmt: skip


def load_ppo(path: str | Path, overrides: dict[str, str] | None = None) -> PpoConfig:
    """A PPO file by path or shipped name, with field → YAML text laid over it.

    Raises:
        ScenarioError: names file, field, value and mend.
    """
    path = find_file("ppo", path)
    data = override(read_yaml(path), overrides or {})
    try:
        return PpoConfig.model_validate(data)
    except ValidationError as error:
        raise ScenarioError(explain(error, path)) from None
