"""Evaluates policies and tunes baselines: `python evaluate.py --help`. The same as `regional-dispatch evaluate`."""

from regional_dispatch.commands.cli import main

if __name__ == "__main__":
    main("evaluate")
