"""Times every message through the engine, from its bytes to the end of processing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from hft._core.base.histogram import Histogram
from hft._core.engine.engine import KINDS, Engine
from hft.data.tape import Tape
from hft.errors import UsageError
from hft.venues.recorded import decode

ROUNDS = 5


class Figures(msgspec.Struct, frozen=True):
    """Times of one kind of message, in nanoseconds; within 1.6 %, the width of a histogram's bucket."""

    messages: int
    p50_ns: int
    p99_ns: int
    p999_ns: int
    max_ns: int


class TickReport(msgspec.Struct, frozen=True):
    """The best of several rounds: on a busy machine the least disturbed round is the most accurate.

    `messages_per_s` is from a separate round without timing in between, in the thread's processor time, so that other processes
    do not count. `msgspec_messages_per_s` is the yardstick: the same frames only decoded by msgspec in the same run. Compare
    ratios, not machines.
    """

    source: str
    rounds: int
    messages: int
    messages_per_s: int
    p50_ns: int
    p99_ns: int
    p999_ns: int
    max_ns: int
    by_kind: dict[str, Figures]
    msgspec_messages_per_s: int
    orders: int
    fills: int


class _Round(NamedTuple):
    engine: Engine
    seconds: float
    every: Histogram
    by_kind: dict[str, Histogram]


def measure(source: str, tape: Tape, new_engine: Callable[[], Engine], rounds: int = ROUNDS) -> TickReport:
    """Runs a tape through new engines, `rounds` times timed and `rounds` times not.

    Raises `UsageError` if the book never comes into sync, since that would not measure a tick.
    """
    timed = min((_round(tape, new_engine(), True) for _ in range(rounds)), key=lambda r: r.every.percentile(99))
    plain = min(_round(tape, new_engine(), False).seconds for _ in range(rounds))
    engine = timed.engine
    if all(engine.pnl(spec.name).mark is None for spec in engine.symbols):      # a recording closes its books at its end
        raise UsageError("no book came into sync", where=source, do="take a capture that holds the REST snapshot")
    counters = engine.counters()
    every = _figures(timed.every)
    return TickReport(
        source=source,
        rounds=rounds,
        messages=every.messages,
        messages_per_s=round(len(tape.frames) / plain),
        p50_ns=every.p50_ns,
        p99_ns=every.p99_ns,
        p999_ns=every.p999_ns,
        max_ns=every.max_ns,
        by_kind={kind: _figures(histogram) for kind, histogram in timed.by_kind.items() if histogram.count},
        msgspec_messages_per_s=round(len(tape.frames) / min(_yardstick(tape) for _ in range(rounds))),
        orders=counters["orders"],
        fills=counters["fills"],
    )


def _round(tape: Tape, engine: Engine, timed: bool) -> _Round:
    every, by_kind = Histogram(), {kind: Histogram() for kind in KINDS}
    begun = time.thread_time()
    if timed:
        tape.run(engine, histogram=every, by_kind=by_kind)
    else:
        tape.run(engine)
    return _Round(engine, time.thread_time() - begun, every, by_kind)


def _yardstick(tape: Tape) -> float:
    begun = time.thread_time()
    for frame in tape.frames:
        decode(frame)
    return time.thread_time() - begun


def _figures(h: Histogram) -> Figures:
    return Figures(h.count, h.percentile(50), h.percentile(99), h.percentile(99.9), h.max)


def as_text(report: TickReport) -> str:
    """A table for reading."""
    every = Figures(report.messages, report.p50_ns, report.p99_ns, report.p999_ns, report.max_ns)
    rows = [("all", every), *report.by_kind.items()]
    head = f"{'':<12}{'messages':>10}{'p50':>10}{'p99':>10}{'p99.9':>10}{'max':>12}   ns"
    lines = [f"{report.source}, best of {report.rounds} rounds", head]
    lines += [f"{k:<12}{f.messages:>10,}{f.p50_ns:>10,}{f.p99_ns:>10,}{f.p999_ns:>10,}{f.max_ns:>12,}" for k, f in rows]
    ratio = report.messages_per_s / report.msgspec_messages_per_s
    yardstick = f"{ratio:.1f} times what msgspec decodes here ({report.msgspec_messages_per_s:,})"
    lines.append(f"{report.messages_per_s:,} messages/s, {yardstick}")
    lines.append(f"{report.orders:,} orders, {report.fills:,} fills")
    return "\n".join(lines)
