"""The existing files that a change edits, before the rooms and now, read off the code by hand.

New files of the change's own are left out: a study is new files alone. Before, a policy file was refused as soon as
the version had other features, so a new feature meant training and tuning again every file of the package.
"""

from __future__ import annotations

from benchmarks.structure import Change

_SCENARIOS = ("peak", "scarce_stock", "small", "tight_fleet", "us8", "wide_promise")
_TRAINED = tuple(f"agents/pretrained/{name}.safetensors" for name in ("networks", *_SCENARIOS))
_TUNED = tuple(f"configs/baselines/{name}.linear.yaml" for name in _SCENARIOS)

CHANGES = (
    Change("dispatch feature", ("envs/features.py", *_TRAINED, *_TUNED), ("envs/kernel/decisions/features.py",)),
    Change("source rule", ("baselines/rules.py",), ("baselines/rules.py",)),
    Change(
        "cost component, paid per package",
        (
            "envs/scenario.py", "envs/ledger.py", "envs/state.py", "envs/kernel.py", "envs/network.py",
            "envs/reevaluation.py", "baselines/relaxation.py", "baselines/time_expanded.py", "baselines/certificate.py",
            "evaluation/studies/report/decision_log.py",
        ),
        (
            "envs/world/scenario/costs.py", "envs/world/costs.py", "envs/world/linehaul/routes.py",
            "envs/kernel/ledger.py", "envs/kernel/phases/work.py", "baselines/bounds/certificate.py",
            "data/decisions/seen.py",
        ),
    ),
    Change(
        "arrival process",
        ("envs/scenario.py", "envs/demand.py", "envs/state.py", "envs/kernel.py"),
        (
            "envs/world/scenario/demand.py", "envs/world/demand.py", "envs/world/world.py",
            "envs/kernel/phases/arrivals.py",
        ),
    ),
    Change(
        "KPI with a counter of its own, in all tables",
        ("envs/metrics.py", "envs/kernel.py", "evaluation/report.py", "evaluation/benchmark_page.py"),
        ("envs/kernel/metrics.py", "envs/kernel/phases/dispatch.py", "evaluation/kpis.py"),
    ),
    Change("study", ("evaluation/studies/catalog.py", "evaluate.py"), ()),
    Change(
        "kind of lane",
        (
            "envs/network.py", "envs/features.py", "envs/lane_price.py", "agents/choices.py", "baselines/rules.py",
            "evaluation/studies/report/flow_figures.py",
        ),
        ("envs/world/linehaul/lane_kinds.py", "envs/world/linehaul/lanes.py", "envs/world/linehaul/routes.py"),
    ),
    Change("column of the lanes table", ("envs/network.py",), ("envs/world/linehaul/lanes.py",)),
    Change("environment id", ("envs/__init__.py",), ("envs/registration.py",)),
)  # fmt: skip
