"""Other learners, for comparison: PPO with one summed reward, and sb3-contrib's MaskablePPO."""
