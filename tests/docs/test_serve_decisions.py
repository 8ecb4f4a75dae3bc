"""The page on the service names what the service has: events with their fields, metrics, options."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

from pydantic import TypeAdapter

from regional_dispatch.commands.serve import Command
from regional_dispatch.service.messages import Event, Events, Order
from regional_dispatch.service.metrics import Metrics

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "serve-decisions.md").read_text(encoding="utf-8")


def test_every_kind_of_event_is_listed_with_its_fields() -> None:
    rows = dict(re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| .* \| (.*) \|$", PAGE, re.MULTILINE))
    listed = {kind.strip("`"): row for kinds, row in rows.items() for kind in kinds.split(", ")}
    schema = TypeAdapter(Event).json_schema()
    kinds = {
        model["properties"]["kind"]["const"]: set(model["properties"]) - {"event", "kind", "time"}
        for model in schema["$defs"].values()
        if "kind" in model.get("properties", {})
    }
    assert {kind for kind in listed if kind in kinds} == set(kinds)
    for kind, names in kinds.items():
        assert [name for name in names if not re.search(rf"\b{name}\b", listed[kind])] == []


def test_the_requests_it_shows_are_read() -> None:
    bodies = re.findall(r"-d '(\{.*?\})'", PAGE, re.DOTALL)
    assert len(bodies) == 2
    Order.model_validate(json.loads(bodies[0]))
    Events.model_validate(json.loads(bodies[1]))


def test_metrics_and_options_that_it_names_exist() -> None:
    families = {family.name for family in Metrics().registry.collect()}
    named = set(re.findall(r"\bdispatch_\w+", PAGE))
    assert named and {name.removesuffix("_total") for name in named} <= families
    options = {f"--{field.name.replace('_', '-')}" for field in fields(Command)}
    assert set(re.findall(r"`(--[\w-]+)", PAGE)) - {"--alone"} <= options
