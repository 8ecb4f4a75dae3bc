"""Writes a study as one page that works offline, with every picture and table as a file beside it."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from regional_dispatch.evaluation.output import staged
from regional_dispatch.evaluation.provenance import made_by
from regional_dispatch.evaluation.text import markdown_lines
from regional_dispatch.studies.framework.base import Study
from regional_dispatch.studies.report.findings import Figure, Findings, Table

PAGE, MARKDOWN = "report.html", "report.md"
CODE = re.compile("`([^`]+)`")
MOST_ROWS = 24  # of a table that is shown open; longer tables are folded


def save_report(study: Study, findings: Findings, meta: dict[str, Any], folder: Path) -> None:
    """Writes report.html and report.md, pictures as PNG and GIF, numbers as CSV, study.yaml, summary.json.

    All files are written, or none.

    Args:
        study: that was asked.
        findings: what it found.
        meta: `evaluation.provenance.provenance`.
        folder: to write to; made if it is missing.

    Raises:
        InputError: the folder cannot be written to.
    """
    config = yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=110)
    summary = {"answer": findings.answer, "headlines": [head._asdict() for head in findings.headlines], "meta": meta}
    with staged(folder) as files:
        (files / PAGE).write_text(report_page(study, findings, meta, config), encoding="utf-8")
        (files / MARKDOWN).write_text(report_markdown(study, findings, meta), encoding="utf-8")
        (files / "study.yaml").write_text(config, encoding="utf-8")
        (files / "summary.json").write_text(json.dumps(summary, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        for part in findings.parts:
            if isinstance(part, Figure):
                (files / f"{part.name}.png").write_bytes(part.png)
                if part.gif is not None:
                    (files / f"{part.name}.gif").write_bytes(part.gif)
            if part.data is not None:
                part.data.to_csv(files / f"{part.name}.csv", index=False)


def report_markdown(study: Study, findings: Findings, meta: dict[str, Any]) -> str:
    """The page as Markdown for the docs, without sections that are `page_only`."""
    heads = [f"- **{head.value}**: {head.text}" for head in findings.headlines]
    parts = [f"# {study.title}", study.question, f"**{findings.answer}**", "\n".join(heads)]
    for section in (section for section in findings.sections if not section.page_only):
        parts += [f"## {section.title}", section.text, *(_markdown_part(part) for part in section.parts)]
    return "\n\n".join([*parts, "## Method", findings.method, made_by(meta)]) + "\n"


def _markdown_part(part: Figure | Table) -> str:
    if isinstance(part, Figure):
        return f"![{part.title}]({part.name}.png)\n\n{part.title}. {part.caption}"
    table = "\n".join(markdown_lines(part.header, part.rows, left=len(part.header) if part.prose else 1))
    return f"{part.title}:\n\n{table}" + (f"\n\n{part.note}" if part.note else "")


def report_page(study: Study, findings: Findings, meta: dict[str, Any], config: str) -> str:
    """The page's HTML."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=select_autoescape(default=True),
        undefined=StrictUndefined, trim_blocks=True,
    )  # fmt: skip
    environment.filters["base64"] = lambda data: base64.b64encode(data).decode()
    environment.filters["paragraphs"] = lambda text: [part for part in text.strip().split("\n\n") if part]
    environment.filters["code"] = lambda text: Markup(CODE.sub(r"<code>\1</code>", str(escape(text))))
    page = environment.get_template("report.html.j2")
    return page.render(
        title=study.title, question=study.question, findings=findings, config=config, made_by=made_by(meta),
        folded=MOST_ROWS,
    )  # fmt: skip
