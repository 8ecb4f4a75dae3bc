"""Policies that learn: PPO with credit per decision, on stable-baselines3. Open

- `config.py` for the fields of a PPO file, `export.py` to load or save a policy file,
- `training/` for what `train.py` runs: training, checkpoints, TensorBoard,
- `ppo.py` for the algorithm: `RegionalPPO`, which collects experience with `rollout.py` and learns with `update.py`,
- `direct_search.py` for the search on whole episodes that may follow,
- `policy.py` for the actor-critic policy, made of the networks in `networks.py`,
- `credit/` for what each decision is charged with,
- `vec_env.py` and `mixed_vec_env.py` for the environments it learns on: one network, or several side by side,
- `choices.py` for the logged shares of decisions, `schedule.py` for how hyperparameters fall,
- `rivals/` for other learners to compare with, `pretrained/` for policies ready to use.
"""
