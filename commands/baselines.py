"""List the baselines with their parameters, units, defaults and bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table

from regional_dispatch.baselines.rules import DISPATCH_RULES, SOURCE_RULES, Parameter, Rule
from regional_dispatch.baselines.transfers.rules import TRANSFER_RULES, Kind


@dataclass(frozen=True)
class Command:
    """List the baselines with their parameters, units, defaults and bounds.

    A baseline is a sourcing rule and a dispatch rule. Also lists the rules that move stock between regions.
    """

    def run(self) -> None:
        """Prints the tables."""
        print_baselines()


def print_baselines(console: Console | None = None) -> None:
    """A table for each half of a baseline's name, and one of the transfer rules."""
    console = console or Console()
    console.print("A baseline is source+dispatch, such as least_cost+hybrid; a missing half has its default.")
    for title, rules in (("source", SOURCE_RULES), ("dispatch", DISPATCH_RULES)):
        console.print(_table(title, rules))
    console.print("With `compare --transfers RULE`, a rule moves stock between regions, under every policy.")
    console.print(_table("transfers", TRANSFER_RULES))


def _table(title: str, rules: Mapping[str, Rule] | Mapping[str, Kind]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column(title, no_wrap=True)
    table.add_column("what it does")
    table.add_column("parameters")
    for name, rule in rules.items():
        table.add_row(name, rule.text, "\n".join(_parameters(rule.parameters)))
    return table


def _parameters(known: Mapping[str, Parameter]) -> list[str]:
    """One line each; weights without bounds are too many to list."""
    if any(math.isinf(parameter.high) for parameter in known.values()):
        return [f"{len(known)} weights, see envs/kernel/decisions/features.py"]
    return [f"{name} = {p.default:g} ({p.low:g}…{p.high:g}): {p.text}" for name, p in known.items()]
