"""Fields of a PPO file (`configs/ppo/*.yaml`), under stable-baselines3's names where it has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from regional_dispatch.agents.credit.charges import Charges
from regional_dispatch.agents.schedule import falling
from regional_dispatch.baselines.feature_labels import describe_unknown
from regional_dispatch.envs.kernel.decisions.features import DISPATCH_LABELS, SOURCE_LABELS
from regional_dispatch.envs.kernel.decisions.lane_price import MOST_HIDDEN
from regional_dispatch.envs.policy import Pricing
from regional_dispatch.envs.world.scenario import ScenarioError, explain, override, read_yaml
from regional_dispatch.envs.world.shipped import find_file


class PpoConfig(BaseModel):
    """Hyperparameters of `agents.ppo.RegionalPPO`; `configs/ppo/default.yaml` is a file to start from."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    timesteps: int = Field(200_000, ge=1, description="Length of training. Unit: ticks × rows (copies × regions).")
    copies: int = Field(
        4, ge=1, le=1024, description="Network copies played side by side; SB3's n_envs is copies × regions. More "
        "copies give more decisions per update where a network has few orders.",
    )  # fmt: skip
    networks: int | None = Field(
        None, ge=1, description="Train on this number of generated networks in place of the scenario, each "
        "with copies / networks copies; each tuning episode is then played on another generated network. Use it for a "
        "policy that is to run on networks it was not trained on. Null: train on the scenario. Unit: networks.",
    )  # fmt: skip
    wide: bool = Field(
        False, description="Draw the generated networks from wide ranges: volumes, promises, vehicles and costs by "
        "orders of magnitude, and not near us8 (envs/world/generator.py).",
    )  # fmt: skip
    mix: tuple[str, ...] = Field(
        (), description="Scenarios to train on in place of the one given, side by side with the generated networks if "
        "there are any: names of shipped ones or files, relative to where you run. Costs of each count in proportion "
        "to what its trucks and routes cost.",
    )  # fmt: skip
    n_steps: int = Field(24, ge=1, description="Ticks played in each copy between two updates. Unit: ticks.")
    batch_size: int = Field(
        2048, ge=2, description="Size of a minibatch. Small minibatches learn better and take longer. Unit: decisions "
        "of each kind.",
    )  # fmt: skip
    n_epochs: int = Field(3, ge=1, le=100, description="Passes over the decisions of an update.")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="Adam's learning rate at the start of training.")
    learning_rate_end: float = Field(
        0.05, ge=0, le=1, description="Share of the learning rate left at the end of training; it falls linearly."
    )
    gamma: float = Field(
        0.99,
        gt=0,
        le=1,
        description="Discount per tick along a lane's decisions. Raise it where packages wait for days.",
    )
    gae_lambda: float = Field(
        0.95, ge=0, le=1, description="Lambda of generalised advantage estimation, per tick along a lane's decisions."
    )
    credit: Literal["decision", "joint"] = Field(
        "decision", description="`decision`: each decision has its own return. `joint`: all decisions of a region and "
        "tick share the region's summed reward, for comparison (agents/rivals/joint.py).",
    )  # fmt: skip
    load_credit: float = Field(
        1.0, ge=0, le=2, description="Credit of a lane per package it sends. At 1 it pays for empty room on its trucks "
        "only. Unit: share of a full truck's cost per package.",
    )  # fmt: skip
    handover_charge: float = Field(
        0.0, ge=0, le=2, description="Charge of a lane for what its packages cost the next lanes. Needs "
        "lane_price_hidden. Unit: share of the next lanes' price.",
    )  # fmt: skip
    truck_charge: Literal["marginal", "average"] = Field(
        "average", description="Which packages pay for a truck that leaves less than full. `marginal`: those that made "
        "it leave. `average`: all packages on it, alike.",
    )  # fmt: skip
    congestion_usd_per_hour: float = Field(
        0.0, ge=0, le=10, description="Charge of a line for work queued at the sites on its way. Unit: USD per hour of "
        "queued work.",
    )  # fmt: skip
    unit_charge: float = Field(
        1.0, ge=0, le=2, description="Charge of a line for the units it takes. Unit: share of their shadow price."
    )
    settlement: bool = Field(
        True, description="Whether lines still under way at the horizon are charged their standard cost; if not, they "
        "cost nothing.",
    )  # fmt: skip
    lane_price_hidden: int = Field(
        0, ge=0, le=MOST_HIDDEN, description="Width of the layers of the network that prices lanes "
        "(envs/kernel/decisions/lane_price.py). 0: lanes are not priced.",
    )  # fmt: skip
    clip_range: float = Field(0.2, gt=0, lt=1, description="Clip of the ratio of probabilities, per decision.")
    ent_coef: float = Field(0.003, ge=0, description="Weight of the entropy bonus at the start of training.")
    ent_coef_end: float = Field(
        1.0, ge=0, le=1, description="Share of ent_coef left at the end of training; it falls linearly."
    )
    vf_coef: float = Field(0.5, ge=0, description="Weight of the critics' losses.")
    max_grad_norm: float = Field(0.5, gt=0, description="Clip of the gradient's norm.")
    target_kl: float | None = Field(
        None, gt=0, description="End an update early once the approximate KL divergence of a minibatch exceeds 1.5 × "
        "this. Null: never.",
    )  # fmt: skip
    hidden: int = Field(32, ge=1, le=1024, description="Width of the two layers of both actors.")
    critic_hidden: int = Field(64, ge=1, le=1024, description="Width of the two layers of both critics.")
    source_prior: dict[str, float] = Field(
        {}, description="Linear weights of the source scorer at the start, feature → weight, as in a rule. Use it to "
        "start near a rule that works. Empty: start from random choices. Unit: logits per unit of the feature.",
    )  # fmt: skip
    dispatch_prior: dict[str, float] = Field(
        {}, description="The same for the dispatch scorer; `bias` is its constant. Unit: logits of go against hold, "
        "per unit of the feature.",
    )  # fmt: skip
    averaging: float = Field(
        0.0, ge=0, lt=1, description="Evaluate and save a moving average of the weights: after each update this "
        "share of the previous average and the rest of the latest weights. Use it where costs swing between updates. "
        "0: the latest weights.",
    )  # fmt: skip
    weights: Literal["shared", "per_region"] = Field(
        "shared", description="`shared`: one set of actor weights for all regions. `per_region`: one set per region; "
        "such a policy fits networks with as many regions only.",
    )  # fmt: skip
    price_hours: float | None = Field(
        None, gt=0, description="Time between two linear programs that price the units on the shelves. Use it where "
        "shelves run empty. Null: a newsvendor's estimate prices them. Unit: simulated hours.",
    )  # fmt: skip
    decisions: Literal["both", "source", "dispatch"] = Field("both", description="Decisions that are trained.")
    other: str = Field(
        "least_cost+last_safe_hour", description="Baseline that takes the decisions which are not trained."
    )
    search_episodes: int = Field(
        0, ge=0, description="Length of the direct search that follows training (agents/direct_search.py): CMA-ES on "
        "the policy's linear weights, by the cost of whole episodes. 0: none. Unit: episodes.",
    )  # fmt: skip
    eval_every: int | None = Field(
        None, ge=1, description="Updates between two evaluations on the tuning episodes. The policy with the lowest "
        "cost is kept. Null: 20 evaluations, spread evenly over the run. Unit: updates.",
    )  # fmt: skip
    eval_episodes: int = Field(2, ge=1, description="Length of each evaluation. Unit: episodes.")
    checkpoint_every: int = Field(20, ge=1, description="Updates between two checkpoints. Unit: updates.")

    @field_validator("source_prior", "dispatch_prior")
    @classmethod
    def _known_features(cls, prior: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        known = SOURCE_LABELS if info.field_name == "source_prior" else (*DISPATCH_LABELS, "bias")
        unknown = set(prior) - set(known)
        if unknown:
            raise ValueError(f"no such feature: {describe_unknown(unknown, known)}; known: {', '.join(known)}")
        return prior

    @model_validator(mode="after")
    def _handover_has_a_price(self) -> PpoConfig:
        if self.handover_charge and not self.lane_price_hidden:
            raise ValueError("handover_charge needs a price of lanes; set lane_price_hidden: 16, or handover_charge: 0")
        return self

    @model_validator(mode="after")
    def _search_is_of_both(self) -> PpoConfig:
        if self.search_episodes and self.decisions != "both":
            raise ValueError(
                "search_episodes would change the rule beside the policy; set decisions: both, or leave it out"
            )
        return self

    @model_validator(mode="after")
    def _networks_fit(self) -> PpoConfig:
        worlds = (self.networks or 0) + len(self.mix)
        if not worlds:
            return self
        if self.copies % worlds:
            raise ValueError(f"copies {self.copies} must be a multiple of networks + scenarios of mix, {worlds}")
        if self.eval_episodes < len(self.mix):
            raise ValueError(f"eval_episodes {self.eval_episodes} must be at least the {len(self.mix)} of mix")
        if self.credit == "joint":
            raise ValueError("credit: joint learns on one network; leave networks out, or set credit: decision")
        if self.weights == "per_region":
            raise ValueError("generated networks differ in their regions; set weights: shared, or leave networks out")
        return self

    @property
    def pricing(self) -> Pricing | None:
        """How the policy wants units priced, from `price_hours`."""
        return None if self.price_hours is None else Pricing(self.price_hours)

    def schedule(self, progress_remaining: float) -> float:
        """Learning rate by SB3's progress remaining, 1 → 0."""
        return falling(self.learning_rate, self.learning_rate_end, progress_remaining)

    def algorithm(self, regions: int) -> dict[str, Any]:
        """Arguments of `RegionalPPO` for a network with this number of regions."""
        same = ("n_steps", "batch_size", "n_epochs", "gamma", "gae_lambda", "clip_range", "ent_coef", "ent_coef_end",
                "vf_coef", "max_grad_norm", "target_kl")  # fmt: skip
        groups = regions if self.weights == "per_region" else 1
        return {
            **{name: getattr(self, name) for name in same},
            "learning_rate": self.schedule,
            "charges": Charges(**{name: getattr(self, name) for name in Charges._fields}),
            "policy_kwargs": {
                "hidden": self.hidden, "critic_hidden": self.critic_hidden, "groups": groups,
                "source_prior": self.source_prior,
                "dispatch_prior": self.dispatch_prior,
                "price_hidden": self.lane_price_hidden,
                "averaging": self.averaging,
            },
        }  # fmt: skip


def load_ppo(path: str | Path, overrides: dict[str, str] | None = None) -> PpoConfig:
    """Reads a PPO file.

    Args:
        path: the file, or the name of a shipped one.
        overrides: field → YAML text that replaces the file's value.

    Raises:
        ScenarioError: the message names file, field, value and fix.
    """
    path = find_file("ppo", path)
    data = override(read_yaml(path), overrides or {})
    try:
        return PpoConfig.model_validate(data)
    except ValidationError as error:
        raise ScenarioError(explain(error, path)) from None
