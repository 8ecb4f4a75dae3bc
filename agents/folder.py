"""Names of what a training folder holds. Light to import, so that any command can look at a folder without torch."""

from __future__ import annotations

POLICY_FILE = "policy.safetensors"  # the best policy by the tuning episodes
CONFIG_FILE = "config.yaml"  # enough to train the same again, and to resume
CURVE_FILE = "curve.csv"  # KPIs of each evaluation
CHECKPOINTS = "checkpoints"
TENSORBOARD = "tb"
