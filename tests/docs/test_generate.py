"""Reference pages are complete: nothing that the code declares is missing from them."""

from __future__ import annotations

import re
from types import ModuleType

from pydantic import BaseModel, Field

import regional_dispatch
from regional_dispatch.agents.config import PpoConfig
from regional_dispatch.baselines.rules import DISPATCH_RULES, SOURCE_RULES
from regional_dispatch.commands.cli import evaluate_commands
from regional_dispatch.envs.kernel.decisions.features import DISPATCH_FEATURES, REGION_FEATURES, SOURCE_FEATURES
from regional_dispatch.envs.kernel.decisions.lane_price import LANE_PRICE_FEATURES
from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.envs.world.tables.schema import TABLES
from regional_dispatch.studies.framework.kinds import KINDS, find_study, load_study


class Inner(BaseModel):
    """A group."""

    share: float = Field(0.5, ge=0, le=1, description="How much. Ours.")


class Outer(BaseModel):
    """A file."""

    wait: float = Field(gt=0, description="How long | at most. Unit: hours.")
    cost_usd: float = Field(1.0, description="Price.")
    inner: Inner = Field(default_factory=Inner)


def listed(page: str) -> set[str]:
    """The names in the first column of a page's tables."""
    return set(re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE))


def dotted(model: type[BaseModel], generate: ModuleType, prefix: str = "") -> set[str]:
    found = {f"{prefix}{name}" for name, info in model.model_fields.items() if not info.exclude}
    for name, info in model.model_fields.items():
        for nested in generate.nested_models(info.annotation):
            found |= dotted(nested, generate, f"{prefix}{name}.")
    return found


def test_a_field_has_unit_default_bounds_and_text(generate: ModuleType) -> None:
    lines = generate.model_blocks(Outer, "")
    assert "| `wait` | hours | required | >\u00a00 | How long \\| at most. |" in lines
    assert "| `cost_usd` | USD | `1.0` | – | Price. |" in lines
    assert "| `inner` | – | see below | – | A group. |" in lines
    assert "| `inner.share` | share | `0.5` | ≥\u00a00, ≤\u00a01 | How much. Ours. |" in lines


def test_every_scenario_field_is_listed(generate: ModuleType) -> None:
    assert listed(generate.scenario()) == dotted(Scenario, generate)


def test_every_ppo_field_is_listed(generate: ModuleType) -> None:
    assert listed(generate.ppo()) == dotted(PpoConfig, generate)


def test_every_study_field_is_listed(generate: ModuleType) -> None:
    page = generate.studies()
    for name in KINDS:
        assert f"## {name}\n" in page
        assert set(type(load_study(find_study(name))).model_fields) <= listed(page), name


def test_every_kpi_feature_and_rule_is_listed(generate: ModuleType) -> None:
    assert listed(generate.kpis()) == set(KPIS)
    assert {*SOURCE_FEATURES, *DISPATCH_FEATURES, *REGION_FEATURES, *LANE_PRICE_FEATURES} == set(
        re.findall(r"^\| \d+ \| `(\w+)` \| .", generate.features(), re.MULTILINE)
    )
    assert {*SOURCE_RULES, *DISPATCH_RULES} <= listed(generate.baseline_parameters())


def test_every_column_of_results_is_explained(generate: ModuleType) -> None:
    page = generate.files()
    assert {"policy", "episode", "seed", "timesteps", "bound_kind", "network.sites", "demand.path"} <= listed(page)
    assert "every KPI" in page


def test_every_column_of_a_table_has_its_unit_example_and_default(generate: ModuleType) -> None:
    page = generate.tables()
    for known in TABLES:
        assert f"## `{known.field}`: {known.name}\n" in page
        for column in known.columns:
            shown = f"**`{column.name}`**" if column.required else f"`{column.name}`"
            assert f"| {shown} | " in page and f"| `{column.example}` |" in page, column.name
            assert column.missing or column.instead or column.text.startswith("Older name")


def test_every_command_shows_its_help(generate: ModuleType) -> None:
    page = generate.commands()
    for name in evaluate_commands():
        assert f"usage: regional-dispatch evaluate {name} " in page
    assert "usage: regional-dispatch train " in page and "--resume" in page


def test_every_public_name_is_in_the_api(generate: ModuleType) -> None:
    assert re.findall(r"^::: regional_dispatch\.(\w+)$", generate.api(), re.MULTILINE) == regional_dispatch.__all__


def test_the_summary_has_question_and_finding_of_each_generated_part(generate: ModuleType) -> None:
    page = "# Title\n\nIntro.\n\n<!-- results of a: written -->\n\nHow much?\n\n**A lot.**\n\n<!-- end of results -->\n"
    assert generate.findings({"a.md": page}) == ["- [Title](a.md) – How much? **A lot.**"]
