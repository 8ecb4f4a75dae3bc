"""The service over HTTP, as its documentation says."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import load_scenario
from tests.service.conftest import Running


def error_of(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"field", "value", "problem", "mend"}
    return error


def picked(event: str, package: str) -> dict[str, Any]:
    return {"event": event, "kind": "package_picked", "package": package}


# ------------------------------------------------------------------------------------------------------------- orders


def test_an_order_is_answered_with_candidates_and_reserves_its_units(service: Running) -> None:
    before = service.client.get("/stock/12").json()["on_hand"]
    answer = service.order("first", "12").json()
    line = answer["lines"][0]
    assert answer["packages"] == ["first/1"] and line["package"] == "first/1" and not line["lost"]
    assert line["route"]["stops"][0] == line["fc"] and line["route"]["stops"][-1] == "DS Boston"
    chosen = [candidate for candidate in line["candidates"] if candidate["chosen"]]
    assert [candidate["route"] for candidate in chosen] == [line["route"]]
    parts = ("standard_usd", "late_usd", "surcharge_usd", "units_usd")
    for candidate in line["candidates"]:
        assert candidate["expected_usd"] == pytest.approx(sum(candidate[part] for part in parts), abs=1e-3)
    after = service.client.get("/stock/12").json()["on_hand"]
    assert before[line["fc"]] - after.get(line["fc"], 0) == 1


def test_lines_on_one_route_share_a_package(service: Running) -> None:
    answer = service.order("pair", "1", "1", station="DS Hartford").json()
    assert [line["package"] for line in answer["lines"]] == ["pair/1", "pair/1"]


def test_the_same_order_again_gets_the_same_answer_and_counts_once(service: Running) -> None:
    first = service.order("again", "20")
    stock = service.client.get("/stock/20").json()
    second = service.order("again", "20")
    assert second.content == first.content
    assert (first.headers.get("repeated"), second.headers["repeated"]) == (None, "true")
    assert service.client.get("/stock/20").json() == stock
    error = error_of(service.order("again", "21"), 409)
    assert error["field"] == "order" and "another request had this name" in error["problem"]


def test_a_line_that_no_fc_can_serve_is_lost(service: Running) -> None:
    shelves = service.client.get("/stock/27").json()["on_hand"]
    counts = [{"site": site, "sku": "27", "units": 0} for site in shelves]
    assert service.tell({"event": "empty", "kind": "stock_counted", "counts": counts}).status_code == 200
    line = service.order("lost", "27").json()["lines"][0]
    assert line["lost"] and line["fc"] is None and line["package"] is None and line["candidates"] == []


def test_orders_of_a_batch_see_the_same_shelves_and_the_first_gets_the_last_unit(service: Running) -> None:
    shelves = service.client.get("/stock/28").json()["on_hand"]
    counts = [{"site": site, "sku": "28", "units": int(i == 0)} for i, site in enumerate(shelves)]
    assert service.tell({"event": "one left", "kind": "stock_counted", "counts": counts}).status_code == 200
    orders = [
        {"order": name, "station": "DS Boston", "promise_hours": 30, "lines": [{"sku": "28"}]} for name in ("b1", "b2")
    ]
    answers = service.client.post("/orders/batch", json={"orders": orders}).json()["orders"]
    lines = [answer["lines"][0] for answer in answers]
    assert [len(line["candidates"]) > 0 for line in lines] == [True, True]
    assert [line["lost"] for line in lines] == [False, True]


@pytest.mark.parametrize(
    ("change", "field", "problem", "mend"),
    [
        ({"station": "DS Bostn"}, "station", "no such station", "the closest name is 'DS Boston'"),
        ({"lines": [{"sku": "12x"}]}, "lines.0.sku", "no such SKU", "the closest name is '12'"),
        ({"lines": []}, "lines", "at least 1", "openapi"),
        ({"lines": [{"sku": "1", "units": 0}]}, "lines.0.units", "greater than or equal to 1", "openapi"),
        ({"promise_hours": -1}, "promise_hours", "greater than 0", "openapi"),
        ({"promise_hours": 24 * 30}, "promise_hours", "too far ahead", "336 hours at most"),
        ({"promise_hours": None}, "lines.0.promise_hours", "no promise", "promise_hours or promised_by"),
        ({"promised_by": "2026-03-05T00:00Z"}, "", "not both", "openapi"),
        ({"time": "2026-03-02T00:00"}, "time", "timezone", "openapi"),
        ({"time": "2026-01-01T00:00Z"}, "time", "calendar starts at 2026-03-02", "later"),
        ({"time": "2027-01-01T00:00Z"}, "time", "ahead of the clock", "time_passed"),
        ({"prioriti": 1}, "prioriti", "not permitted", "openapi"),
    ],
)
def test_an_order_that_cannot_be_is_refused_with_the_field_and_a_mend(
    service: Running, change: dict[str, Any], field: str, problem: str, mend: str
) -> None:
    error = error_of(service.order("bad", **{"station": "DS Boston", **change}), 422)
    assert error["field"] == field and problem.lower() in error["problem"].lower() and mend in error["mend"]
    assert service.client.get("/orders/bad").status_code == 404


# ------------------------------------------------------------------------------------------------------------- events


def test_a_package_is_followed_to_its_station(service: Running) -> None:
    line = service.order("way", "5", station="DS Washington").json()["lines"][0]
    stops, number = line["route"]["stops"], 0

    def tell(kind: str, **more: Any) -> dict[str, Any]:
        nonlocal number
        number += 1
        response = service.tell({"event": f"way-{number}", "kind": kind, **more})
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()["events"][0]
        return answer

    assert tell("package_picked", package="way/1")["waits_for"]["destination"] == stops[1]
    for leg in range(len(stops) - 1):
        trip = f"way-{leg}"
        decided = service.client.get("/lanes/decisions", params={"origin": stops[leg]}).json()["lanes"]
        assert any(lane["destination"] == stops[leg + 1] and lane["why"] for lane in decided)
        lane = {"origin": stops[leg], "destination": stops[leg + 1], "mode": line["route"]["modes"][leg]}
        assert tell("truck_departed", truck=trip, packages=["way/1"], **lane)["packages"] == ["way/1"]
        place = service.client.get("/orders/way").json()["packages"][0]
        assert (place["place"], place["words"]) == ("riding", f"rides on truck '{trip}'")
        arrived = tell("truck_arrived", truck=trip)
        tell("truck_returned", truck=trip)
        if leg == len(stops) - 2:
            assert arrived["delivered"] == ["way/1"]
        else:
            tell("package_sorted", package="way/1")
    assert service.client.get("/orders/way").status_code == 404


def test_a_refused_event_ends_the_request_and_those_before_it_stand(service: Running) -> None:
    package = service.order("half", "6").json()["packages"][0]
    events = [picked("half-1", package), picked("half-2", package), picked("half-3", package)]
    response = service.tell(*events)
    error = error_of(httpx.Response(response.status_code, json={"error": response.json()["error"]}), 409)
    assert response.json()["applied"] == 1
    assert error["field"] == "events.1.package" and "waits at" in error["problem"]
    again = service.tell(events[0])  # the whole list may be sent again: what was applied is known
    assert again.status_code == 200 and again.json()["events"][0]["event"] == "half-1"


def test_a_cancelled_order_gives_its_units_back_until_it_is_picked(service: Running) -> None:
    before = service.client.get("/stock/25").json()
    service.order("regret", "25")
    answer = service.tell({"event": "regret", "kind": "order_cancelled", "order": "regret"}).json()["events"][0]
    assert (answer["cancelled"], answer["too_late"]) == (["regret/1"], [])
    assert service.client.get("/stock/25").json() == before
    service.order("too late", "25")
    assert service.tell(picked("too late", "too late/1")).status_code == 200
    answer = service.tell({"event": "tl", "kind": "order_cancelled", "order": "too late"}).json()["events"][0]
    assert (answer["cancelled"], answer["too_late"]) == ([], ["too late/1"])


def test_a_site_that_is_down_serves_no_order_while_another_can(service: Running) -> None:
    fc = service.order("up", "2").json()["lines"][0]["fc"]
    assert service.tell({"event": "down", "kind": "site_capacity", "site": fc, "per_hour": 0}).status_code == 200
    assert service.order("moved", "2").json()["lines"][0]["fc"] != fc
    assert service.tell({"event": "up", "kind": "site_capacity", "site": fc, "per_hour": 500}).status_code == 200
    assert service.order("back", "2").json()["lines"][0]["fc"] == fc


def test_a_closed_lane_carries_no_new_order(service: Running) -> None:
    route = service.order("open", "3").json()["lines"][0]["route"]
    lane = {"origin": route["stops"][0], "destination": route["stops"][1]}
    assert service.tell({"event": "close", "kind": "lane_closed", **lane}).status_code == 200
    closed = service.order("closed", "3").json()["lines"][0]["route"]
    assert closed["stops"][:2] != route["stops"][:2]
    assert service.tell({"event": "open", "kind": "lane_opened", **lane}).status_code == 200


@pytest.mark.parametrize(
    ("event", "status", "field", "text"),
    [
        ({"kind": "stock_received", "site": "FC Nowhere", "sku": "1", "units": 1}, 422, "site", "closest name"),
        ({"kind": "stock_adjusted", "site": "FC Allentown", "sku": "1", "units": -9999}, 409, "units", "on hand"),
        ({"kind": "stock_received", "site": "FC Allentown", "sku": "1", "units": 40000}, 422, "", "30000"),
        ({"kind": "package_picked", "package": "none/1"}, 404, "package", "no such package"),
        ({"kind": "truck_arrived", "truck": "none"}, 404, "truck", "no such truck"),
        (
            {"kind": "truck_departed", "truck": "t", "origin": "DS Boston", "destination": "DS Hartford"},
            422, "destination", "no lane",
        ),
        ({"kind": "order_cancelled", "order": "none"}, 404, "order", "no package"),
    ],
)  # fmt: skip
def test_an_event_that_cannot_be_is_refused(
    service: Running, event: dict[str, Any], status: int, field: str, text: str
) -> None:
    response = service.tell({"event": "bad", **event})
    error = response.json()["error"]
    assert response.status_code == status, response.text
    assert error["field"].startswith("events.0") and field in error["field"]
    assert text in f"{error['problem']} {error['mend']}"


def test_the_clock_moves_with_events_and_never_back(service: Running) -> None:
    def now() -> str:
        return str(service.client.get("/lanes/decisions").json()["time"])

    assert service.tell({"event": "t1", "kind": "time_passed", "time": "2026-03-02T09:00-05:00"}).status_code == 200
    assert now() == "2026-03-02T14:00:00+00:00"
    assert service.tell({"event": "t2", "kind": "time_passed", "time": "2026-03-02T13:00Z"}).status_code == 200
    assert now() == "2026-03-02T14:00:00+00:00"


# ------------------------------------------------------------------------------------------------- health and schema


def test_health_and_metrics_say_how_it_is(service: Running) -> None:
    service.order("metric", "9")
    assert service.client.get("/health/live").json() == {"status": "ready"}
    lines = service.client.get("/metrics").text.splitlines()
    values = {line.split(" ")[0]: float(line.split(" ")[1]) for line in lines if line and not line.startswith("#")}
    assert values["dispatch_ready"] == 1 and values["dispatch_orders_total"] >= 1
    assert values['dispatch_request_seconds_count{route="/orders",status="200"}'] >= 1
    assert values["dispatch_log_records"] >= 1 and 0 <= values["dispatch_state_age_seconds"] < 600


def test_every_example_of_the_schema_is_accepted(service: Running) -> None:
    schemas = service.client.get("/openapi.json").json()["components"]["schemas"]
    names = build_network(load_scenario("small")).sites["name"].tolist()
    order = {**schemas["Order"]["example"], "station": names[-1], "time": None, "lines": [{"sku": "8", "units": 1}]}
    answer = service.client.post("/orders", json=order)
    assert answer.status_code == 200, answer.text
    shape = schemas["OrderAnswer"]
    assert set(answer.json()) == set(shape["required"]) == set(shape["example"])
    events = schemas["Events"]["example"]["events"]
    events[0]["site"], events[1]["package"] = names[0], answer.json()["packages"][0]
    assert service.tell(*events).status_code == 200


def test_paths_that_are_not_there_and_bodies_that_are_no_json(service: Running) -> None:
    assert service.client.get("/docs").status_code == 404  # its scripts would come from elsewhere
    response = service.client.post("/orders", content=b"{", headers={"content-type": "application/json"})
    assert "JSON" in error_of(response, 422)["problem"]
