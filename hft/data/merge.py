"""Event records of several sources as one session, in receive order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from hft._core.base.types import Spec
from hft._core.engine import events as words
from hft.data.events import EVENT, Events
from hft.data.records import Numbering


def merged(streams: Sequence[Iterator[Events]]) -> Iterator[Events]:
    """Merges streams of records by (`recv_ns`, stream, place in it).

    All records of a message have its stamp, so a stable sort never splits a message.
    """
    if len(streams) == 1:
        yield from streams[0]
        return
    heads = [_Head(stream) for stream in streams]
    while True:
        for head in heads:
            while head.open and not len(head.part):
                head.more()
        # Later records of an open stream are at or after the stamp at the end of its part.
        horizon = min((int(head.part["recv_ns"][-1]) for head in heads if head.open), default=None)
        ready = np.concatenate([head.before(horizon) for head in heads])
        if len(ready):
            yield ready[np.argsort(ready["recv_ns"], kind="stable")]
        elif horizon is None:
            return
        else:                   # the next part may begin with the same stamp
            for head in heads:
                if head.open and int(head.part["recv_ns"][-1]) == horizon:
                    head.more()


class _Head:
    """The records of a stream that were read and not yet merged."""

    def __init__(self, stream: Iterator[Events]) -> None:
        self.stream = stream
        self.part: Events = np.empty(0, EVENT)
        self.open = True

    def more(self) -> None:
        following = next(self.stream, None)
        if following is None:
            self.open = False
        else:
            self.part = np.concatenate([self.part, following]) if len(self.part) else following

    def before(self, horizon: int | None) -> Events:
        n = len(self.part) if horizon is None else int(np.searchsorted(self.part["recv_ns"], horizon))
        ready, self.part = self.part[:n], self.part[n:]
        return ready


def timed(parts: Iterable[Events]) -> Iterator[Events]:
    """The same stream; records without a time (`recv_ns` 0), which come first, are received with the first record that has one.

    If no record has a time, there is no session, and the result is empty.
    """
    held: list[Events] = []
    for part in parts:
        first = int(np.searchsorted(part["recv_ns"], 1))
        if first == len(part):
            held.append(part)
            continue
        if first or held:
            part = np.concatenate([*held, part])
            part["recv_ns"] = np.maximum(part["recv_ns"], part["recv_ns"][np.searchsorted(part["recv_ns"], 1)])
            held = []
        yield part


def begun(parts: Iterable[Events], symbols: Iterable[int]) -> Iterator[Events]:
    """The same stream, with a connection and an empty book before the first depth message of each of `symbols`. No source opens
    these symbols; they have only updates, from which their book fills up."""
    waiting = set(symbols)
    for part in parts:
        for symbol in sorted(waiting):
            found = np.flatnonzero((part["kind"] == words.KINDS["depth"]) & (part["symbol"] == symbol))
            if len(found):
                waiting.discard(symbol)
                part = np.insert(part, found[0], _opening(part[found[0]]))
        yield part


def _opening(record: np.void) -> Events:
    out = np.zeros(2, EVENT)
    out["recv_ns"], out["symbol"], out["prev_id"] = record["recv_ns"], record["symbol"], -1
    out["kind"] = words.KINDS["connect"], words.KINDS["snapshot"]
    out["flags"] = words.EMPTY | words.LAST
    return out


def numbered(parts: Iterable[Events], specs: Sequence[Spec], chained: bool) -> Iterator[Events]:
    """The same stream, with ids where there were none, `chained` like the venue's: see `Numbering`."""
    numbering = Numbering([chained] * len(specs))
    for part in parts:
        records = np.array(part)
        numbering.number(records.data)
        yield records
