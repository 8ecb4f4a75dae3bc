"""Other learners, for comparison.

- `joint.py`: this project's PPO with one summed reward per region and tick.
"""
