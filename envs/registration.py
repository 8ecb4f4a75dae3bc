"""The environments' ids, and their registration with Gymnasium."""

from __future__ import annotations

import gymnasium

ENV_ID = "RegionalDispatch-v0"
DECISION_ID = "RegionalDecision-v0"


def register_envs() -> None:
    """Makes `gymnasium.make("RegionalDispatch-v0")` and `make_vec` work; safe to call twice."""
    if ENV_ID not in gymnasium.registry:
        gymnasium.register(
            ENV_ID,
            entry_point="regional_dispatch.envs.dispatch_env:RegionalDispatchEnv",
            vector_entry_point="regional_dispatch.envs.vector_env:RegionalDispatchVectorEnv",
        )
    if DECISION_ID not in gymnasium.registry:
        gymnasium.register(
            DECISION_ID,
            entry_point="regional_dispatch.envs.decision_env:RegionalDecisionEnv",
            vector_entry_point="regional_dispatch.envs.decision_vector_env:RegionalDecisionVectorEnv",
        )
