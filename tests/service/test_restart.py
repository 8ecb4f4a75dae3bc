"""A service that is started again goes on where it stopped, however it stopped."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import threading
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from regional_dispatch.evaluation.policies import resolve_policy
from regional_dispatch.service.errors import ServiceError
from regional_dispatch.service.journal import Journal
from regional_dispatch.service.metrics import Metrics
from regional_dispatch.service.opening import LOG_FILE, Settings, open_engine
from tests.service.conftest import Running
from tests.service.played import START
from tests.worlds import TWO_REGIONS, small

SKUS = 30  # of the scenario


def everything(service: Running) -> list[Any]:
    """All that can be asked of a state."""
    paths = ["/lanes/decisions", *(f"/stock/{sku}" for sku in range(SKUS))]
    return [service.client.get(path).json() for path in paths]


def use(service: Running) -> None:
    """A morning: orders, picks, departures, a closure, a cancellation."""
    for n in range(40):
        time_of = f"2026-03-02T{n // 4:02}:30Z"
        station = ("DS Boston", "DS Hartford", "DS Washington")[n % 3]
        answer = service.order(f"m{n}", str(n % SKUS), str(7 * n % SKUS), station=station, time=time_of).json()
        if n % 2:
            for package in answer["packages"]:
                told = {"event": f"p-{package}", "kind": "package_picked", "package": package}
                place = service.tell(told).json()["events"][0]["waits_for"]
                if n % 4 == 3:
                    truck = {"event": f"d-{package}", "kind": "truck_departed", "truck": package, **place}
                    assert service.tell(truck).status_code == 200
    closed = service.client.get("/lanes/decisions").json()["lanes"][0]
    lane = {key: closed[key] for key in ("origin", "destination", "mode")}
    assert service.tell({"event": "closed", "kind": "lane_closed", **lane}).status_code == 200
    assert service.tell({"event": "regret", "kind": "order_cancelled", "order": "m38"}).status_code == 200


def test_nothing_changes_when_it_is_stopped_and_started_with_or_without_its_snapshot(tmp_path: Path) -> None:
    data = tmp_path / "data"
    service = Running(data).wait()
    use(service)
    before, again = everything(service), service.order("m3", "3", "21", station="DS Boston", time="2026-03-02T00:30Z")
    assert service.stop() in (0, -signal.SIGTERM)
    assert "stopped" in service.said()
    snapshots = list(data.glob("snapshot-*.npz"))
    assert len(snapshots) == 1
    for damaged in (False, True):
        if damaged:
            snapshots[0].write_bytes(snapshots[0].read_bytes()[:-200])
        service = Running(data).wait()
        replayed = "snapshot of record 0" if damaged else "then 0 records"
        assert replayed in service.said()
        assert everything(service) == before
        repeated = service.order("m3", "3", "21", station="DS Boston", time="2026-03-02T00:30Z")
        assert repeated.content == again.content and repeated.headers["repeated"] == "true"
        service.stop(signal.SIGKILL)


def test_a_folder_serves_one_service_one_network_and_one_calendar(tmp_path: Path) -> None:
    scenario = small(**TWO_REGIONS)
    policy = resolve_policy("least_cost", scenario)
    settings = Settings(scenario, policy, tmp_path, START)
    engine = open_engine(settings, Metrics(), [].append)
    with pytest.raises(ServiceError, match="another service uses it"):
        open_engine(settings, Metrics(), [].append)
    asyncio.run(engine.journal.close())
    for other, text in (
        (replace(settings, scenario=small(**TWO_REGIONS, stock={"skus": 41})), "another network"),
        (replace(settings, start=START + timedelta(days=7)), "started at 2026-03-02"),
    ):
        with pytest.raises(ServiceError, match=text):
            open_engine(other, Metrics(), [].append)
    asyncio.run(open_engine(settings, Metrics(), [].append).journal.close())


class Shop(threading.Thread):
    """Sends orders one after the other until the service is gone; keeps what was acknowledged."""

    def __init__(self, port: int, name: str) -> None:
        super().__init__()
        self.port, self.shop = port, name
        self.answers: dict[str, bytes] = {}
        self.picked: list[str] = []

    @staticmethod
    def body(name: str) -> dict[str, Any]:
        number = int(name.partition("-")[2])
        lines = [{"sku": str((number + i) % SKUS), "units": 1} for i in range(1 + number % 3)]
        return {"order": name, "station": "DS New York", "promise_hours": 30, "lines": lines}

    def run(self) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=5) as client:
            for number in range(100_000):
                name = f"{self.shop}-{number}"
                try:
                    answer = client.post("/orders", json=self.body(name))
                    if answer.status_code != 200:
                        return
                    self.answers[name] = answer.content
                    for package in answer.json()["packages"]:
                        told = {"event": f"p-{package}", "kind": "package_picked", "package": package}
                        if client.post("/events", json={"events": [told]}).status_code == 200:
                            self.picked.append(package)
                except httpx.TransportError:
                    return


@pytest.mark.slow
def test_no_acknowledged_order_or_event_is_lost_when_it_is_killed_under_load(tmp_path: Path) -> None:
    data = tmp_path / "data"
    service = Running(data, "--snapshot-every", "200").wait()
    counts = [
        {"site": site, "sku": str(sku), "units": 5000}
        for sku in range(SKUS)
        for site in service.client.get(f"/stock/{sku}").json()["on_hand"]
    ]
    assert service.tell({"event": "full", "kind": "stock_counted", "counts": counts}).status_code == 200
    shops = [Shop(service.port, f"s{n}") for n in range(4)]
    for shop in shops:
        shop.start()
    time.sleep(6)  # long enough for a snapshot in the middle of it
    service.stop(signal.SIGKILL)
    for shop in shops:
        shop.join(30)
    answers = {name: body for shop in shops for name, body in shop.answers.items()}
    assert len(answers) > 200
    assert list(data.glob("snapshot-*.npz"))

    service = Running(data).wait()
    assert "snapshot of record 0" not in service.said()
    for name, body in answers.items():
        again = service.client.post("/orders", json=Shop.body(name))
        assert again.content == body and again.headers["repeated"] == "true"
    for shop in shops:
        for package in shop.picked:
            order, _, _ = package.partition("/")
            places = service.client.get(f"/orders/{order}").json()["packages"]
            assert {place["package"]: place["place"] for place in places}[package] == "waiting"
    stock = Counter({sku: sum(service.client.get(f"/stock/{sku}").json()["on_hand"].values()) for sku in range(SKUS)})
    service.stop()
    keys = [record.key.partition(":") for record in Journal(data / LOG_FILE).after(0)]
    logged = [name for kind, _, name in keys if kind == "order"]
    assert set(answers) <= set(logged)
    taken = Counter(int(line["sku"]) for name in logged for line in Shop.body(name)["lines"])
    full = Counter[int]()
    for count in counts:
        full[int(count["sku"])] += count["units"]
    assert stock == full - taken  # every logged order has taken its units once


def test_a_log_that_cannot_be_written_stops_the_service_and_is_said(tmp_path: Path) -> None:
    service = Running(tmp_path / "data").wait()
    other = sqlite3.connect(tmp_path / "data" / LOG_FILE, isolation_level=None)
    other.execute("INSERT INTO log VALUES (1, 'order:taken', '', '', '')")  # the service's next number
    with pytest.raises((httpx.TransportError, AssertionError)):
        assert service.order("unlucky").status_code == 200
    assert service.process.wait(30) == 2
    assert "the log cannot be written" in service.said()
