"""Diagnosis of a run (rule 32): how long each book was in sync, the causes of other times, and why the run did not trade."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from hft._core.base import status
from hft._core.engine.engine import closed_times, signal_reach, sync_times

if TYPE_CHECKING:
    from hft._core.engine.engine import Engine

ENOUGH = 0.95
"""A smaller share of time in sync is warned about."""

_WORDS = {
    "disconnected": "disconnected at {}",
    "no_rest_book": "no snapshot of the book yet",
    "rest_book_unusable": "the snapshot did not fit the updates at {}",
    "gap": "gap at {}",
    "crossed": "crossed at {}",
    "mismatch": "differed from a fresh snapshot at {}",
    "given_up": "given up at {}",
    "not_trading": "not traded by the venue (BREAK, HALT …) from {}",
}
"""Each cause in words; `{}` is the time of its first occurrence."""


class Cause(msgspec.Struct, frozen=True):
    """A cause of a book's time out of sync."""

    count: int
    """Number of occurrences. 0: only from the start up to the first connection."""
    seconds: float
    first_ns: int
    """Time of the first occurrence; 0 if there is none."""


class InSync(msgspec.Struct, frozen=True):
    """A symbol's time in and out of sync, from the engine's first input to its last."""

    share: float
    """Share of the time in which the book was in sync, 0 to 1."""
    seconds: float
    """The same time in seconds."""
    longest_s: float
    """The longest uninterrupted time in sync."""
    causes: dict[str, Cause]
    """Time out of sync, by cause: `disconnected`, `no_rest_book`, `rest_book_unusable`, `gap`, `crossed`, `mismatch`, `given_up`,
    `not_trading`."""
    not_trading: Cause | None = None
    """Time in which the venue did not trade it, with the book in sync or not; None: it always did."""

    @property
    def why(self) -> str:
        """The causes in words, the longest first.

        >>> InSync(0.9, 9.0, 9.0, {"gap": Cause(2, 1.0, 1_723_161_253_937_000_000)}).why
        'gap at 2024-08-08T23:54:13.937Z (2 times, 1.00 s)'
        """
        longest = sorted(self.causes.items(), key=lambda item: -item[1].seconds)
        return ", ".join(_cause(name, cause) for name, cause in longest)

    def __str__(self) -> str:
        share = _percent(self.share) if self.share > 0 else "never"
        found = [f"{share}: {self.why}" if self.causes and self.share < 1 else share]
        if self.not_trading is not None and "not_trading" not in self.causes:
            found.append(_cause("not_trading", self.not_trading))
        return ", ".join(found)


def _cause(name: str, cause: Cause) -> str:
    if cause.count == 0:
        return f"not connected at first ({cause.seconds:.2f} s)"
    at = datetime.fromtimestamp(cause.first_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    when = f"{at}.{cause.first_ns // 10**6 % 1000:03d}Z"
    times = "once" if cause.count == 1 else f"{cause.count:,} times"
    return f"{_WORDS[name].format(when)} ({times}, {cause.seconds:.2f} s)"


def _percent(share: float) -> str:
    """A percentage with one decimal; 100 % only for the whole, and 0 % only for nothing.

    >>> _percent(1), _percent(0.9999), _percent(0.0001), _percent(0)
    ('100 %', '99.9 %', '0.1 %', '0 %')
    """
    if share >= 1 or share <= 0:
        return "100 %" if share >= 1 else "0 %"
    return f"{min(max(share, 0.001), 0.999):.1%}".replace("%", " %")


def in_sync(engine: Engine) -> dict[str, InSync]:
    """The time in sync of each symbol of an engine."""
    return {spec.name: _in_sync(engine, spec.name) for spec in engine.symbols}


def _in_sync(engine: Engine, symbol: str) -> InSync:
    synced_ns, longest_ns, causes = sync_times(engine, symbol)
    all_ns = synced_ns + sum(stood for _, stood, _ in causes.values())
    closed, closed_ns, closed_from = closed_times(engine, symbol)
    return InSync(
        share=synced_ns / all_ns if all_ns else 0.0, seconds=synced_ns / 1e9, longest_s=longest_ns / 1e9,
        causes={name: Cause(count, stood / 1e9, first_ns) for name, (count, stood, first_ns) in causes.items()},
        not_trading=Cause(closed, closed_ns / 1e9, closed_from) if closed else None,
    )


def never(found: Mapping[str, InSync]) -> bool:
    """Whether no book was ever in sync."""
    return not any(each.seconds for each in found.values())


def warnings(found: Mapping[str, InSync]) -> list[str]:
    """A warning about each book that was in sync too little, and about each symbol that the venue did not trade."""
    return [
        f"the book of {symbol} was {_for_how_long(each.share)}, and there are no orders without it: {each.why}"
        for symbol, each in found.items() if each.share < ENOUGH
    ] + [
        f"{symbol} was {_cause('not_trading', each.not_trading)}; orders are refused meanwhile"
        for symbol, each in found.items()
        if each.not_trading is not None and (each.share >= ENOUGH or "not_trading" not in each.causes)      # else said above
    ]


def _for_how_long(share: float) -> str:
    return f"in sync for {_percent(share)} of the time" if share > 0 else "never in sync"


def lines(found: Mapping[str, InSync]) -> list[str]:
    """A line about each symbol; symbols that were always in sync share one."""
    always = [symbol for symbol, each in found.items() if each.share >= 1 and each.not_trading is None]
    others = [f"{symbol} {each}" for symbol, each in found.items() if symbol not in always]
    return ([f"{', '.join(always)} 100 %"] if always else []) + others


def missing(messages: Mapping[str, int]) -> str:
    """What is missing in data whose books were never in sync; `messages` has counts by kind."""
    if not sum(messages.values()):
        return "it has no message of these symbols"
    snapshots = messages.get("snapshot", 0)
    if not messages.get("depth"):
        if snapshots:
            return "it has a snapshot of the book and no update after it; name the file that continues it too"
        held = " and ".join(kind for kind in ("bookTicker", "trade", "aggTrade") if messages.get(kind)) or "other messages"
        return f"it has {held} and no book; name the file with the book's updates too, or record them with `hft record`"
    if not snapshots:
        return (
            "it has depth updates without a snapshot that they continue; `hft record` records one, and Tardis' files "
            "begin with one (is_snapshot true)"
        )
    return "no depth update continues its snapshot; `hft record` records consistent ones"


# -- why nothing was traded ------------------------------------------------------------------------------------------------


def why_no_orders(
    engine: Engine, *, messages: Mapping[str, int], signals: int, rejects: Mapping[str, int], found: Mapping[str, InSync]
) -> list[str]:
    """Why an engine sent no order, the most basic cause first; never empty.

    Parameters
    ----------
    engine : Engine
    messages, rejects : mapping
        Messages by kind, refused orders by reason.
    signals : int
    found : mapping
        The result of `in_sync`.
    """
    reasons = [f"trading halted: {engine.fault}"] if engine.fault else []
    if engine.kill_reason:
        reasons.append(f"the kill switch is on: {explained(engine.kill_reason)}")
    reasons += [
        f"{symbol} was {_cause('not_trading', each.not_trading)}"
        for symbol, each in found.items() if each.not_trading is not None
    ]
    if not sum(messages.values()):
        return [*reasons, "no message was received"]
    if never(found):
        return [*reasons, "no book was ever in sync"]
    names = [spec.name for spec in engine.symbols]
    if signals == 0 and all(signal_reach(engine, name) for name in names):
        reasons += _common(_no_signal(engine, name, found[name]) for name in names)
    elif refused := _by_reason(rejects):
        reasons.append(f"every order was refused: {refused}")
    elif shorts := sum(reach[-1] for name in names if (reach := signal_reach(engine, name))):
        reasons.append(f"spot can't be sold short: {shorts:,} entries were for selling, and none for buying")
    elif not reasons:
        reasons.append("the strategy requested none")
    return reasons + _no_trades(messages)


def _no_signal(engine: Engine, symbol: str, found: InSync) -> str:
    reach = signal_reach(engine, symbol)
    assert reach is not None
    largest, threshold, surest, least, window_ns, _ = reach
    if not found.seconds:
        return f"{symbol}: not in sync at any time"
    if found.longest_s * 1e9 < window_ns:
        return (
            f"{symbol}: window longer than the data: feature_window_ms is {window_ns // 10**6:,}, and the book was in sync for "
            f"{found.longest_s * 1e3:,.0f} ms at most"
        )
    if largest < threshold:
        return f"{symbol}: threshold never reached: the largest imbalance was {largest:.3f}, imbalance_threshold is {threshold:g}"
    if surest < least:
        return f"{symbol}: min_confidence never reached: the largest confidence was {surest:.3f}, min_confidence is {least:g}"
    return f"{symbol}: threshold and min_confidence were never reached together"


def _common(reasons: Iterable[str]) -> Iterator[str]:
    """The first few reasons, as most apply to the other symbols too."""
    every = list(reasons)
    yield from every[:3]
    if len(every) > 3:
        yield f"and so on for {len(every) - 3} symbols more"


def why_no_fills(messages: Mapping[str, int], rejects: Mapping[str, int]) -> list[str]:
    """Why none of a run's orders filled."""
    refused = _by_reason(rejects)
    return [f"no order filled: {refused}" if refused else "no order filled before the end", *_no_trades(messages)]


def _no_trades(messages: Mapping[str, int]) -> list[str]:
    none = not messages.get("trade") and not messages.get("aggTrade")
    return ["no trades were received, and without them no resting order fills"] if none else []


def _by_reason(rejects: Mapping[str, int]) -> str:
    """
    >>> _by_reason({"below_min": 3})
    "3 below_min (under the venue's minimum quantity or notional)"
    """
    most = sorted(((count, name) for name, count in rejects.items() if count), reverse=True)
    return ", ".join(f"{count:,} {name} ({status.text(status.CODES[name])})" for count, name in most)


def explained(name: str) -> str:
    """A reason code with its meaning.

    >>> explained("kill_files_gone")
    'kill_files_gone (a file of the run was deleted or replaced while it ran)'
    """
    return f"{name} ({status.text(status.CODES[name])})"


def shown(reasons: Sequence[str]) -> str:
    """Reasons as one line."""
    return "; ".join(reasons)
