"""The world: scenario → network → state → kernel → ledger → metrics, and the Gymnasium environments over it."""

import gymnasium

ENV_ID = "RegionalDispatch-v0"


def register_envs() -> None:
    """Makes `gymnasium.make("RegionalDispatch-v0")` and `make_vec` work; safe to call twice."""
    if ENV_ID not in gymnasium.registry:
        gymnasium.register(
            ENV_ID,
            entry_point="envs.dispatch_env:RegionalDispatchEnv",
            vector_entry_point="envs.vector_env:RegionalDispatchVectorEnv",
        )


register_envs()
