"""Fit generated demand to a trace: a scenario, and a page that shows it beside the trace."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import tyro

from regional_dispatch.commands.options import Overrides, at_least, command_line, parse_overrides
from regional_dispatch.data.fit.page import cannot_hold, split_line
from regional_dispatch.data.fit.trace import fit_trace, save_fit
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import LONGEST_HORIZON_HOURS, Scenario, TraceDemand, load_scenario
from regional_dispatch.envs.world.tables.orders import read_orders
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.folders.claim import claim
from regional_dispatch.evaluation.folders.kinds import FIT
from regional_dispatch.evaluation.output import staged
from regional_dispatch.evaluation.provenance import provenance

_TABLES = (".csv", ".parquet")


@dataclass(frozen=True)
class Command:
    """Fit generated demand to a trace: a scenario, and a page that shows it beside the trace.

    Learns orders a day, hours and weekdays on local clocks, shares of stations, skew of SKUs, lines an order, units a
    line and promises from the first weeks, and shows them beside the last ones, which the fit has not seen. Writes
    scenario.yaml with sites.csv (and lanes.csv), which `compare` plays; fit.md and fit.png, fitted against observed;
    days.csv, skus.csv and fit.json.
    """

    scenario: tyro.conf.Positional[str]
    """A scenario file with a trace, or a table of orders (.csv or .parquet) for the network of --network; where that \
has dates, give --set 'calendar={start: 2024-11-02, time_zone: America/New_York}' with your own."""
    network: str = "us8"
    """The scenario whose network a table of orders belongs to."""
    hold_out_weeks: int | None = None
    """Last weeks that the fit does not see. 0: it sees all. Default: a quarter of the weeks, none of a single one."""
    seed: int = 0
    """Seed of the resampled days that intervals come from."""
    out: Path = Path("runs/fit")
    """Folder for the files; created if it is missing."""
    overrides: Overrides = ()
    """Change a field of the scenario, such as demand.path=orders.csv; may be repeated."""

    def run(self) -> None:
        """Reads, fits, then writes."""
        at_least("--seed", self.seed, 0)
        if self.hold_out_weeks is not None:
            at_least("--hold-out-weeks", self.hold_out_weeks, 0)
        claim(self.out, FIT)
        scenario = _scenario(self.scenario, self.network, parse_overrides(self.overrides))
        network = build_network(scenario)
        fitted = fit_trace(scenario, network, read_orders(scenario, network.sites), self.hold_out_weeks, self.seed)
        with staged(self.out) as folder:
            save_fit(fitted, folder, self.out, provenance(command_line()))
        print("\n".join([split_line(fitted), *cannot_hold(fitted.fit, fitted.seen), f"fit: {self.out}"]))


def _scenario(given: str, network: str, overrides: dict[str, str]) -> Scenario:
    """The scenario of a trace."""
    if Path(given).suffix in _TABLES:
        trace = json.dumps({"kind": "trace", "path": str(Path(given).absolute())})
        return load_scenario(network, {"horizon_hours": str(LONGEST_HORIZON_HOURS), **overrides, "demand": trace})
    scenario = load_scenario(given, overrides)
    if not isinstance(scenario.demand, TraceDemand):
        raise InputError(f"{given}: demand.kind = 'generated': there is nothing to fit; give a scenario with a trace")
    return scenario
