"""The reference pages that are written from the code when the site is built; `hooks.py` adds them to it.

Each function returns one page as Markdown. Nothing is typed twice: fields come from pydantic, options from `--help`,
KPIs, features and columns from the constants that the code itself uses.
"""

from __future__ import annotations

import inspect
import io
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args, get_origin
from unittest.mock import patch

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

ROOT = Path(__file__).resolve().parents[1]
NOTHING = "–"
MOST_SHOWN = 6  # values of a long default
HELP_WIDTH = 88  # characters
LIMITS = ("ge", "gt", "le", "lt", "min_length", "max_length")  # pydantic's
# Units of fields whose description names none: the ending of a field's name is its unit.
UNITS_BY_ENDING = {
    "usd_per_mile": "USD per mile", "usd_per_hour": "USD per hour", "kg_per_mile": "kg per mile", "_usd": "USD",
    "_hours": "hours", "_miles": "miles", "_packages": "packages", "shares": "share", "share": "share",
}  # fmt: skip
RESULT_COLUMNS = {
    "policy": "name of the policy",
    "episode": "number of the episode, from 0; the same number means the same orders for every policy",
    "seed": "key of the episode's random stream",
    "timesteps": "ticks × rows trained so far",
    "seconds": "seconds of training so far, evaluations left out",
    "decisions": "decisions taken so far",
    "cpu_seconds": "the processor's time for the episode, simulation included. Unit: s",
    "decisions_made": "order lines sourced, and lanes with packages waiting, tick by tick",
    "bound_per_order_usd": "hindsight bound on the episode's dollars, per order. Unit: USD",
    "bound_kind": "whether the bound is exact or a lower bound",
    "bound_seconds": "time the bound took. Unit: seconds",
}


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table as lines, with an empty line after it."""
    lines = [header, ["---"] * len(header), *rows]
    return [*(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines), ""]


def page(title: str, intro: str, *blocks: Sequence[str]) -> str:
    """A page from its title, a first paragraph, and blocks of lines."""
    return "\n".join([f"# {title}", "", intro, "", *(line for block in blocks for line in block)])


# Fields of files


def scenario() -> str:
    """Every field of a scenario file."""
    from regional_dispatch.envs.world.scenario import Scenario

    intro = (
        "A scenario is one YAML file; unknown fields are errors. A dotted name such as `demand.orders_per_day` is a "
        "field in a group, and is what `--set` takes. *Ours* in a description marks a figure chosen by this project; "
        "other real-world figures name their source."
    )
    return page("Scenario fields", intro, model_blocks(Scenario, ""))


def ppo() -> str:
    """Every field of a PPO file."""
    from regional_dispatch.agents.config import PpoConfig

    intro = (
        "The fields of a file in `configs/ppo/`, under the names of stable-baselines3 where it has one. "
        "`--ppo-set FIELD=VALUE` changes one of them."
    )
    return page("PPO fields", intro, model_blocks(PpoConfig, ""))


def studies() -> str:
    """Fields that all studies share, then those of each study."""
    from regional_dispatch.studies.framework.kinds import KINDS, find_study, load_study

    intro = (
        "A study is one YAML file in `configs/studies/`; `evaluate.py study NAME` runs it. The fields of the first "
        "table are common to all studies."
    )
    kinds = {name: type(load_study(find_study(name))) for name in KINDS}
    line_of_models = next(iter(kinds.values())).__mro__
    shared = line_of_models[line_of_models.index(BaseModel) - 1]  # the model that every study extends
    blocks = [line for name, kind in kinds.items() for line in _study_block(name, kind, shared)]
    return page("Study fields", intro, ["## All studies", ""], field_table(shared, ""), blocks)


def _study_block(name: str, kind: type[BaseModel], base: type[BaseModel]) -> Iterator[str]:
    yield from (f"## {name}", "", _first_paragraph(sys.modules[kind.__module__]), "")
    own = [field for field in kind.model_fields if field not in base.model_fields]
    yield from field_table(kind, "", own) if own else ["It has no further fields.", ""]
    for field in own:
        for nested in nested_models(kind.model_fields[field].annotation):
            yield from model_blocks(nested, f"{field}.", f"`{name}`: ")


def suites_and_experiments() -> str:
    """Fields of benchmark suites and of experiments."""
    from regional_dispatch.evaluation.benchmark.suite import Suite
    from regional_dispatch.evaluation.experiments.file import Experiment

    intro = "What `evaluate.py benchmark --suite` and `evaluate.py experiment` read."
    blocks = [
        line
        for title, model in (("Suites", Suite), ("Experiments", Experiment))
        for line in [f"## {title}", "", *model_blocks(model, "", f"{title}: ")]
    ]
    return page("Suite and experiment fields", intro, blocks)


def model_blocks(model: type[BaseModel], prefix: str, title: str = "") -> list[str]:
    """A model's own fields as a table, then each group of fields under a heading of its own."""
    lines = [_first_paragraph(model), "", *field_table(model, prefix)]
    for name, info in model.model_fields.items():
        for nested in nested_models(info.annotation):
            kind = kind_of(nested)
            named = f"{title}`{prefix}{name}`" + (f", kind `{kind}`" if kind else "")
            lines += [f"{'###' if prefix else '##'} {named}", "", *model_blocks(nested, f"{prefix}{name}.", title)]
    return lines


def field_table(model: type[BaseModel], prefix: str, names: Sequence[str] | None = None) -> list[str]:
    """Fields with unit, default, allowed values and description."""
    fields = {name: info for name, info in model.model_fields.items() if not info.exclude}
    rows = [field_row(f"{prefix}{name}", fields[name]) for name in names or fields]
    return table(["field", "unit", "default", "allowed", "description"], rows)


def field_row(name: str, info: FieldInfo) -> list[str]:
    """One field as cells."""
    text = info.description or ""
    unit = re.search(r"Unit: ([^.]+)\.", text)
    if unit:
        text = text.replace(unit[0], "").strip()
    by_name = next((unit for ending, unit in UNITS_BY_ENDING.items() if name.endswith(ending)), NOTHING)
    if not text:
        text = " ".join(_first_paragraph(nested) for nested in nested_models(info.annotation))
    return [f"`{name}`", unit[1] if unit else by_name, default(info), allowed(info), " ".join(text.split())]


def default(info: FieldInfo) -> str:
    """A field's default as text."""
    value = info.default
    if value is PydanticUndefined:
        return "see below" if info.default_factory else "required"
    if isinstance(value, BaseModel):
        shown = ", ".join(f"{name}: {part}" for name, part in value.model_dump(exclude_defaults=True).items())
        return f"`{{{shown}}}`"
    if value is None or value in ((), {}, ""):
        return "none"
    if isinstance(value, tuple):
        shown = ", ".join(map(str, value[:MOST_SHOWN]))
        return f"`[{shown}{f', … {len(value)} values' if len(value) > MOST_SHOWN else ''}]`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def allowed(info: FieldInfo) -> str:
    """Bounds, choices, or the kind of value."""
    found = [(name, getattr(rule, name, None)) for rule in info.metadata for name in LIMITS]
    limits = {name: value for name, value in found if value is not None}
    choices = [
        value for literal in _parts(info.annotation) if get_origin(literal) is Literal for value in get_args(literal)
    ]
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    bounds = [f"{sign}\u00a0{limits[name]:g}" for name, sign in signs.items() if name in limits]
    if "max_length" in limits:
        low, high = limits.get("min_length", 0), limits["max_length"]
        bounds.append(f"{high} values" if low == high else f"{low} to {high} values")
    if bounds:
        return ", ".join(bounds)
    return "`true`, `false`" if info.annotation is bool else NOTHING


def nested_models(annotation: Any) -> list[type[BaseModel]]:
    """The models that a field's type names, in order."""
    return [part for part in _parts(annotation) if inspect.isclass(part) and issubclass(part, BaseModel)]


def _parts(annotation: Any) -> list[Any]:
    """A type and the types inside it; a Literal is one."""
    if get_origin(annotation) in (None, Literal):
        return [annotation]
    return [part for inner in get_args(annotation) for part in _parts(inner)]


def kind_of(model: type[BaseModel]) -> str:
    """The one value of a model's field `kind`; empty, if it has no such field or several values."""
    kind = model.model_fields.get("kind")
    values = get_args(kind.annotation) if kind else ()
    return str(values[0]) if len(values) == 1 else ""


def _first_paragraph(of: type[BaseModel] | ModuleType) -> str:
    return " ".join((inspect.getdoc(of) or "").split("\n\n")[0].split())


# Constants of the code


def kpis() -> str:
    """Every KPI with its unit, the better direction and its formula."""
    from regional_dispatch.envs.kernel.ledger import COMPONENTS
    from regional_dispatch.envs.kernel.metrics import KPIS

    intro = (
        "KPIs leave out the scenario's warm-up: an order counts if it was placed after it, a truck if it left after "
        "it. Dollars are cash paid after the warm-up plus the change in the value of work under way at standard cost, "
        "so a policy gains nothing by leaving packages behind at the end. The cost components are "
        f"{', '.join(f'`{name}`' for name in COMPONENTS)}; see [the ledger](../explanation/ledger.md)."
    )
    rows = [[f"`{name}`", kpi.unit, kpi.better, kpi.text] for name, kpi in KPIS.items()]
    return page("KPIs", intro, table(["KPI", "unit", "better", "formula or meaning"], rows))


def features() -> str:
    """What policies see of a candidate, a lane and a region, and what prices of lanes are learned from."""
    from regional_dispatch.envs.kernel.decisions.features import DISPATCH, LIMIT, REGION, SOURCE
    from regional_dispatch.envs.kernel.decisions.lane_price import LANE_PRICE

    intro = (
        "What a policy sees, in this order. The unit is what the value 1 stands for; *yes* marks values of 0 and 1. "
        f"Values are scaled by fixed constants, never by learned ones, and clipped to ±{LIMIT:g}."
    )
    kinds = {
        "Candidates of an order line: `orders`": SOURCE,
        "Lanes: `lanes`": DISPATCH,
        "The region: `region`": REGION,
        "What learned prices of lanes depend on": LANE_PRICE,
    }
    blocks = [
        line
        for title, known in kinds.items()
        for line in [f"## {title}", "", *table(["", "feature", "unit", "meaning"], _feature_rows(known))]
    ]
    return page("Features", intro, blocks)


def _feature_rows(known: Mapping[str, Any]) -> list[list[str]]:
    return [[str(i), f"`{name}`", feature.unit, feature.text] for i, (name, feature) in enumerate(known.items())]


def baseline_parameters() -> str:
    """Rules and their parameters with units, defaults and bounds."""
    from regional_dispatch.baselines.rules import DISPATCH_RULES, SOURCE_RULES
    from regional_dispatch.baselines.transfers.rules import TRANSFER_RULES

    intro = (
        "The same list as `evaluate.py baselines` prints. A baseline is `source+dispatch`; [Baselines](baselines.md) "
        "says what they are and how they are tuned."
    )
    groups: dict[str, Mapping[str, Any]] = {
        "Sourcing": SOURCE_RULES, "Dispatch": DISPATCH_RULES, "Transfers of stock": TRANSFER_RULES
    }  # fmt: skip
    header = ["rule", "what it does", "parameters: default (bounds), meaning"]
    blocks = [
        line
        for title, rules in groups.items()
        for line in [
            f"## {title}",
            "",
            *table(header, [[f"`{name}`", rule.text, _parameters(rule)] for name, rule in rules.items()]),
        ]
    ]
    return page("Baseline parameters", intro, blocks)


def _parameters(rule: Any) -> str:
    """The parameters of a rule in one cell; the weights of a linear rule are the features."""
    known = rule.parameters
    if any(parameter.high == float("inf") for parameter in known.values()):
        return f"{len(known)} weights, one per [feature](features.md) and a constant"
    return "<br>".join(f"`{name}` = {p.default:g} ({p.low:g}…{p.high:g}): {p.text}" for name, p in known.items())


def files() -> str:
    """Columns of the tables that commands write, and of those that they read."""
    from regional_dispatch.agents.training.curve import COLUMNS
    from regional_dispatch.baselines.tick_player import PACE
    from regional_dispatch.envs.kernel.metrics import KPIS
    from regional_dispatch.envs.world.scenario import Scenario
    from regional_dispatch.evaluation.bounds import BOUND_COLUMNS
    from regional_dispatch.evaluation.rollouts import results_frame

    written = {
        "results.csv": ("`compare`, `benchmark`, `experiment`: a row per policy and episode.", results_frame({}, [])),
        "results.csv, with policies that play whole episodes by themselves": (
            "Looking ahead, random play and objects with `predict()` have these columns too.",
            PACE,
        ),
        "results.csv, with --bound": ("The same rows have these columns too.", BOUND_COLUMNS),
        "curve.csv": ("`train`: a row per evaluation on the tuning episodes.", COLUMNS),
    }
    blocks = [
        line
        for name, (text, columns) in written.items()
        for line in [f"### {name}", "", text, "", *table(["column", "meaning"], _columns(columns, KPIS))]
    ]
    for name, (text, columns) in tables_of_answers().items():
        rows = [[f"`{column}`", meaning] for column, meaning in columns.items()]
        blocks += [f"### {name}", "", text, "", *table(["column", "meaning"], rows)]
    read = [[f"`{name}`", info.description or ""] for name, info in csv_fields(Scenario)]
    intro = "What commands write is CSV with a header. [Tables](tables.md) has the columns of a user's own files."
    named = table(["scenario field that names the file", "columns"], read)
    return page("Files and columns", intro, ["## Written", ""], blocks, ["## Read", ""], named)


def tables() -> str:
    """Every column of the tables that a user may give."""
    from regional_dispatch.envs.world.tables.schema import TABLES

    intro = (
        "Tables are CSV or Parquet. Columns may stand in any order, and their names in any capitals; *also* lists "
        "other names that are read. Bold columns are required: without one, or with an empty cell in it, a table is "
        "refused. "
        "[How files are read](../how-to/your-own-network.md#how-files-are-read) says what else is taken."
    )
    blocks = []
    for known in TABLES:
        rows = [_table_row(column) for column in known.columns]
        header = ["column", "unit", "what it holds", "example", "if missing", "also"]
        blocks += [f"## `{known.field}`: {known.name}", "", known.text, "", *table(header, rows)]
    return page("Tables", intro, blocks)


def _table_row(column: Any) -> list[str]:
    name = f"**`{column.name}`**" if column.required else f"`{column.name}`"
    also = [*column.also, *(f"{other} (× {factor:g})" for other, factor in column.scaled)]
    shown = ", ".join(f"`{other.split(' ')[0]}`{other[len(other.split(' ')[0]) :]}" for other in also)
    return [
        name,
        column.unit or NOTHING,
        column.text,
        f"`{column.example}`",
        column.missing or NOTHING,
        shown or NOTHING,
    ]


def _columns(columns: Sequence[str], kpis: Mapping[str, Any]) -> list[list[str]]:
    rows = [[f"`{name}`", RESULT_COLUMNS[name]] for name in columns if name not in kpis]
    return [*rows, ["every KPI", "in the unit of [its entry](kpis.md)"]] if set(kpis) <= set(columns) else rows


def tables_of_answers() -> dict[str, tuple[str, Mapping[str, str]]]:
    """Heading → text and columns of what `results` writes."""
    from regional_dispatch.data.decisions.table import COLUMNS as DECISIONS
    from regional_dispatch.data.results.columns import COLUMNS, KEYS, UNDER_WAY_SAYS

    results = (
        "`results`: tables as CSV, Parquet and sheets of results.xlsx; each has some of these columns. Counts and "
        f"dollars are per episode, after the warm-up. *(work under way)* is a row: {UNDER_WAY_SAYS}"
    )
    log = "`results --decisions`: a row per order line. `…` stands for `chosen` or `next`, the next best way."
    return {"Tables of results": (results, {**KEYS, **COLUMNS}), "decisions_POLICY.parquet": (log, DECISIONS)}


def csv_fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Fields that name a table of the user's, with their dotted names."""
    for name, info in model.model_fields.items():
        if "CSV" in (info.description or ""):
            yield f"{prefix}{name}", info
        for nested in nested_models(info.annotation):
            yield from csv_fields(nested, f"{prefix}{name}.")


def commands() -> str:
    """The `--help` of every command."""
    from regional_dispatch.commands.cli import SERVE, TRAIN, evaluate_commands

    names = [TRAIN, SERVE, *evaluate_commands()]
    intro = (
        "In a checkout: `python train.py` and `python evaluate.py COMMAND`. Installed, from any folder: "
        "`regional-dispatch train`, `regional-dispatch serve` and `regional-dispatch evaluate COMMAND`. Exit codes: 0, "
        "done; 1, part of the work failed; 2, bad input, with one message on stderr; 130, Ctrl-C."
    )
    programs = {name: name if name in (TRAIN, SERVE) else f"evaluate {name}" for name in names}
    blocks = [
        line
        for name, program in programs.items()
        for line in [f"## {program}", "", "```text", help_text(name, program), "```", ""]
    ]
    return page("Commands", intro, blocks)


def help_text(name: str, program: str) -> str:
    """What `regional-dispatch PROGRAM --help` prints."""
    import tyro

    module = import_module(f"regional_dispatch.commands.{name}")
    out = io.StringIO()
    terminal = patch.dict("os.environ", {"COLUMNS": str(HELP_WIDTH), "NO_COLOR": "1"})
    with terminal, redirect_stdout(out), suppress(SystemExit):
        tyro.cli(module.Command, prog=f"regional-dispatch {program}", args=["--help"])
    lines = out.getvalue().rstrip().splitlines()
    return "\n".join(textwrap.fill(line, HELP_WIDTH) if len(line) > HELP_WIDTH else line for line in lines)


# Pages about the package


def api() -> str:
    """Every public name, as mkdocstrings reads it from the code."""
    import regional_dispatch

    intro = (
        "The names of `regional_dispatch.__all__`. They are kept stable, as [described here](stable-interface.md); "
        "everything else may change between versions."
    )
    return page(
        "API", intro, [line for name in regional_dispatch.__all__ for line in (f"::: regional_dispatch.{name}", "")]
    )


def changelog() -> str:
    """The changelog of the repository."""
    return (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


PAGES: dict[str, Callable[[], str]] = {
    "reference/api.md": api,
    "reference/baseline-parameters.md": baseline_parameters,
    "reference/changelog.md": changelog,
    "reference/commands.md": commands,
    "reference/features.md": features,
    "reference/files.md": files,
    "reference/kpis.md": kpis,
    "reference/ppo.md": ppo,
    "reference/scenario.md": scenario,
    "reference/studies.md": studies,
    "reference/suites-and-experiments.md": suites_and_experiments,
    "reference/tables.md": tables,
}


def findings(results: Mapping[str, str]) -> list[str]:
    """What each page of results asks and finds, from the pages themselves, as a list.

    Args:
        results: name of a page → its Markdown.
    """
    return [line for name, text in results.items() for line in _findings_of(name, text)]


def _findings_of(name: str, text: str) -> Iterator[str]:
    """Of each generated part its first paragraph, if that is a question, and its headline in bold, if it has one."""
    title = text.partition("\n")[0].removeprefix("# ")
    for part in re.findall(r"<!-- results[^\n]*-->\n(.*?)<!-- end of results -->", text, re.DOTALL):
        question = part.strip().partition("\n\n")[0]
        headline = re.search(r"^\*\*.+\*\*$", part, re.MULTILINE)
        if question.endswith("?"):
            yield f"- [{title}]({name}) – {question}{' ' + headline[0] if headline else ''}"
