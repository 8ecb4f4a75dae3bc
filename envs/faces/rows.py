"""Regions of network copies as rows, stepped together on one compiled kernel."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from regional_dispatch.envs.faces.action_space import checked_actions
from regional_dispatch.envs.kernel.decisions.observe import apply_choices
from regional_dispatch.envs.kernel.decisions.scorers import DEFAULT_BACKGROUND, Scorers
from regional_dispatch.envs.kernel.ledger import COMPONENTS
from regional_dispatch.envs.observation import action_sizes, empty_observation, fill_observation, need_decisions
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.clocks.clock import first_calendar_tick
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import TraceDemand


class Stream(NamedTuple):
    """Whose orders a copy meets: its e-th episode has key (seed, first + e · step) of the training stream."""

    seed: int
    first: int = 0
    step: int = 1


class RegionRows:
    """Row i = copy i // R, region i % R. Copies start at staggered hours of the week.

    If all rows saw the same hour at once, updates would swing with the hour of the day.

    Args:
        sim: the copies.
        seed: of the training stream; copy c's e-th episode has key (seed, c + e · copies).
        among: number of the first copy, and of all copies, where several networks stand side by side.
        rows: how many there are, if less than all; the regions left of the last copy follow the background.
        region: the one region that has a row, in each copy; the others follow the background.
        background: decides for regions without a row; default: nearest in region, last safe hour.
    """

    def __init__(
        self,
        sim: Simulator,
        seed: int = 0,
        among: tuple[int, int] | None = None,
        rows: int | None = None,
        region: int | None = None,
        background: Scorers | None = None,
    ) -> None:
        self.sim = sim
        self.seed = seed
        self.first, self.copies = among or (0, sim.copies)
        self.background = background or DEFAULT_BACKGROUND
        self.region = region
        total = sim.copies * sim.regions
        self.place = np.arange(total)[: total if rows is None else rows]  # of each row among all regions of all copies
        if region is not None:
            self.place = np.arange(sim.copies) * sim.regions + region
        self.rows = len(self.place)
        self._which = slice(self.place[0], self.place[-1] + 1, 1 if region is None else sim.regions)
        self.copy_of, self.region_of = np.divmod(self.place, sim.regions)
        self.streams: dict[int, Stream] = {}  # of copies that do not follow the common one
        self.episodes = np.zeros(sim.copies, dtype=np.int64)  # started so far by each copy

    def start(self, copy: int, key: int | None = None, week_tick: int | None = None) -> None:
        """The copy's next episode, up to its first decisions.

        Args:
            copy: number of the copy.
            key: of the episode's orders; default, that of the copy's stream.
            week_tick: where in the week it starts; default, `week_tick`.
        """
        stream = self.streams.get(copy, Stream(self.seed, self.first + copy, self.copies))
        number = stream.first + int(self.episodes[copy]) * stream.step
        self.episodes[copy] += 1
        key = episode_key("train", stream.seed, number) if key is None else key
        self.sim.reset(copy, key, self.week_tick(copy) if week_tick is None else week_tick)
        self.sim.begin(copy)

    def follow(self, copy: int, stream: Stream) -> None:
        """Has the copy's next episode be the first of a stream of its own."""
        self.streams[copy] = stream
        self.episodes[copy] = 0

    def week_tick(self, copy: int) -> int:
        """Calendar tick at which the copy's episodes start: spread evenly over a week. A trace has its own time."""
        scenario = self.sim.scenario
        first = first_calendar_tick(scenario)
        if isinstance(scenario.demand, TraceDemand):
            return first
        week = scenario.ticks_per_week
        return (first + (self.first + copy) * week // self.copies) % week

    def restart(self, seed: int | None = None) -> None:
        """All copies from their first episode, under a new seed if one is given."""
        self.seed = self.seed if seed is None else seed
        self.streams.clear()
        self.episodes[:] = 0
        for copy in range(self.sim.copies):
            self.start(copy)

    def observe(self) -> dict[str, np.ndarray]:
        """What every row sees, as fresh tables: (rows, …)."""
        out = empty_observation(self.sim, self.rows)
        for rows in self._blocks():
            fill_observation(self.sim, int(self.place[rows.start]), {name: part[rows] for name, part in out.items()})
        return out

    def step(self, actions: Any) -> tuple[np.ndarray, np.ndarray]:
        """One tick everywhere; copies at their horizon are settled and wait for `start`.

        Args:
            actions: (rows, M + L).

        Returns:
            USD accrued per row and component (rows, components), and which rows are at their horizon (rows,) bool.

        Raises:
            gymnasium.error.ResetNeeded: a copy's episode has not begun, or has ended.
            gymnasium.error.InvalidAction: an action is not in the action space.
        """
        checked = checked_actions(actions, self.rows, *action_sizes(self.sim))
        need_decisions(self.sim, 0, self.sim.copies)
        before = self.sim.state.accrual.copy()
        ended = np.zeros(self.sim.copies, dtype=bool)
        for rows in self._blocks():
            apply_choices(self.sim.world, self.sim.state, int(self.place[rows.start]), checked[rows])
        self._decide_for_others()
        for copy in range(self.sim.copies):
            ended[copy] = self.sim.finish(copy)
            if not ended[copy]:
                self.sim.begin(copy)
        booked = (self.sim.state.accrual - before).reshape(-1, len(COMPONENTS))
        return booked[self._which], ended[self.copy_of]

    def cash(self) -> np.ndarray:
        """USD paid so far in the episode, per row and component: (rows, components)."""
        return self.sim.state.cash.reshape(-1, len(COMPONENTS))[self._which].copy()

    def _blocks(self) -> list[slice]:
        """Rows that lie side by side in the copies, which the kernel takes at once."""
        if self.region is None or self.sim.regions == 1:
            return [slice(0, self.rows)]
        return [slice(row, row + 1) for row in range(self.rows)]

    def _decide_for_others(self) -> None:
        """Has the background decide for regions without a row."""
        if self.region is not None:
            for copy in range(self.sim.copies):
                self.sim.decide(copy, self.background, skip=self.region)
        else:
            for place in range(self.rows, self.sim.copies * self.sim.regions):
                self.sim.decide(place // self.sim.regions, self.background, only=place % self.sim.regions)
