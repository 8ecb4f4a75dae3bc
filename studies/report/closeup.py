"""The close-up of one policy in some worlds: maps, flows between regions, distributions, a film, single decisions.

All worlds have the same orders. Flows and distributions cover all held-out episodes; maps, film and decisions show the
first.
"""

from __future__ import annotations

from collections.abc import Mapping

from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.render.map import draw_map
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.evaluation.rollouts import evaluation_keys, play
from regional_dispatch.evaluation.text import inside
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.report.charts import picture
from regional_dispatch.studies.report.decision_log import log_orders, sample_orders
from regional_dispatch.studies.report.decision_words import log_tables
from regional_dispatch.studies.report.film import film
from regional_dispatch.studies.report.findings import Figure, Findings, Place, Section
from regional_dispatch.studies.report.flow_figures import distributions, spill_maps
from regional_dispatch.studies.report.flows import Watch, flows_of


class CloseUp:
    """The parts of a page that show one policy in detail. Its flows are played, and stored, by the constructor.

    Args:
        lab: plays, and stores what was played.
        policy: decides in all worlds.
        worlds: name → world, with the same orders in all. Sample orders are drawn by their outcome in the first.
        days: from the end of the warm-up to the midnight at which maps are drawn and film and log begin; fewer if the
            horizon is near.
    """

    def __init__(self, lab: Lab, policy: ScorerPolicy, worlds: Mapping[str, Place], days: int) -> None:
        self.policy, self.worlds, self.seed = policy, worlds, lab.seed
        scenario = next(iter(worlds.values())).scenario
        self.tick_hours = scenario.tick_hours
        self.day = round(24 / self.tick_hours)
        self.midnight = min(scenario.warmup_ticks + days * self.day, scenario.horizon_ticks - 2 * self.day)
        self.days = (self.midnight - scenario.warmup_ticks) // self.day
        watch = {policy.name: Watch(policy, self.midnight)}
        self.flows = {
            name: [flows_of(row) for row in lab.play_players(world.scenario, watch)[policy.name]]
            for name, world in worlds.items()
        }

    def around(self, findings: Findings, animation: bool, maps_in_docs: bool) -> Findings:
        """The findings with maps before them, and distributions and decisions after them, which report.md leaves out.

        Args:
            findings: the other sections.
            animation: film the day after midnight.
            maps_in_docs: put maps in report.md too.
        """
        names = [inside(world.title) for world in self.worlds.values()]
        worlds = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
        days = f"{self.days} {'day' if self.days == 1 else 'days'}"
        moving = (self.film(),) if animation else ()
        maps = Section(
            "Maps",
            _MAPS.format(worlds=worlds[0].upper() + worlds[1:], days=days),
            (*moving, *self.maps()),
            not maps_in_docs,
        )
        text = _SPREAD.format(policy=self.policy.name, worlds=worlds, days=days)
        spread = Section("Behind the means", text, (self.distributions(),), True)
        return findings._replace(sections=(maps, *findings.sections, spread, self.decisions()))

    def _played(self, name: str) -> Simulator:
        """The first episode at midnight; callers read it or play on."""
        return play(self.worlds[name].scenario, self.policy, evaluation_keys(1, self.seed)[0], until=self.midnight)

    def maps(self) -> tuple[Figure, ...]:
        """Every world with lanes by region, with lanes by fill, and with arrows from region to region."""
        sims = {name: self._played(name) for name in self.worlds}
        titles = {name: world.title for name, world in self.worlds.items()}
        plain = tuple(
            Figure(
                f"map_{name}", titles[name], f"{self.policy.name}, first episode.",
                picture(draw_map(sim, title=titles[name])),
            )
            for name, sim in sims.items()
        )  # fmt: skip
        loads = tuple(
            Figure(
                f"fill_{name}", f"{titles[name]}: how full trucks leave",
                f"{self.policy.name}, first episode. A lane's colour is the share of their room that its trucks used "
                "since the warm-up; squares are as large as what an FC sent.",
                picture(draw_map(sim, title=f"{titles[name]}: how full trucks leave", loads=True)),
            )
            for name, sim in sims.items()
        )  # fmt: skip
        return (*plain, *loads, *spill_maps(sims, self.flows, titles, self.seed))

    def film(self) -> Figure:
        """A film of the day after midnight, all worlds side by side."""
        scorers = self.policy.scorers
        shot = film({world.title: (self._played(name), scorers) for name, world in self.worlds.items()})
        return Figure(
            "film", "A day of trucks",
            f"{self.policy.name}, first episode: a dot is a truck, a lane as wide as the packages it has carried.",
            shot.still, gif=shot.gif,
        )  # fmt: skip

    def distributions(self) -> Figure:
        """Distributions of hours, miles and loads."""
        flows = {world.title: self.flows[name] for name, world in self.worlds.items()}
        return distributions(flows, self.tick_hours, self.seed)

    def decisions(self) -> Section:
        """A few orders of the day after midnight, line by line, in every world."""
        end = self.midnight + self.day
        first = next(iter(self.worlds))
        kinds = sample_orders(self._played(first), self.policy, end, self.seed)
        last = end + self.day - 1  # with few slots, lines may wait longer in one world than in another
        orders = list(kinds.values())
        logs = {
            world.title: log_orders(self._played(name), self.policy, orders, last)
            for name, world in self.worlds.items()
        }
        text = _DECISIONS.format(policy=self.policy.name, first=inside(self.worlds[first].title), seed=self.seed)
        return Section("Decisions, order by order", text, log_tables(kinds, logs, self.policy), True)


_MAPS = "{worlds} after {days} that count, on the same orders."
_SPREAD = "{policy} in {days} of {worlds}, after the warm-up and without a change between."
_DECISIONS = (
    "Orders of one day of the first episode, one of each kind drawn at random (seed {seed}) by what becomes of it in "
    "{first}, and the same orders in each world. What is shown is what {policy} saw when it decided.\n\n"
    "The next best is the candidate at another FC that it ranks second. Dollars are those of the whole order if this "
    "line alone went there: its packages at standard cost, each paid once (trucks, picking, sorting, lateness that "
    "cannot be avoided, and where the policy prices lanes what it expects beyond), and what its units are expected to "
    "be worth elsewhere. Above zero the chosen FC is the cheaper one."
)
