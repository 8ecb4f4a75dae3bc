"""How a learner's arithmetic is done: compiled on a CPU, by PyTorch on a GPU, with the same results to rounding.

- `engine.py`: what an engine does, and the passes over an update's decisions, which both share,
- `on_cpu.py`: by the compiled functions of `agents.compiled`, on the policy's own weights,
- `on_torch.py`: by PyTorch and its gradients, on any device.
"""

from regional_dispatch.agents.engines.engine import Engine, Settings, Stats
from regional_dispatch.agents.engines.on_cpu import CpuEngine
from regional_dispatch.agents.engines.on_torch import TorchEngine
from regional_dispatch.agents.policy import DispatchPolicy

__all__ = ["CpuEngine", "Engine", "Settings", "Stats", "TorchEngine", "engine_for"]


def engine_for(policy: DispatchPolicy) -> Engine:
    """The engine for the device that the policy is on."""
    return CpuEngine(policy) if policy.device.type == "cpu" else TorchEngine(policy)
