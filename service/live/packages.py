"""Where every package and truck is, by the names that events use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from regional_dispatch.service.errors import CONFLICT, UNKNOWN, Refused

PICKING, SORTING, WAITING, RIDING = "picking", "sorting", "waiting", "riding"


@dataclass(slots=True)
class Package:
    """A package under way."""

    name: str
    number: int  # in the kernel's state
    order: str
    route: int
    leg: int  # of the route: it waits for, or rides on
    place: str  # PICKING, SORTING, WAITING or RIDING
    lines: list[tuple[int, int]]  # SKU and units
    truck: str | None = None  # it rides on


@dataclass(slots=True)
class Truck:
    """A truck away from home."""

    name: str
    lane: int
    hired: bool  # not of the fleet: it does not come home
    packages: list[str] = field(default_factory=list)
    arrived: bool = False


class Whereabouts:
    """All packages and trucks under way. Delivered packages and trucks at home are forgotten."""

    def __init__(self) -> None:
        self.packages: dict[str, Package] = {}
        self.trucks: dict[str, Truck] = {}
        self.orders: dict[str, list[str]] = {}  # order → its packages under way
        self.by_number: dict[int, Package] = {}

    def add(self, package: Package) -> None:
        """A package is made."""
        self.packages[package.name] = self.by_number[package.number] = package
        self.orders.setdefault(package.order, []).append(package.name)

    def drop(self, package: Package) -> None:
        """A package is delivered, cancelled or lost."""
        del self.packages[package.name], self.by_number[package.number]
        siblings = self.orders[package.order]
        siblings.remove(package.name)
        if not siblings:
            del self.orders[package.order]

    def package(self, name: str, field: str, place: str | None, describe: Callable[[Package], str]) -> Package:
        """A package that must be at a kind of place.

        Raises:
            Refused: it is not under way, or elsewhere; `describe` says where.
        """
        found = self.packages.get(name)
        if found is None:
            raise Refused(
                field, name, "no such package under way", "packages are named in the answer to their order", UNKNOWN
            )
        if place is not None and found.place != place:
            raise Refused(
                field, name, f"it {describe(found)}", "send the events of a package in the order they happened", CONFLICT
            )
        return found

    def truck(self, name: str, field: str) -> Truck:
        """A truck away from home.

        Raises:
            Refused: there is none of that name.
        """
        found = self.trucks.get(name)
        if found is None:
            raise Refused(field, name, "no such truck on its way", "send truck_departed first", UNKNOWN)
        return found

    def facts(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "packages": [asdict(package) for package in self.packages.values()],
            "trucks": [asdict(truck) for truck in self.trucks.values()],
        }

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Whereabouts:
        """The reverse of `facts`."""
        found = cls()
        for record in facts["packages"]:
            found.add(Package(**{**record, "lines": [tuple(line) for line in record["lines"]]}))
        found.trucks = {record["name"]: Truck(**record) for record in facts["trucks"]}
        return found
