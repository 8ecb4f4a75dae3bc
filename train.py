"""Trains PPO on a scenario: `python train.py --help`. The same as `regional-dispatch train`."""

from regional_dispatch.commands.cli import main

if __name__ == "__main__":
    main("train")
