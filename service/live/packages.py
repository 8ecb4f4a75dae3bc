"""Where every package and truck is, by the names that events use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from regional_dispatch.service.errors import CONFLICT, UNKNOWN, RefusedError

Facts = tuple[list[Any], list[Any]]  # records of packages, and of trucks
PICKING, SORTING, WAITING, RIDING = "picking", "sorting", "waiting", "riding"


class Package(NamedTuple):
    """A package under way. Records are replaced, never changed, so that a snapshot may hold on to them."""

    name: str
    number: int  # in the kernel's state
    order: str
    route: int
    leg: int  # of the route: it waits for, or rides on
    place: str  # PICKING, SORTING, WAITING or RIDING
    lines: tuple[tuple[int, int], ...]  # SKU and units
    truck: str | None = None  # it rides on


class Truck(NamedTuple):
    """A truck away from home."""

    name: str
    lane: int
    hired: bool  # not of the fleet: it does not come home
    packages: tuple[str, ...] = ()
    arrived: bool = False


class Whereabouts:
    """All packages and trucks under way. Delivered packages and trucks at home are forgotten."""

    def __init__(self) -> None:
        self.packages: dict[str, Package] = {}
        self.trucks: dict[str, Truck] = {}
        self.orders: dict[str, list[str]] = {}  # order → its packages under way
        self.by_number: dict[int, str] = {}  # package's number in the kernel's state → its name

    def add(self, package: Package) -> None:
        """A package is made."""
        self.put(package)
        self.by_number[package.number] = package.name
        self.orders.setdefault(package.order, []).append(package.name)

    def put(self, package: Package) -> None:
        """What is known of a package now."""
        self.packages[package.name] = package

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
            RefusedError: it is not under way, or elsewhere; `describe` says where.
        """
        found = self.packages.get(name)
        if found is None:
            raise RefusedError(
                field, name, "no such package under way", "packages are named in the answer to their order", UNKNOWN
            )
        if place is not None and found.place != place:
            raise RefusedError(
                field,
                name,
                f"it {describe(found)}",
                "send the events of a package in the order they happened",
                CONFLICT,
            )
        return found

    def truck(self, name: str, field: str) -> Truck:
        """A truck away from home.

        Raises:
            RefusedError: there is none of that name.
        """
        found = self.trucks.get(name)
        if found is None:
            raise RefusedError(field, name, "no such truck on its way", "send truck_departed first", UNKNOWN)
        return found

    def facts(self) -> Facts:
        """All of it as it is now."""
        return list(self.packages.values()), list(self.trucks.values())

    @classmethod
    def from_facts(cls, facts: Facts) -> Whereabouts:
        """The reverse of `facts`; records may be plain lists, as JSON has them."""
        found = cls()
        for record in facts[0]:
            package = Package(*record)
            found.add(package._replace(lines=tuple((sku, units) for sku, units in package.lines)))
        for name, lane, hired, packages, arrived in facts[1]:
            found.trucks[name] = Truck(name, lane, hired, tuple(packages), arrived)
        return found
