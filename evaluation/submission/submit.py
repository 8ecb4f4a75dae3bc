"""Plays a suite with policies that someone submits, beside a rule and the shipped policy, and makes their rows."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import regional_dispatch
from regional_dispatch.agents.export import FilePolicy
from regional_dispatch.baselines.lookahead.options import is_lookahead
from regional_dispatch.baselines.pricing import simulator_for
from regional_dispatch.baselines.random_play import RANDOM
from regional_dispatch.baselines.tick_player import DECISIONS, SECONDS, ScorerPlayer
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.shipped import HOME
from regional_dispatch.evaluation.benchmark.run import Benchmark, run_suite
from regional_dispatch.evaluation.benchmark.suite import Stage, Suite, stages
from regional_dispatch.evaluation.bounds import Bound
from regional_dispatch.evaluation.cells import Progress, Worlds, digest, sources
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.execution.executor import Executor
from regional_dispatch.evaluation.policies import PRETRAINED, is_baseline
from regional_dispatch.evaluation.provenance import provenance, versions_of
from regional_dispatch.evaluation.rollouts import Playable, evaluation_keys
from regional_dispatch.evaluation.submission.objects import is_import_path, module_digest
from regional_dispatch.evaluation.submission.row import FORMAT, Row, scenario_part

RULE = "least_cost"  # every row is set against it
LEARNERS = ("gymnasium", "stable-baselines3", "sb3-contrib")  # packages that a policy's numbers may depend on


class Entry(NamedTuple):
    """What someone submits."""

    spec: str  # as `evaluation.policies.resolve_players` takes it
    name: str  # on the leaderboard
    note: str


def submission(
    suite: Suite, where: Path, entries: Sequence[Entry], scenarios: Sequence[str], bound: bool
) -> list[Stage]:
    """The scenarios of a suite with the entries, the rule and the shipped policy in place of the suite's own policies.

    Args:
        suite: scenarios, episodes, seed and bounds.
        where: its file, for messages.
        entries: what is submitted.
        scenarios: only these; none, all.
        bound: compute the suite's bounds.

    Raises:
        InputError: a scenario that the suite does not have, or a policy that cannot be used.
    """
    known = {place.title: place for place in suite.scenarios}
    unknown = [name for name in scenarios if name not in known]
    if unknown:
        raise InputError(f"--scenarios: '{unknown[0]}' is not in {where}; it has {', '.join(known)}")
    places = [
        place.model_copy(update={"extra_policies": _players(entries, title)})
        for title, place in known.items()
        if not scenarios or title in scenarios
    ]
    return stages(suite.model_copy(update={"scenarios": places, "policies": (), "generated": 0}), where, bound)


def _players(entries: Sequence[Entry], scenario: str) -> tuple[str, ...]:
    """Entries first, in their order; then those they are set against."""
    given = [_spec(entry, scenario) for entry in entries]
    rivals = [RULE, *([_shipped(scenario)] if (PRETRAINED / f"{scenario}.safetensors").is_file() else [])]
    return (*given, *(rival for rival in rivals if rival not in given))


def _spec(entry: Entry, scenario: str) -> str:
    return entry.spec.replace("{scenario}", scenario)


def _shipped(scenario: str) -> str:
    return f"pretrained/{scenario}"


def play_entries(
    suite: Suite, played: Sequence[Stage], entries: Sequence[Entry], folder: Path, executor: Executor,
    bound: Bound | None, command: str, progress: Progress | None = None,
) -> list[Row]:  # fmt: skip
    """The row of every entry; what is computed is kept in the folder, as a benchmark's cells.

    Raises:
        InputError: a policy was trained or tuned on these orders.
        PlayerError: a policy's answer is no action.
        BoundError: a bound cannot be computed.
        KeyboardInterrupt: on Ctrl-C; its text says how many cells are kept.
    """
    found = run_suite(suite, played, folder, executor, bound, command, progress)
    fingerprints = Worlds()
    made = {
        **provenance(command), "versions": {**found.summary["meta"]["versions"], **versions_of(LEARNERS)},
        "regional_dispatch": regional_dispatch.__version__, "commit": commit(), "sources": sources(),
        "date": datetime.now(UTC).date().isoformat(),
    }  # fmt: skip
    return [_row(suite, played, entry, k, found, fingerprints, made) for k, entry in enumerate(entries)]


def _row(
    suite: Suite, played: Sequence[Stage], entry: Entry, k: int, found: Benchmark, worlds: Worlds, made: dict[str, Any]
) -> Row:
    parts = {}
    for stage in played:
        name, policy = list(stage.policies.items())[k]
        frame = found.frame[found.frame["scenario"] == stage.name]
        summary = found.summary["scenarios"][stage.name]
        rivals = {"rule": RULE, "shipped": _shipped(stage.name)}
        present = {kind: rival for kind, rival in rivals.items() if rival in stage.policies}
        parts[stage.name] = {
            "policy": name, "digest": _digest(policy, entry), "world": worlds.digest(stage.scenario),
            **scenario_part(frame, summary.get("gaps"), name, present),
            "seconds_per_decision": _pace(stage, name, policy, summary, suite.seed),
            "doubts": [text for text in summary["doubts"] if text.startswith(f"policy '{name}'")],
        }  # fmt: skip
    first = list(played[0].policies.values())[k]
    return {
        "format": FORMAT,
        "policy": {"name": entry.name, "spec": entry.spec, "kind": kind_of(entry.spec, first), "note": entry.note},
        "suite": {"name": suite.name, "stream": "evaluate", "seed": suite.seed, "episodes": suite.episodes},
        "scenarios": parts,
        "made": made,
    }


def kind_of(spec: str, policy: Playable) -> str:
    """What kind of policy it is, in a word."""
    if is_lookahead(spec):
        return "looks ahead"
    if spec == RANDOM:
        return "random"
    if is_import_path(spec):
        return "own code"
    if isinstance(policy, FilePolicy):
        return "trained"
    if isinstance(policy, ScorerPolicy):
        return "rule" if is_baseline(spec) else "tuned rule"
    return "trained"


def _digest(policy: Playable, entry: Entry) -> str:
    """Of the weights, or of what plays; of an object, the file of its module and what it says of itself."""
    if isinstance(policy, ScorerPolicy):
        return digest(policy.scorers, policy.pricing)
    return digest(module_digest(entry.spec)) if is_import_path(entry.spec) else policy.digest


def _pace(stage: Stage, name: str, policy: Playable, summary: dict[str, Any], seed: int) -> float:
    """Seconds of one core per decision, simulation included; of two scorers, over the first episode."""
    known: float | None = summary.get("seconds_per_decision", {}).get(name)
    if known is not None or not isinstance(policy, ScorerPolicy):
        return known or 0.0
    player, sim, key = ScorerPlayer(policy), simulator_for(stage.scenario, policy.pricing), evaluation_keys(1, seed)[0]
    player.episode(sim, key)  # loads compiled code
    row = player.episode(sim, key)
    return row[SECONDS] / max(row[DECISIONS], 1.0)


def commit() -> str | None:
    """The commit of the project's checkout, with `+` where files differ from it; None where there is no checkout."""
    if not (HOME / ".git").exists():
        return None
    try:
        head, changed = (
            subprocess.run(
                ["git", "-C", str(HOME), *command], capture_output=True, text=True, check=True
            ).stdout.strip()
            for command in (("rev-parse", "--short=12", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return head + ("+" if changed else "")
