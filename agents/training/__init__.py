"""A training run.

- `run.py`: trains a policy from a scenario and a PPO file; start here.
- `checkpoints.py`: saves and resumes a run.
- `monitoring.py`: KPIs on the tuning episodes, the best policy, TensorBoard. `curve.py`: the KPIs as a CSV file.
- `progress.py`: the bar or the lines that show how far training is.
"""
