"""What a user's first lines do, in a process of its own; prints CPU seconds of every stage as JSON.

The import is counted from the start of the interpreter, and nothing is imported before it.
"""

import sys
import time


def first_step() -> list[float]:
    """Imports, makes the environment, resets it and takes one step."""
    import gymnasium

    import regional_dispatch

    regional_dispatch.register_envs()
    stamps = [time.process_time()]
    env = gymnasium.make("RegionalDispatch-v0", scenario="us8")
    stamps.append(time.process_time())
    env.reset(seed=0)
    env.step(env.action_space.sample())
    return [*stamps, time.process_time()]


def first_episode() -> list[float]:
    """Imports, builds the simulator and runs an episode under a rule."""
    from regional_dispatch import Simulator, baseline, load_scenario

    stamps = [time.process_time()]
    sim = Simulator(load_scenario("us8"))
    stamps.append(time.process_time())
    sim.reset(0, key=2 << 62)
    sim.run(baseline("regional_nearest").scorers)
    return [*stamps, time.process_time()]


if __name__ == "__main__":
    imported, made, done = first_step() if sys.argv[1] == "step" else first_episode()
    print(f'{{"import": {imported}, "make": {made - imported}, "first": {done - made}}}')
