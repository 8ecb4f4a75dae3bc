"""The world: scenario → arrays → kernel → ledger → metrics, and the Gymnasium environments over it."""

import sys

if __name__ == "envs":
    # `import envs` in a checkout: the very same package as `regional_dispatch.envs`, so that it registers once.
    import regional_dispatch.envs

    sys.modules[__name__] = regional_dispatch.envs
else:
    from regional_dispatch.envs.registration import DECISION_ID, ENV_ID, register_envs

    __all__ = ["DECISION_ID", "ENV_ID", "register_envs"]

    register_envs()
