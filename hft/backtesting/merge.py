"""Event records of several sources as one session, in receive order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from hft._core import events as words
from hft._core.types import Spec
from hft.backtesting.events import EVENT, Events
from hft.backtesting.records import Numbering

_EMPTY: Events = np.empty(0, EVENT)


def merged(sources: Sequence[Iterable[Events]]) -> Iterator[Events]:
    """All records by (stamp, source, place in it), in parts of whole messages (SEMANTICS 1).

    A message stays whole: its records have one stamp, and are together in their source.
    """
    streams = [iter(source) for source in sources]
    waiting: list[Events] = [_EMPTY for _ in streams]
    open_ = [True for _ in streams]
    while any(open_):
        for i, stream in enumerate(streams):
            if open_[i] and not len(waiting[i]):
                waiting[i], open_[i] = _next(stream)
        # What is before every open source's newest stamp can't be overtaken any more; of one stamp there may be more to come.
        ends = [int(waiting[i]["recv_ns"][-1]) for i in range(len(streams)) if open_[i]]
        if ends:
            horizon = min(ends)
            cuts = [int(np.searchsorted(part["recv_ns"], horizon)) for part in waiting]
            yield from _together([part[:cut] for part, cut in zip(waiting, cuts, strict=True)])
            waiting = [part[cut:] for part, cut in zip(waiting, cuts, strict=True)]
            for i, stream in enumerate(streams):
                if open_[i] and int(waiting[i]["recv_ns"][-1]) == horizon:
                    more, open_[i] = _next(stream)
                    waiting[i] = np.concatenate((waiting[i], more))
    yield from _together(waiting)


def _next(stream: Iterator[Events]) -> tuple[Events, bool]:
    """The next part that holds something, and whether there was one."""
    for part in stream:
        if len(part):
            return part, True
    return _EMPTY, False


def _together(parts: Sequence[Events]) -> Iterator[Events]:
    parts = [part for part in parts if len(part)]
    if len(parts) == 1:
        yield parts[0]
    elif parts:
        records = np.concatenate(parts)
        yield records[np.argsort(records["recv_ns"], kind="stable")]


def begun(parts: Iterable[Events], symbols: Iterable[int]) -> Iterator[Events]:
    """The same, with a connection and an empty book before the first depth message of each of `symbols`: those that no source
    opens. What there is of such a symbol is updates alone, and its book fills up from them."""
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


def numbered(parts: Iterable[Events], specs: Sequence[Spec]) -> Iterator[Events]:
    """The same, with ids where there were none: see `Numbering`."""
    numbering = Numbering([spec.dialect != "spot" for spec in specs])
    for part in parts:
        records = np.array(part)
        numbering.number(records.data)
        yield records
