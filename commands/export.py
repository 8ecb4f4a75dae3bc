"""Export a policy for other systems: ONNX models of its scorers, with features and units in their metadata."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from regional_dispatch.commands.options import Overrides, parse_overrides
from regional_dispatch.envs.world.scenario import load_scenario
from regional_dispatch.evaluation.folders.claim import claim
from regional_dispatch.evaluation.folders.kinds import EXPORT
from regional_dispatch.evaluation.policies import resolve_policy


@dataclass(frozen=True)
class Command:
    """Export a policy for other systems: ONNX models of its scorers, with features and units in their metadata.

    Writes source.onnx and dispatch.onnx, and price.onnx if the policy prices lanes.
    """

    policy: tyro.conf.Positional[str]
    """The policy, as `compare` takes them."""
    format: Literal["onnx"] = "onnx"
    """What to write."""
    scenario: str = "us8"
    """The scenario that a tuned baseline's name, or weights per region, refer to."""
    out: Path = Path("runs/export")
    """Folder for the files; existing ones are replaced."""
    overrides: Overrides = ()
    """Change a field of the scenario, such as partition.kind=national; may be repeated."""

    def run(self) -> None:
        """Checks everything, then writes."""
        from regional_dispatch.agents.onnx import export_onnx  # the extra `onnx`

        claim(self.out, EXPORT)
        scenario = load_scenario(self.scenario, parse_overrides(self.overrides))
        policy = resolve_policy(self.policy, scenario)
        metadata = getattr(policy, "metadata", {})
        about = {
            "policy": self.policy,
            "prices_units": policy.pricing is not None,
            **{key: metadata[key] for key in ("scenario", "timesteps", "seed") if key in metadata},
        }
        for path in export_onnx(policy.scorers, self.out, about):
            print(path)
