"""Named peers stepped in the same run: decisions per CPU second of supply-network and routing environments.

Each peer runs in a process of the Python that `--peers-python` gives, so that its packages need not fit this project's;
`benchmarks/parts/peer_script.py` is what it runs. A decision is a number of an action that the environment uses. How to
install them, for or-gym without the gym that it pins, which no longer installs:

    python -m venv peers
    peers/bin/pip install "gym-invmgmt>=0.2.1,<0.3" "jumanji>=1.1,<2" "pandas<3"
    peers/bin/pip install --no-deps or-gym gym
    python -m benchmarks.run --only peers --peers-python peers/bin/python
"""

from __future__ import annotations

from typing import Any

from benchmarks.measure import ROOT, ChildError, Settings, Target, run_python, spread
from benchmarks.parts.environments import SINGLE, decisions_per_row_tick, kernel_rates, timed_form
from benchmarks.parts.peer_script import PEERS
from benchmarks.text import cell, table
from benchmarks.worlds import US8
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import load_scenario

TITLE = "Named peers"
SECONDS, QUICK_SECONDS = 5.0, 0.2
LEAST_RATIO = 100.0
KERNEL_STEP, KERNEL_DECISION = "us8, a rule in the kernel", "a line's center, a truck's departure"
DECISION = {
    "or-gym NetworkManagement-v0": "an order quantity of one link",
    "gym-invmgmt MultiEchelon-v0": "an order quantity of one link",
    "jumanji MultiCVRP-v0": "a vehicle's next customer",
    "jumanji RobotWarehouse-v0": "a robot's next move",
}
DOMAIN = tuple(name for name in PEERS if not name.startswith("jumanji"))  # supply networks; the others are routing


def measure(settings: Settings) -> dict[str, Any]:
    """Our rates, and those of every peer that is installed."""
    sim = Simulator(load_scenario(US8))
    per_tick = decisions_per_row_tick(sim, 24 if settings.quick else 168)
    kernel = kernel_rates(sim, settings.quick, per_tick)
    single = timed_form(SINGLE, sim, settings.quick, per_tick)
    peers = {name: _peer(name, settings) for name in PEERS}
    return {"kernel": kernel, "single": single, "peers": peers}


def _peer(name: str, settings: Settings) -> dict[str, Any]:
    """A peer's rates, or why there are none."""
    if settings.peers_python is None:
        return {"missing": "not installed"}
    seconds = QUICK_SECONDS if settings.quick else SECONDS
    script = str(ROOT / "benchmarks" / "parts" / "peer_script.py")
    try:
        # -I: neither this project's folders nor its environment variables reach the other Python.
        answer = run_python(["-I", script, name, str(seconds)], settings.peers_python).answer
    except (ChildError, OSError) as error:
        return {"missing": "not installed" if "No module named" in str(error) else str(error)}
    steps, each = answer["steps_per_second"], answer["decisions_per_step"]
    return {
        "version": answer["version"], "decisions_per_step": each, "steps": spread(steps),
        "decisions": spread([rate * each for rate in steps]),
    }  # fmt: skip


def targets(result: dict[str, Any]) -> list[Target]:
    """The kernel against the fastest peer that models supply networks, by decisions and by steps."""
    found, ours = [], result["kernel"]["decisions"]["median"]
    for unit in ("decisions", "steps"):
        rates = {
            name: peer[unit]["median"] for name, peer in result["peers"].items() if name in DOMAIN and unit in peer
        }
        if rates:
            fastest = max(rates, key=lambda name: rates[name])
            ratio = ours / rates[fastest]
            what = f"us8 in the kernel, decisions per CPU second: times {unit} of the fastest domain peer, {fastest}"
            found.append(Target(what, "≥ 100", f"{ratio:.0f}", ratio >= LEAST_RATIO))
    return found


def section(result: dict[str, Any]) -> list[str]:
    """Everything in one table."""
    kernel, single = result["kernel"], result["single"]
    most = kernel["decisions"]["median"]
    rows = [
        [KERNEL_STEP, KERNEL_DECISION, cell(kernel["row_ticks"], 0), cell(kernel["decisions"], 0), "1"],
        ["us8, `gymnasium.make`, one region", KERNEL_DECISION, cell(single["row_ticks"], 0),
         cell(single["decisions"], 0), f"{most / single['decisions']['median']:,.1f}"],
        *(_row(name, peer, most) for name, peer in result["peers"].items()),
    ]  # fmt: skip
    header = ["environment", "a decision is", "steps per CPU s", "decisions per CPU s", "ours in the kernel, times"]
    return [
        "Steps and decisions per CPU second of one core, with random actions where the peer decides. A step of ours is "
        "a region's tick. or-gym and gym-invmgmt are stepped from Python and manage one product in a small network; "
        "jumanji's environments are routing problems in JAX, compiled and run 64 side by side, without compilation. "
        "The worlds differ, so the ratios say what a decision costs, not which simulator is better.", "",
        *table(header, rows, 2),
    ]  # fmt: skip


def _row(name: str, peer: dict[str, Any], most: float) -> list[str]:
    if "missing" in peer:
        return [name, DECISION[name], peer["missing"], "", ""]
    titled = name.replace(" ", f" {peer['version']} ", 1)
    ratio = most / peer["decisions"]["median"]
    return [titled, DECISION[name], cell(peer["steps"], 0), cell(peer["decisions"], 0), f"{ratio:,.1f}"]
