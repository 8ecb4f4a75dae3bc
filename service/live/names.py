"""The scenario's names, and the numbers that the kernel knows them by."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from regional_dispatch.envs.world.network import Network
from regional_dispatch.service.errors import RefusedError, closest

_NEIGHBOURS = 40  # names in alphabetical order on either side of an unknown one, among which the closest is looked for


class Names:
    """Names of one kind, each with its number.

    Args:
        what: they name, as in "no such SKU".
        names: in the order of their numbers; the first one has number `first`.
        first: see there.
    """

    def __init__(self, what: str, names: Sequence[str], first: int = 0) -> None:
        self.what, self.names, self.first = what, list(names), first
        self._number = {name: first + i for i, name in enumerate(self.names)}
        self._sorted = sorted(self.names)

    def number(self, name: str, field: str) -> int:
        """The number of a name.

        Raises:
            RefusedError: there is no such name; the text has the closest one.
        """
        found = self._number.get(name)
        if found is None:
            raise RefusedError(field, name, f"no such {self.what}", closest(name, self._near(name)))
        return found

    def _near(self, name: str) -> list[str]:
        """A few names to compare with: comparing with a hundred thousand would take seconds."""
        at = bisect_left(self._sorted, name)
        return self._sorted[max(0, at - _NEIGHBOURS) : at + _NEIGHBOURS]


class NetworkNames:
    """All names of a network."""

    def __init__(self, network: Network, skus: Sequence[str]) -> None:
        net, sites = network.net, network.sites["name"].astype(str).tolist()
        self.sites = sites
        self.site = Names("site", sites)
        self.fc = Names("fulfillment center", sites[: net.fcs])
        self.works = Names("fulfillment center or sort center", sites[: net.fcs + net.scs])
        self.station = Names("station", sites[net.fcs + net.scs :])
        self.sku = Names("SKU", skus)
        self.modes = network.lane_modes.astype(str).tolist()
        ends = zip(net.lanes["origin"].tolist(), net.lanes["dest"].tolist(), strict=True)
        self._between: dict[tuple[int, int], list[int]] = {}
        for lane, pair in enumerate(ends):
            self._between.setdefault(pair, []).append(lane)

    def lane(self, origin: str, destination: str, mode: str | None, field: str) -> int:
        """The number of a lane.

        Args:
            origin, destination: its sites.
            mode: may be left out where one lane joins them.
            field: path of the lane in the request.

        Raises:
            RefusedError: no such site or lane, or several and no mode.
        """
        ends = self.site.number(origin, f"{field}origin"), self.site.number(destination, f"{field}destination")
        found = self._between.get(ends, [])
        if not found:
            leads_to = [self.sites[pair[1]] for pair in self._between if pair[0] == ends[0]]
            mend = closest(destination, leads_to) if leads_to else f"no lane leaves '{origin}'"
            raise RefusedError(f"{field}destination", destination, f"no lane leads there from '{origin}'", mend)
        if mode is None and len(found) == 1:
            return found[0]
        for lane in found:
            if self.modes[lane] == mode:
                return lane
        known = ", ".join(self.modes[lane] for lane in found)
        raise RefusedError(
            f"{field}mode", mode, f"lanes from '{origin}' to '{destination}' are told apart by mode", known
        )
