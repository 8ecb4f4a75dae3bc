"""regional-dispatch: a Gymnasium environment of an e-commerce fulfilment network, and agents that learn to run it.

`import regional_dispatch` registers `RegionalDispatch-v0` and `RegionalDecision-v0` with Gymnasium and loads nothing
heavy. The names below are the public interface; each is imported when it is first used. Everything else may change
between versions.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

# In a checkout the folders lie beside this one; in an installed package, inside it.
if not (Path(__file__).parent / "envs").is_dir():
    __path__.append(str(Path(__file__).resolve().parents[1]))

from regional_dispatch.envs import DECISION_ID, ENV_ID, register_envs

if TYPE_CHECKING:
    from regional_dispatch.agents.export import load_policy
    from regional_dispatch.agents.stock.candidate_policy import CandidatePolicy
    from regional_dispatch.agents.stock.candidate_q import CandidateQPolicy
    from regional_dispatch.agents.stock.joint import JointPolicy
    from regional_dispatch.agents.stock.vec_env import DecisionVecEnv
    from regional_dispatch.agents.vec_env import RegionalVecEnv
    from regional_dispatch.baselines import baseline, baseline_names
    from regional_dispatch.envs.decision_env import RegionalDecisionEnv
    from regional_dispatch.envs.decision_vector_env import RegionalDecisionVectorEnv
    from regional_dispatch.envs.dispatch_env import RegionalDispatchEnv
    from regional_dispatch.envs.kernel.metrics import KPIS
    from regional_dispatch.envs.parallel_env import RegionalDispatchParallelEnv, parallel_env
    from regional_dispatch.envs.policy import Policy, ScorerPolicy
    from regional_dispatch.envs.simulator import Simulator
    from regional_dispatch.envs.vector_env import RegionalDispatchVectorEnv
    from regional_dispatch.envs.world.generator import random_scenario
    from regional_dispatch.envs.world.scenario import Scenario, ScenarioError, load_scenario
    from regional_dispatch.evaluation.compare import compare_policies
    from regional_dispatch.evaluation.policies import resolve_policies

# Public name → the module that holds it.
_HOMES = {
    "CandidatePolicy": "agents.stock.candidate_policy",
    "CandidateQPolicy": "agents.stock.candidate_q",
    "DecisionVecEnv": "agents.stock.vec_env",
    "JointPolicy": "agents.stock.joint",
    "KPIS": "envs.kernel.metrics",
    "Policy": "envs.policy",
    "RegionalDecisionEnv": "envs.decision_env",
    "RegionalDecisionVectorEnv": "envs.decision_vector_env",
    "RegionalDispatchEnv": "envs.dispatch_env",
    "RegionalDispatchParallelEnv": "envs.parallel_env",
    "RegionalDispatchVectorEnv": "envs.vector_env",
    "RegionalVecEnv": "agents.vec_env",
    "Scenario": "envs.world.scenario",
    "ScenarioError": "envs.world.scenario",
    "ScorerPolicy": "envs.policy",
    "Simulator": "envs.simulator",
    "baseline": "baselines",
    "baseline_names": "baselines",
    "compare_policies": "evaluation.compare",
    "load_policy": "agents.export",
    "load_scenario": "envs.world.scenario",
    "parallel_env": "envs.parallel_env",
    "random_scenario": "envs.world.generator",
    "resolve_policies": "evaluation.policies",
}

__all__ = [
    "DECISION_ID",
    "ENV_ID",
    "KPIS",
    "CandidatePolicy",
    "CandidateQPolicy",
    "DecisionVecEnv",
    "JointPolicy",
    "Policy",
    "RegionalDecisionEnv",
    "RegionalDecisionVectorEnv",
    "RegionalDispatchEnv",
    "RegionalDispatchParallelEnv",
    "RegionalDispatchVectorEnv",
    "RegionalVecEnv",
    "Scenario",
    "ScenarioError",
    "ScorerPolicy",
    "Simulator",
    "baseline",
    "baseline_names",
    "compare_policies",
    "load_policy",
    "load_scenario",
    "parallel_env",
    "random_scenario",
    "register_envs",
    "resolve_policies",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def _version() -> str:
    """The installed version; `unknown` in a checkout that is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("regional-dispatch")
    except PackageNotFoundError:
        return "unknown"


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
