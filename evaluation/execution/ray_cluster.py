"""Connecting to a Ray cluster, with this package sent along."""

from __future__ import annotations

import logging
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from regional_dispatch.envs.compile_progress import QUIET_VARIABLE
from regional_dispatch.envs.kernel.compiled import CACHE_VARIABLE
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.execution.package import copy_package

AUTO = "auto"
LOOPBACK = "127.0.0.1"
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
PASSED_ON = (CACHE_VARIABLE, "NUMBA_CPU_NAME")
_PATIENCE_SECONDS = 10.0  # for a cluster's port to open; Ray itself tries for minutes


@contextmanager
def connected(address: str, cpus: int) -> Iterator[None]:
    """This process as the driver of a cluster, whose workers import this package as it is here.

    Args:
        address: HOST:PORT or ray://HOST:PORT of a cluster; or `auto`: the one that RAY_ADDRESS names or that runs on
            this machine, or else a new one on this machine, which ends with the block.
        cpus: of a new one.

    Raises:
        ModuleNotFoundError: Ray is not installed.
        InputError: no cluster answers, or it refuses.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # of a new one
    import ray

    _check_port(address)
    with tempfile.TemporaryDirectory(prefix="regional-dispatch-") as folder:
        options: dict[str, Any] = {
            "runtime_env": {"py_modules": [str(copy_package(Path(folder)))], "env_vars": _environment()},
            "log_to_driver": False, "logging_level": logging.ERROR,
        }  # fmt: skip
        try:
            _connect(address, cpus, options)
        except (ConnectionError, RuntimeError, ValueError) as error:
            fix = "; if it asks for a token, set RAY_AUTH_MODE=token" if isinstance(error, ConnectionError) else ""
            raise InputError(f"--ray = {address}: {' '.join(str(error).split())}{fix}") from None
        try:
            yield
        finally:
            ray.shutdown()


def _connect(address: str, cpus: int, options: dict[str, Any]) -> None:
    import ray

    if address != AUTO:
        ray.init(address, **options)
        return
    try:
        ray.init(AUTO, **options)
    except ConnectionError:
        print(f"no Ray cluster runs here; starting one on this machine, with {cpus} CPUs", file=sys.stderr)
        ray.init("local", num_cpus=cpus, include_dashboard=False, _node_ip_address=LOOPBACK, **options)


def _check_port(address: str) -> None:
    """Raises InputError if nothing listens at an address."""
    if address == AUTO:
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        raise InputError(
            f"--ray = {address}: not an address; give HOST:PORT, as `ray start` prints it, ray://HOST:PORT, or auto"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), _PATIENCE_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise InputError(
            f"--ray = {address}: no Ray cluster answers there ({error}); start one with `ray start --head`, "
            "or give --ray auto"
        ) from None


def _environment() -> dict[str, str]:
    """Variables of the workers: one thread for one CPU, no messages, and what is passed on from this process."""
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {**dict.fromkeys(ONE_THREAD, "1"), QUIET_VARIABLE: "1", **passed}
