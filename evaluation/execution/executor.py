"""What an executor does, and the simple ones: in this process, in threads of it, in processes of this machine."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from typing import Any, Protocol, TypeVar

from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.execution.parent import end_with_parent
from regional_dispatch.evaluation.execution.stopping import STOPS


class Item(Protocol):
    """A piece of work: a NamedTuple with these fields among others."""

    @property
    def title(self) -> str:
        """What it is called in messages."""
        ...

    @property
    def scenario(self) -> Scenario:
        """Its world; the only field that may name files."""
        ...


ItemT = TypeVar("ItemT", bound=Item)
ResultT = TypeVar("ResultT")
Results = Generator[tuple[ItemT, ResultT], None, None]


class Executor(Protocol):
    """Does the same work on many items."""

    def run(self, work: Callable[[ItemT], ResultT], items: Iterable[ItemT]) -> Results[ItemT, ResultT]:
        """Items with their results, in the order they are finished. Closing the generator stops the work.

        Args:
            work: a function of a module of this package. Its result depends on nothing but the item.
            items: taken in this order.

        Raises:
            Exception: what `work` raised; the rest is stopped.
        """
        ...


class Here:
    """Does the work in this process, one item after the other."""

    def run(self, work: Callable[[ItemT], ResultT], items: Iterable[ItemT]) -> Results[ItemT, ResultT]:
        """See `Executor.run`."""
        yield from ((item, work(item)) for item in items)


HERE = Here()


class Threads:
    """Does the work in threads of this process; for work that is mostly compiled code.

    Args:
        workers: number of threads, ≥ 1.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def run(self, work: Callable[[ItemT], ResultT], items: Iterable[ItemT]) -> Results[ItemT, ResultT]:
        """See `Executor.run`. What a thread is doing cannot be stopped."""
        pool = ThreadPoolExecutor(self.workers)
        try:
            yield from _as_done({pool.submit(work, item): item for item in items})
        finally:
            pool.shutdown(cancel_futures=True)


class Processes:
    """Does the work in processes of this machine, which live as long as one `run`.

    Args:
        workers: number of processes, ≥ 1.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def run(self, work: Callable[[ItemT], ResultT], items: Iterable[ItemT]) -> Results[ItemT, ResultT]:
        """See `Executor.run`."""
        wanted = list(items)
        workers = max(1, min(self.workers, len(wanted)))
        # A fork would copy the progress bar's thread.
        pool = ProcessPoolExecutor(workers, get_context("spawn"), end_with_parent, (os.getpid(),))
        try:
            with _stops_ignored():  # the processes that start here inherit it
                waiting = {pool.submit(work, item): item for item in wanted}
                pool.submit(os.getpid)  # the pool hears of the end only of workers that were there at the last submit
            yield from _as_done(waiting)
        except BrokenProcessPool:
            raise InputError(
                "a worker process was ended from outside, as the system does when memory runs out; give the "
                "command again, with fewer --workers: what is finished is kept"
            ) from None
        except BaseException:
            for process in active_children():
                process.kill()  # a bound may take minutes more
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _as_done(waiting: dict[Future[ResultT], ItemT]) -> Iterator[tuple[ItemT, ResultT]]:
    while waiting:
        for done in wait(waiting, return_when=FIRST_COMPLETED).done:
            yield waiting.pop(done), done.result()


@contextmanager
def _stops_ignored() -> Iterator[None]:
    """A terminal sends these to all processes of a command; this one decides what they mean.

    SIGTERM stays: the pool ends its workers by it.
    """
    old: dict[int, Callable[..., Any] | int | None] = {
        number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, *STOPS) if number != signal.SIGTERM
    }
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
