"""RLlib's PPO, unchanged, on the PettingZoo environment. Needs the extras `[ray,multiagent]`."""
