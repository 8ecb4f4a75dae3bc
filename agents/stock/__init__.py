"""What stock algorithms of stable-baselines3 need to learn on `RegionalDecision-v0`.

- `vec_env.py`: the vector environment as a stable-baselines3 VecEnv.
- `candidate_policy.py`: a policy for PPO and sb3-contrib's MaskablePPO that scores every action with one network.
- `candidate_q.py`: the same for DQN.
- `follow.py`: lets the learner make the decisions around the one it learns from.
- `joint.py`: plays any model of single decisions in `RegionalDispatch-v0`.
- `train.py`: trains an algorithm for a time budget, and exports its policy.
"""
