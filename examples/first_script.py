"""A stock algorithm beats the rules: sb3-contrib's MaskablePPO on one decision a step.

    python examples/first_script.py

Every step is 1,024 decisions: a candidate for an order line, or hold or go for a truck. The reward is what the decision
itself has cost; `least_cost` makes all the others meanwhile. Then the policy plays the whole network, beside the rules.
"""

from __future__ import annotations

import torch
from sb3_contrib import MaskablePPO

from regional_dispatch import (
    CandidatePolicy,
    DecisionVecEnv,
    ScorerPolicy,
    baseline,
    compare_policies,
    load_scenario,
)

DECISIONS = 400_000

torch.set_num_threads(1)  # these networks are small: more threads are many times slower
least_cost = baseline("least_cost")
env = DecisionVecEnv(1024, scenario="us8", credit="own", background=least_cost.scorers)
model = MaskablePPO(
    CandidatePolicy, env, n_steps=16, batch_size=2048, n_epochs=4, learning_rate=3e-3, ent_coef=0.01, seed=0
)
model.learn(DECISIONS)

learned = ScorerPolicy(model.policy.scorers(), "maskable_ppo")
policies = {"maskable_ppo": learned, "least_cost": least_cost, "regional_nearest": baseline("regional_nearest")}
result = compare_policies(load_scenario("us8"), policies, episodes=8, seed=0)
for name, kpis in result.summary["policies"].items():
    cost = kpis["cost_per_order_usd"]
    print(f"{name:16} {cost['mean']:.3f} USD an order, 95 % interval [{cost['ci_low']:.3f}, {cost['ci_high']:.3f}]")
