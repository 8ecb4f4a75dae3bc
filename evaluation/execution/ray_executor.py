"""Pieces of work as tasks of a Ray cluster.

Ray schedules them, moves their arguments, and starts those again that were on a lost worker or node. Nothing is read
from a shared disk: a scenario travels with the contents of its files, once for all items that have it.
"""

from __future__ import annotations

import pickle
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.execution.executor import Executor, ItemT, Processes, Results, ResultT, Threads
from regional_dispatch.evaluation.execution.package import Build, differences, own_build
from regional_dispatch.evaluation.execution.packing import Packed, packed, unpacked
from regional_dispatch.evaluation.execution.ray_cluster import connected

RETRIES = 5  # of a task whose worker or node is lost
TASKS_PER_CPU = 2  # submitted at a time; the others wait here, so that their arguments do not fill the cluster
SECONDS_TO_CANCEL = 20.0  # for all tasks together


@contextmanager
def open_executor(local: Threads | Processes, address: str | None) -> Iterator[Executor]:
    """A Ray cluster if there is an address, else the executor of this machine.

    Args:
        local: used without an address. It has as many workers as a cluster that is started here has CPUs.
        address: of a cluster, see `ray_cluster.connected`.

    Raises:
        ModuleNotFoundError: Ray is asked for and not installed.
        InputError: no cluster answers at the address.
    """
    if address is None:
        yield local
        return
    with connected(address, local.workers):
        yield RayExecutor()


class RayExecutor:
    """Does the work as Ray tasks of one CPU each; this process is connected to the cluster."""

    def __init__(self) -> None:
        self._sent: dict[int, tuple[Scenario, Any]] = {}  # by identity, which holds while the scenario is kept here

    def run(self, work: Callable[[ItemT], ResultT], items: Iterable[ItemT]) -> Results[ItemT, ResultT]:
        """See `Executor.run`; `items` are taken one by one, as there is room.

        Raises:
            InputError: workers were lost again and again, or are not like this machine.
        """
        import ray
        from ray import cloudpickle

        # What `work` raises is not tried again, as it would be raised again.
        task = ray.remote(num_cpus=1, max_retries=RETRIES, retry_exceptions=False)(_on_worker)
        build, rest = ray.put(own_build()), iter(items)
        waiting: dict[Any, ItemT] = {}
        try:
            while True:
                for item in islice(rest, max(0, _room() - len(waiting))):
                    bare: Any = item
                    job = cloudpickle.dumps((work, bare._replace(scenario=None)))
                    waiting[task.remote(job, self._parcel(item.scenario), build)] = item
                if not waiting:
                    return
                for done in ray.wait(list(waiting))[0]:
                    result = _result(done, waiting[done])
                    yield waiting.pop(done), result
        finally:
            _cancel(list(waiting))

    def _parcel(self, scenario: Scenario) -> Any:
        """A reference to the scenario and its files in the cluster's object store."""
        import ray

        if id(scenario) not in self._sent:
            self._sent[id(scenario)] = scenario, ray.put(packed(scenario))
        return self._sent[id(scenario)][1]


def _cancel(tasks: list[Any]) -> None:
    """Ends tasks. A worker may start one while it is being cancelled, so those that go on are cancelled again."""
    import ray

    left, end = tasks[::-1], time.monotonic() + SECONDS_TO_CANCEL  # queued ones first: a freed worker takes them
    while left and time.monotonic() < end:
        for task in left:
            ray.cancel(task, force=True)
        left = ray.wait(left, num_returns=len(left), timeout=1.0)[1]


def _room() -> int:
    """Tasks that may be submitted and unfinished at a time, by the present size of the cluster."""
    import ray

    return TASKS_PER_CPU * max(1, int(ray.cluster_resources().get("CPU", 1)))


def _result(done: Any, item: ItemT) -> Any:
    """What a task returned, or raises what it raised."""
    import ray
    from ray.exceptions import RayError, RayTaskError

    try:
        return ray.get(done)
    except RayTaskError as error:
        raise error.cause from None
    except RayError as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(
            f"{item.title}: Ray gave up after {RETRIES} retries: {reason}; look for the cause in the cluster's logs, "
            "such as too little memory, and give the same command again: what is finished is kept"
        ) from None


def _on_worker(job: bytes, parcel: Packed, driver: Build) -> Any:
    """Does an item on a worker, with the files of its scenario in a private folder.

    Args:
        job: the work and the item, pickled. As arguments of the task, arrays would be read-only views of Ray's object
            store, for which the kernel would be compiled once more.
        parcel: the item's scenario.
        driver: the build that this one must be equal to.
    """
    found = differences(own_build(), driver)
    if found:
        raise InputError(
            f"a worker of the cluster has {', '.join(found)}; install the driver's versions there, or start this "
            "command from a machine of the cluster"
        )
    with tempfile.TemporaryDirectory(prefix="regional-dispatch-") as folder:
        work, item = pickle.loads(job)
        return work(item._replace(scenario=unpacked(parcel, Path(folder))))
