"""A training run.

- `run.py`: trains a policy from a scenario and a PPO file; start here.
- `checkpoints.py`: saves and resumes a run. `weights.py`, `random_states.py` and `records.py`: its parts as arrays.
- `origin.py`: what a run depends on; it does not go on in another world.
- `stopping.py`: Ctrl-C, SIGTERM and SIGHUP. `saving.py`: files that cannot be written.
- `monitoring.py`: KPIs on the tuning episodes, the best policy, TensorBoard. `curve.py`: the KPIs as a CSV file.
- `progress.py`: the bar or the lines that show how far training is.
"""
