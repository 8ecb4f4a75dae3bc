"""Lower bounds of the shipped worlds beside the policies trained for them, and beside optima where there are any."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from regional_dispatch.baselines.bounds.hindsight import exact_bound, is_small
from regional_dispatch.baselines.bounds.relaxation import relaxed_bound
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import Scenario, load_scenario
from regional_dispatch.envs.world.trace import orders_per_day
from regional_dispatch.evaluation.bounds import FULL_TRUCKS
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.kpis import EPISODE_COST
from regional_dispatch.evaluation.policies import resolve_policies
from regional_dispatch.studies.bounds.page import Beside, Shrunk, findings_of
from regional_dispatch.studies.framework.base import Study
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.report.findings import Findings


class Bounds(Study):
    """Computes bounds with full trucks and with shares of trucks, and optima of a small world with smaller trucks."""

    scenario: str = Field("small", description="A world small enough for the optimum with all orders known.")
    scenarios: tuple[str, ...] = Field(
        ("us8_spread",), min_length=1, description="Worlds; each is played by the policy that is shipped for it."
    )
    trucks: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (8, 6, 4), min_length=1,
        description="Trucks with which the small world is solved to the optimum. Unit: packages.",
    )  # fmt: skip

    def run(self, lab: Lab) -> Findings:
        """Plays the policies and computes the bounds.

        Raises:
            InputError: the scenario is too large for the optimum.
            BoundError: an episode has no bound.
        """
        if not is_small(self.base()):
            raise InputError(f"scenario = '{self.scenario}': too large for the optimum; name small or one of its size")
        worlds = {name: load_scenario(name) for name in self.scenarios}
        beside = [self._beside(lab, name, world) for name, world in worlds.items()]
        shrunk = [self._shrunk(lab, packages) for packages in self.trucks]
        return findings_of(self, beside, shrunk)

    def _beside(self, lab: Lab, name: str, world: Scenario) -> Beside:
        policy = f"pretrained/{name}"
        bounds = lab.bounds(world, relaxed_bound)[[FULL_TRUCKS, "bound_per_order_usd", "bound_seconds"]].mean()
        return Beside(name, policy, self._cost(lab, name, world, policy), *bounds.tolist())

    def _shrunk(self, lab: Lab, packages: int) -> Shrunk:
        world = self.world({"trucks.capacity_packages": packages})
        bounds, optima = lab.bounds(world, relaxed_bound), lab.bounds(world, exact_bound)
        loads = orders_per_day(world) / build_network(world).net.stations / packages
        return Shrunk(
            packages, loads, self._cost(lab, f"trucks of {packages}", world, self.policies[0]),
            bounds[FULL_TRUCKS].mean(), bounds["bound_per_order_usd"].mean(), optima["bound_per_order_usd"].mean(),
            bool((optima["bound_kind"] == "exact").all()),
        )  # fmt: skip

    def _cost(self, lab: Lab, name: str, world: Scenario, policy: str) -> float:
        players = resolve_policies((policy,), world)
        played = lab.play({name: world}, players)
        return float(played.values(name, next(iter(players)), EPISODE_COST).mean())
