"""What learns: PPO with credit per decision on stable-baselines3, and what trains, saves and loads it."""
