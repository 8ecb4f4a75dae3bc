"""The decisions of several networks side by side, so that the policy meets all of them in one batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

import numpy as np

from regional_dispatch.agents.credit.decisions import Charges, LaneBook, Lanes, LineBook, Lines, PriceBook, join
from regional_dispatch.envs.simulator import Simulator, part, prefixed

Book = TypeVar("Book", LineBook, LaneBook)


class Books(Generic[Book]):
    """What books of lines and of lanes have in common.

    Args:
        books: one per network.
    """

    def __init__(self, books: list[Book]) -> None:
        self.books: list[Book] = books
        self._ends = np.zeros(0, np.int64)

    def pack(self) -> tuple[np.ndarray, ...]:
        """All networks' decisions to take; see `LineBook.pack` and `LaneBook.pack`."""
        found, self._ends = _joined([book.pack() for book in self.books])
        return found

    def forget(self) -> None:
        """Drops everything; call when the copies are started anew."""
        for book in self.books:
            book.forget()

    def snapshot(self) -> dict[str, np.ndarray]:
        """What is open in each book; see its `snapshot`."""
        return prefixed({f"{i}.": book.snapshot() for i, book in enumerate(self.books)})

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Goes on from a snapshot of as many networks; see its `restore`."""
        for i, book in enumerate(self.books):
            book.restore(part(arrays, f"{i}."))


class LineBooks(Books[LineBook]):
    """One `LineBook` per network, packed and taken as one.

    Args:
        sims: the networks, all with the same number of candidates per line.
        charges: what lines are charged with.
        ticks: busiest ticks' worth of decisions that a copy can have open; a book grows when needed.
    """

    def __init__(self, sims: Sequence[Simulator], charges: Charges = Charges(), ticks: int = 64) -> None:  # noqa: B008
        self.sims = list(sims)
        super().__init__([LineBook(sim, ticks * sim.world.rules.order_slots, charges) for sim in sims])

    def unpack(self, action: np.ndarray, log_prob: np.ndarray) -> None:
        """Applies the choices of the lines just packed; see `LineBook.unpack`."""
        for book, *own in zip(self.books, *_split(self._ends, action, log_prob), strict=True):
            book.unpack(*own)

    def take(self) -> Lines:
        """All decisions closed since the last call."""
        taken: Lines = join([book.take() for book in self.books])
        return taken


class LaneBooks(Books[LaneBook]):
    """One `LaneBook` per network, packed and taken as one.

    Args:
        sims: the networks.
        charges: what lanes are charged with.
    """

    def __init__(self, sims: Sequence[Simulator], charges: Charges = Charges()) -> None:  # noqa: B008
        super().__init__([LaneBook(sim, charges) for sim in sims])

    def unpack(self, action: np.ndarray, log_prob: np.ndarray, value: np.ndarray) -> None:
        """Applies go or hold to the lanes just packed."""
        for book, *own in zip(self.books, *_split(self._ends, action, log_prob, value), strict=True):
            book.unpack(*own)

    def take(self, gamma: float, gae_lambda: float) -> tuple[Lanes, np.ndarray, np.ndarray]:
        """Decisions, advantages and returns; see `LaneBook.take`. Chains of different networks may share a number."""
        lanes, advantages, returns = zip(*(book.take(gamma, gae_lambda) for book in self.books), strict=True)
        return join(list(lanes)), np.concatenate(advantages), np.concatenate(returns)


class PriceBooks:
    """One `PriceBook` per network, taken as one.

    Args:
        sims: the networks.
    """

    def __init__(self, sims: Sequence[Simulator]) -> None:
        self.books = [PriceBook(sim) for sim in sims]

    def take(self) -> tuple[np.ndarray, ...]:
        """All samples since the last call; see `PriceBook.take`."""
        return _joined([book.take() for book in self.books])[0]


def _joined(parts: list[tuple[np.ndarray, ...]]) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Each array of all parts as one, and where each part but the last ends. One part is not copied."""
    ends = np.cumsum([len(part[0]) for part in parts])[:-1]
    if len(parts) == 1:
        return parts[0], ends
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True)), ends


def _split(ends: np.ndarray, *arrays: np.ndarray) -> list[list[np.ndarray]]:
    return [np.split(array, ends) for array in arrays]
