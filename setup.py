"""What is packaged: every top-level folder with an `__init__.py`, under the one name `regional_dispatch`.

The folders stay at the top of the repository and are installed as `regional_dispatch.envs`, `regional_dispatch.agents`
and so on, with the files in them that are no code: scenarios, PPO files, tuned baselines, studies, trained policies.
Everything else is in pyproject.toml.
"""

from pathlib import Path

from setuptools import setup

FACE = "regional_dispatch"
NOT_INSTALLED = {"tests", "benchmarks"}
HERE = Path(__file__).parent

rooms = sorted(path.parent.name for path in HERE.glob("*/__init__.py"))
rooms = ["configs", *(room for room in rooms if room not in {FACE, *NOT_INSTALLED})]
folders = [path for room in rooms for path in [HERE / room, *(HERE / room).rglob("*")] if path.is_dir()]
packages = [".".join(folder.relative_to(HERE).parts) for folder in folders if folder.name != "__pycache__"]

setup(
    packages=[FACE, *(f"{FACE}.{package}" for package in packages)],
    package_dir={FACE: FACE, **{f"{FACE}.{room}": room for room in rooms}},
    package_data={
        "": ["*.csv", "*.json", "*.yaml", "*.j2", "*.safetensors", "*.md", "*.html", "*.css", "*.js", "*.txt"],
    },
)
