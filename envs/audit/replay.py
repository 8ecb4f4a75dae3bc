"""Plays the tick of a violation again, from its file."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regional_dispatch.envs.audit.auditor import AuditError, Auditor
from regional_dispatch.envs.audit.violation import Violation, world_digest
from regional_dispatch.envs.fingerprint import source_digest
from regional_dispatch.envs.kernel.compiled import KERNEL
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.errors import ScenarioError


class Replay(NamedTuple):
    """What came of it."""

    found: str | None  # law and numbers now; None, every law holds
    same: bool  # is that what the file says?
    same_kernel: bool  # is the kernel what it was?


def replay(violation: Violation) -> Replay:
    """Plays one tick under audit.

    Raises:
        ScenarioError: the scenario's tables have changed, or the state cannot be used.
    """
    sim = _simulator(violation)
    found = _played(sim, violation)
    return Replay(found, found == violation.text, source_digest([KERNEL]) == violation.kernel)


def _simulator(violation: Violation) -> Simulator:
    """One copy of the violation's network, in the state before its tick."""
    sim = Simulator(violation.scenario, audit=False)
    if world_digest(sim.world) != violation.world:
        raise ScenarioError(
            f"scenario {violation.scenario.name}: its tables are not what they were, so the state does not fit; "
            "bring back the tables of the run"
        )
    sim.state = sim.state._replace(**_rooms(sim, violation.row))  # type: ignore[arg-type]
    try:
        sim.restore({f"state.{name}": array[None] for name, array in violation.row.items()})
    except KeyError as error:
        raise ScenarioError(f"the state lacks {error}; give a file of this version") from None
    sim.auditor = Auditor(sim, None)
    return sim


def _rooms(sim: Simulator, row: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays that are larger where units are priced, lanes are learned about, or promises are longer than in orders."""
    shelves = sim.world.base_stock.shape[1:]
    rooms = {}
    for name, axes in (("price", shelves), ("sample", None), ("sample_usd", None), ("urgent", None)):
        ours, theirs = getattr(sim.state, name), row.get(name)
        if theirs is None or theirs.shape == ours.shape[1:] or (axes is not None and theirs.shape != axes):
            continue  # restoring says what is wrong
        rooms[name] = np.zeros((1, *theirs.shape), ours.dtype)
    return rooms


def _played(sim: Simulator, violation: Violation) -> str | None:
    """The violation found now; None if there is none."""
    try:
        sim.begin(0)
        if violation.decisions:
            _apply(sim, violation)
        elif violation.scorers is not None:
            sim.decide(0, violation.scorers)
        sim.finish(0)
    except AuditError as error:
        return error.law
    return None


def _apply(sim: Simulator, violation: Violation) -> None:
    """Makes the decisions of the tick as they were made."""
    state, made = sim.state, violation.decisions
    rules, slots = sim.world.rules, state.slots[0]
    region = np.repeat(np.arange(len(slots)), slots)
    number = np.arange(len(region)) - np.repeat(np.cumsum(slots) - slots, slots)
    at = (state.line_first[0][region] + number) % state.line.shape[2]
    try:
        fits = made["choice"].shape == at.shape and made["candidate"].shape == state.candidate[0].shape
        fits = fits and made["go"].shape == state.go[0].shape
        in_range = bool(((made["choice"] >= 0) & (made["choice"] < rules.candidates)).all())
        routes = made["candidate"]
        in_range = bool(in_range) and bool(((routes >= -1) & (routes < len(sim.world.net.routes))).all())
    except (KeyError, TypeError, ValueError):
        fits = in_range = False
    if not (fits and in_range):
        raise ScenarioError("the decisions do not fit the orders that this version places; give a file of this version")
    state.line["choice"][0, region, at] = made["choice"]
    state.candidate[0], state.go[0] = routes, made["go"]
