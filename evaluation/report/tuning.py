"""What tuning says on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from regional_dispatch.baselines.tuned import Tuned
from regional_dispatch.evaluation.text import number
from regional_dispatch.evaluation.tuning import Standing


@contextmanager
def tuning_bar() -> Iterator[Callable[[Standing], None]]:
    """A progress bar on the terminal, for `evaluation.tuning.tune`: best cost, evaluations, time left."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("the first settings", total=1.0)
        yield lambda now: bar.update(
            task, completed=now.share,
            description=f"best {now.best_usd:.3f} USD an order, {now.evaluations:,} evaluations",
        )  # fmt: skip


def print_tuned(tuned: Tuned, path: Path) -> None:
    """What tuning found, and where it is."""
    made = tuned.made
    before, after = made.cost_per_order_usd_before, made.cost_per_order_usd_after
    percent = f" ({number(100 * (after / before - 1), 1, signed=True)} %)" if before else ""
    print(
        f"{tuned.baseline} on {tuned.scenario}: {before:.3f} → {after:.3f} USD per order{percent}, mean of "
        f"{made.check_episodes} tuning episodes; {made.evaluations:,} evaluations in {made.minutes:.1f} minutes"
    )
    print(f"tuned baseline: {path}")
