"""Policies that come with the package: chosen by their tuning episodes, each with a model card."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from regional_dispatch.agents.export import load_policy, save_policy
from regional_dispatch.agents.folder import CONFIG_FILE
from regional_dispatch.envs.world.reading import read_csv, read_json
from regional_dispatch.envs.world.scenario import read_yaml
from regional_dispatch.evaluation.compare import Summary, summarise
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.experiments.cells import label, run_folder
from regional_dispatch.evaluation.experiments.file import PPO
from regional_dispatch.evaluation.kpis import COST
from regional_dispatch.evaluation.output import staged
from regional_dispatch.evaluation.provenance import made_by
from regional_dispatch.evaluation.report.comparison import markdown_table
from regional_dispatch.evaluation.text import number

SUMMARY, RESULTS = "summary.json", "results.csv"
_USE = """\
## Use

```sh
python evaluate.py compare {world} --policies {shipped},least_cost
```

```python
import gymnasium
from regional_dispatch import load_scenario, resolve_policies

scenario = load_scenario("{scenario}")
policy = resolve_policies(["{shipped}"], scenario)["{shipped}"]
env = gymnasium.make("RegionalDispatch-v0", scenario=scenario, lane_price=policy.scorers.price)
observation, info = env.reset(seed=0)
action, _ = policy.predict(observation)
```"""
_LIMITS = """\
## Limits

Trained in simulation on {trained_on}, and measured above on scenario `{scenario}` alone. On another network,
demand or cost structure compare it with `tuned_linear` and the rules first, or train from scratch. It uses
the features that its file names. A version with more features gives the new ones zero weight; a version in which one of
its features is gone, or means something else, refuses the file."""


def ship(folder: Path, names: Sequence[str] | None, out: Path) -> list[Path]:
    """Writes weights and card of one seed of each variant.

    Args:
        folder: of a finished experiment.
        names: variants; None, all that are two scorers.
        out: where to: NAME.safetensors and NAME.md; all of them or none.

    Returns:
        The files written.

    Raises:
        InputError: the folder holds no experiment, or a variant cannot be shipped.
    """
    summary, frame = _read(folder)
    chosen = _chosen(summary["variants"], names, folder)
    with staged(out) as files:
        for name in chosen:
            variant = summary["variants"][name]
            seed = best_seed(variant)
            run = run_folder(folder, name, seed)
            command = _command(name, variant, seed)
            policy = load_policy(run)
            save_policy(files / f"{name}.safetensors", policy.scorers, {**policy.metadata, "command": command})
            card = model_card(name, variant, seed, summary["meta"], frame[frame["variant"] == name], run)
            (files / f"{name}.md").write_text(card, encoding="utf-8")
    return [out / f"{name}{ending}" for name in chosen for ending in (".safetensors", ".md")]


def _read(folder: Path) -> tuple[Summary, pd.DataFrame]:
    try:
        summary: Summary = read_json(folder / SUMMARY)
        frame = read_csv(folder / RESULTS)
        if summary.pop("sha256") != checksum(summary, folder / RESULTS):
            raise ValueError(f"{SUMMARY} or {RESULTS} was edited or damaged")
        if not (summary["variants"] and "experiment" in summary["meta"] and "variant" in frame):
            raise ValueError("no variants")
        return summary, frame
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{folder}: not the folder of a finished experiment ({error}); give the --out of `evaluate.py "
            "experiment`, or that command again: what is finished is kept"
        ) from None


def checksum(summary: Summary, results: Path) -> str:
    """SHA-256 of an experiment's summary and of its table of episodes."""
    text = json.dumps(json.loads(json.dumps(summary)), sort_keys=True)  # keys are texts, as in the file
    return hashlib.sha256(text.encode() + results.read_bytes()).hexdigest()


def _chosen(variants: dict[str, Summary], names: Sequence[str] | None, folder: Path) -> list[str]:
    can = [name for name, variant in variants.items() if variant["algorithm"] == PPO]
    for name in names or ():
        if name not in can:
            raise InputError(f"--variants: '{name}' cannot be shipped from {folder}; there are: {', '.join(can)}")
    return can if names is None else list(names)


def best_seed(variant: Summary) -> int:
    """The seed whose policy has the lowest cost on its tuning episodes.

    Each seed has tuning episodes of its own, and some are more expensive than others; so the cost of the best untuned
    rule on the same episodes is subtracted where there is one.
    """
    levels = variant["levels"].get("best untuned rule", {}).get("usd", {})
    costs = {seed: facts["tuning_cost_usd"] - levels.get(seed, 0.0) for seed, facts in variant["seeds"].items()}
    return int(min(costs, key=lambda seed: costs[seed]))


def _command(name: str, variant: Summary, seed: int) -> str:
    """The command that trains it, with an output folder that exists anywhere."""
    return shlex.join(["python", "train.py", *variant["arguments"], "--seed", str(seed), "--out", f"runs/{name}"])


def model_card(name: str, variant: Summary, seed: int, meta: dict[str, Any], frame: pd.DataFrame, run: Path) -> str:
    """The model card, as Markdown.

    Args:
        name: the policy's.
        variant: its summary.
        seed: the seed that is shipped.
        meta: the experiment's.
        frame: the variant's episodes.
        run: the training's folder.
    """
    facts, shipped = variant["seeds"][str(seed)], f"pretrained/{name}"
    rivals = list(variant["rivals"])
    rows = frame[frame["policy"].isin([label(seed), *rivals])].replace({"policy": {label(seed): shipped}})
    table = summarise(rows, [(shipped, rival) for rival in rivals])
    table["meta"] = {"scenario": variant["scenario"], "episodes": meta["episodes"], "seed": meta["seed"]}
    changes = "".join(f", {field} = {value}" for field, value in variant["changes"].items() if field != "networks")
    saved = read_yaml(run / CONFIG_FILE)
    config = yaml.safe_dump({**saved["ppo"], "timesteps": saved["timesteps"]}, sort_keys=False).strip()
    pairs = list(zip(variant["arguments"][::2], variant["arguments"][1::2], strict=True))
    world = shlex.join([text for pair in pairs if pair[0] in ("--scenario", "--set") for text in pair])
    trained_on = _trained_on(variant["scenario"], saved["ppo"])
    sections = [
        f"# {shipped}",
        f"PPO trained on {trained_on}{changes}: one scorer of the candidates of an order line, one of go against hold "
        "for a lane. Weights alone, no code.",
        _USE.format(shipped=shipped, world=world, scenario=variant["scenario"]),
        f"## Training\n\n`{_command(name, variant, seed)}`",
        f"{number(facts['seconds'] / 60, 1)} minutes of one thread on {meta['cpu']['model']}. {_choice(variant, seed)} "
        "The held-out episodes below played no part in the choice. The PPO file:",
        f"```yaml\n{config}\n```",
        f"## On held-out orders\n\n{markdown_table(table).strip()}",
        "The intervals are over episodes, for this one policy. All seeds together cost "
        f"{number(variant['kpis'][COST]['mean'], 3)} USD per order.",
        _LIMITS.format(trained_on=trained_on, scenario=variant["scenario"]),
        f"## How it was made\n\n{made_by(meta)}",
    ]
    return "\n\n".join(sections) + "\n"


def _choice(variant: Summary, seed: int) -> str:
    """How the seed, or of one seed the training's moment, was chosen."""
    if len(variant["seeds"]) == 1:
        return f"Seed {seed} alone was trained; this is its cheapest policy by its tuning episodes."
    return (
        f"Of the seeds {', '.join(sorted(variant['seeds'], key=int))} this is {seed}: the lowest cost on its tuning "
        "episodes, less that of the best untuned rule there."
    )


def _trained_on(scenario: str, ppo: dict[str, Any]) -> str:
    drawn = [f"{ppo['networks']} generated networks"] if ppo.get("networks") else []
    return " and ".join([*(f"`{name}`" for name in ppo.get("mix", ())), *drawn]) or f"scenario `{scenario}`"
