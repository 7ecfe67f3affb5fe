"""Measures whether the embedded exchange looks like a real one: `python -m tests.exchange.facts --seeds 20 --minutes 10`.

One function per row of the table in SEMANTICS ("The embedded exchange looks like a real one"); each takes a session as a
client of the streams sees it. `--capture FILE` measures a real session by the same functions, which gave the accepted ranges.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from hft.venues.catalogue import DEFAULT, SERVED
from tests.exchange.observe import Array, ObservedSession, read_capture, simulate

STRONG = 0.3  # an imbalance beyond this is strong


def _mid(s: ObservedSession) -> Array:
    mid: Array = (s.touch[:, 1] + s.touch[:, 3]) / 2
    return mid


def _at(s: ObservedSession, time: Array) -> npt.NDArray[np.intp]:
    """Index of the touch in force at each time."""
    return np.maximum(np.searchsorted(s.touch[:, 0], time, side="right") - 1, 0)


def _seconds(s: ObservedSession) -> Array:
    return np.arange(s.touch[0, 0], s.touch[-1, 0], 1e9)


def _strong(s: ObservedSession) -> Array:
    """Depth updates with a strong imbalance, except in the last two seconds, after which no data follows."""
    strong: Array = s.book[(np.abs(s.book[:, 1]) > STRONG) & (s.book[:, 0] < s.touch[-1, 0] - 2e9)]
    return strong


def _autocorrelation(x: Array, lag: int) -> float:
    return float(np.corrcoef(x[:-lag], x[lag:])[0, 1])


def _kurtosis(x: Array) -> float:
    return float(((x - x.mean()) ** 4).mean() / x.var() ** 2)


def _returns(s: ObservedSession, seconds: int) -> Array:
    """Mid moves over windows of that length, one starting each second."""
    mid = _mid(s)[_at(s, _seconds(s))]
    moves: Array = mid[seconds:] - mid[:-seconds]
    return moves


def _orders(s: ObservedSession) -> Array:
    """Taker orders as (time, side, quantity); prints of equal stamp and side make one order."""
    change = (np.diff(s.trades[:, 0]) != 0) | (np.diff(s.trades[:, 3]) != 0)
    first = np.concatenate([[0], np.flatnonzero(change) + 1])
    return np.column_stack([s.trades[first, 0], s.trades[first, 3], np.add.reduceat(s.trades[:, 2], first)])


def one_tick_spread(s: ObservedSession) -> float:
    """Share of time with a spread of one tick."""
    dt = np.diff(s.touch[:, 0])
    return float(dt[(s.touch[:-1, 3] - s.touch[:-1, 1]) == 1].sum() / dt.sum())


def next_move(s: ObservedSession) -> float:
    """Share of strong imbalances with the same sign as the next move of the mid."""
    mid, book = _mid(s), _strong(s)
    moves = np.flatnonzero(np.diff(mid)) + 1
    now = _at(s, book[:, 0])
    at = np.searchsorted(moves, now, side="right")
    there = at < len(moves)
    move = mid[moves[at[there]]] - mid[now[there]]
    return float((np.sign(move) == np.sign(book[there, 1])).mean())


def signed_move(s: ObservedSession) -> float:
    """Mean move of the mid in the second after a strong imbalance, in its direction, bps."""
    mid, book = _mid(s), _strong(s)
    now, then = _at(s, book[:, 0]), _at(s, book[:, 0] + 1e9)
    return float((np.sign(book[:, 1]) * (mid[then] / mid[now] - 1)).mean() * 1e4)


def imbalance_memory(s: ObservedSession) -> float:
    """Autocorrelation of the imbalance at one second."""
    at = np.maximum(np.searchsorted(s.book[:, 0], _seconds(s), side="right") - 1, 0)
    return _autocorrelation(s.book[at, 1], 1)


def taker_sign_1(s: ObservedSession) -> float:
    """Autocorrelation of the taker's side from one order to the next."""
    return _autocorrelation(_orders(s)[:, 1], 1)


def taker_sign_10(s: ObservedSession) -> float:
    """… to the tenth after it."""
    return _autocorrelation(_orders(s)[:, 1], 10)


def fano(s: ObservedSession) -> float:
    """Variance ÷ mean of taker orders per second; 1 would be a Poisson process."""
    counts = np.histogram(_orders(s)[:, 0], _seconds(s))[0]
    return float(counts.var() / counts.mean())


def kurtosis_1s(s: ObservedSession) -> float:
    """Kurtosis of one-second moves; 3 is normal."""
    return _kurtosis(_returns(s, 1))


def kurtosis_10s(s: ObservedSession) -> float:
    """Kurtosis of ten-second moves."""
    return _kurtosis(_returns(s, 10))


def variance_ratio(s: ObservedSession) -> float:
    """Variance over ten seconds ÷ ten times that over one."""
    return float(_returns(s, 10).var() / (10 * _returns(s, 1).var()))


def order_flow_imbalance(s: ObservedSession) -> float:
    """R² of one-second moves on order-flow imbalance at the touch (Cont, Kukanov, Stoikov 2014)."""
    (_, b0, q0, a0, k0), (_, b1, q1, a1, k1) = s.touch[:-1].T, s.touch[1:].T
    e = (b1 >= b0) * q1 - (b1 <= b0) * q0 - (a1 <= a0) * k1 + (a1 >= a0) * k0
    grid = _seconds(s)
    total = np.concatenate([[0.0], np.cumsum(e)])[_at(s, grid)]
    return float(np.corrcoef(np.diff(total), _returns(s, 1))[0, 1] ** 2)


def decreases(s: ObservedSession) -> float:
    """Displayed quantity removed, over all levels of the depth updates, ÷ traded volume."""
    return float(s.decreases / s.trades[:, 2].sum())


def taker_size(s: ObservedSession) -> float:
    """Mean ÷ median of taker order sizes."""
    sizes = _orders(s)[:, 2]
    return float(sizes.mean() / np.median(sizes))


def level_one(s: ObservedSession) -> float:
    """Mean quantity of the first level ÷ mean of levels 2–10."""
    return float(s.book[:, 2].mean() / s.book[:, 3].mean())


def book_ticker_first(s: ObservedSession) -> float:
    """Share of taker orders shown by the bookTicker before their first print, among those it shows at the same stamp."""
    before = after = 0
    by_order = np.argsort(s.touch_order)
    touch, order = s.touch[by_order], s.touch_order[by_order]
    seen: set[tuple[float, float]] = set()
    for (time, price, _, side), at in zip(s.trades, s.trade_order, strict=True):
        if (time, side) in seen:
            continue
        seen.add((time, side))
        i = int(np.searchsorted(order, at))
        column = 3 if side > 0 else 1
        # Eight bookTickers each way; those with the trade's stamp, within the error of their stamps.
        earlier = [j for j in range(i - 1, max(i - 8, 0), -1) if touch[j, 0] >= time - s.stamp_error_ns]
        later = [j for j in range(max(i, 1), min(i + 8, len(touch))) if touch[j, 0] <= time + 1e6 + s.stamp_error_ns]
        if any(_shows(touch[j - 1], touch[j], column, price) for j in earlier):
            before += 1
        elif any(_shows(touch[j - 1], touch[j], column, price) for j in later):
            after += 1
    return before / max(1, before + after)


def _shows(old: Array, new: Array, column: int, price: float) -> bool:
    return bool(old[column] == price and (new[column] != price or new[column + 1] < old[column + 1]))


@dataclass(frozen=True)
class Fact:
    """A fact, the range accepted for it, and whether this version promises it."""

    measure: Callable[[ObservedSession], float]
    low: float
    high: float
    promised: bool = False


FACTS: dict[str, Fact] = {
    "one_tick_spread": Fact(one_tick_spread, 0.95, 1.0, promised=True),
    "next_move": Fact(next_move, 0.60, 0.70, promised=True),
    "signed_move_bps": Fact(signed_move, 0.15, 0.40),
    "imbalance_memory": Fact(imbalance_memory, 0.25, 0.6),
    "taker_sign_1": Fact(taker_sign_1, 0.15, 0.4),
    "taker_sign_10": Fact(taker_sign_10, 0.08, 0.2),
    "fano": Fact(fano, 8, 40),
    "kurtosis_1s": Fact(kurtosis_1s, 10, float("inf")),
    "kurtosis_10s": Fact(kurtosis_10s, 0, 8),
    "variance_ratio": Fact(variance_ratio, 0.7, 1.1),
    "order_flow_imbalance_r2": Fact(order_flow_imbalance, 0.25, 0.6),
    "decreases_over_volume": Fact(decreases, 25, 80, promised=True),
    "taker_size": Fact(taker_size, 8, 25, promised=True),
    "level_one": Fact(level_one, 5, 20),
    "book_ticker_first": Fact(book_ticker_first, 0.3, 0.8),
}


def measure(session: ObservedSession) -> dict[str, float]:
    """Every row of one session.

    >>> from tests.exchange.observe import simulate
    >>> measure(simulate(seed=1, minutes=0.5))["one_tick_spread"] > 0.95
    True
    """
    return {name: row.measure(session) for name, row in FACTS.items()}


def report(sessions: list[ObservedSession]) -> dict[str, dict[str, float | bool]]:
    """Rows over several sessions: mean, least and greatest, the accepted range, and whether the mean is in it."""
    measured = [measure(session) for session in sessions]
    table: dict[str, dict[str, float | bool]] = {}
    for name, row in FACTS.items():
        values = np.array([m[name] for m in measured])
        mean = float(values.mean())
        table[name] = {
            "mean": round(mean, 4), "min": round(float(values.min()), 4), "max": round(float(values.max()), 4),
            "low": row.low, "high": row.high, "accepted": row.low <= mean <= row.high, "promised": row.promised,
        }
    return table


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.exchange.facts", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20, help="how many seeds, from 1 (default 20)")
    parser.add_argument("--minutes", type=float, default=10.0, help="simulated minutes for each (default 10)")
    parser.add_argument("--protocol", choices=SERVED, default=DEFAULT)
    parser.add_argument("--symbol", default="BTCUSDT")
    parser.add_argument("--capture", metavar="FILE", help="measure a captured session instead")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(argv)
    if args.capture:
        sessions = [read_capture(args.capture, protocol=args.protocol, symbol=args.symbol)]
    else:
        seeds = range(1, args.seeds + 1)
        sessions = [simulate(args.symbol, protocol=args.protocol, seed=seed, minutes=args.minutes) for seed in seeds]
    table = report(sessions)
    if args.json:
        sys.stdout.write(msgspec.json.encode(table).decode() + "\n")
    else:
        sys.stdout.write(f"{'fact':<26}{'mean':>9}{'min':>9}{'max':>9}   accepted\n")
        for name, row in table.items():
            figures = "".join(f"{row[key]:>9.3f}" for key in ("mean", "min", "max"))
            mark = "" if row["accepted"] else "   outside" + (" (promised)" if row["promised"] else "")
            sys.stdout.write(f"{name:<26}{figures}   {row['low']:g} to {row['high']:g}{mark}\n")
        for name in sorted(sessions[0].messages):
            sys.stdout.write(f"{name + '/s':<26}{np.mean([s.messages[name] / s.seconds for s in sessions]):>9.1f}\n")
    return 1 if any(row["promised"] and not row["accepted"] for row in table.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
