"""Reads the venue's rules again when there is a reason to, and passes changes to the engine (SEMANTICS 28)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

from hft._core.base.runclock import RunClock
from hft._core.engine.engine import Engine
from hft.data.rules import Changes, Ruling, ruling, statuses
from hft.errors import NOT_JSON, HftError
from hft.venues.live import RestClient
from hft.venues.pacing import Backoff

POLL_S = 0.5
"""Interval of the check whether the rules must be read again."""
LEAST_S = 5.0
"""Shortest pause between two requests; pauses grow while requests bring nothing new."""
MOST_S = 300.0
"""Longest of those pauses."""
HELD_POLL_S = 0.05
"""Pause between attempts to apply a change while the journal has no room."""
CLOSED_S = 30.0
"""Pause between requests while a symbol is not traded; it does not grow."""
REASONS = {
    "connected": "the connection was made again", "silent": "a connection is silent", "refused": "a subscription was refused",
    "snapshot_failed": "no snapshot was received",
}
"""Events of the feed after which the rules may have changed."""
NOT_LISTED = "the venue does not list it any more; orders are refused until it does"
CLOSED = "a symbol is not traded"
OFF = "prices or quantities are off the tick or quantum"


@dataclass(eq=False)
class RulesWatch:
    """Keeps an engine's rules equal to the venue's.

    Parameters
    ----------
    rest : RestClient
    engine : Engine
    clock : RunClock
    fixed : collection of str
        Symbols whose tick and lot come from the settings; the venue only decides whether they are traded.
    info : bytes
        The exchangeInfo that the engine was built from; empty if the settings gave all rules: no requests are
        made then.
    on_info : callable, optional
        Gets each body with changes, before the engine does.
    """

    rest: RestClient
    engine: Engine
    clock: RunClock
    _: KW_ONLY
    fixed: Collection[str] = ()
    info: bytes = b""
    on_info: Callable[[bytes], object] = lambda _: None

    def __post_init__(self) -> None:
        self.reads = 0
        """How many times exchangeInfo was requested again."""
        self._names = [spec.name for spec in self.engine.symbols]
        self._changes = Changes(self.engine.symbols, self.fixed)
        self._backoff = Backoff(2 * LEAST_S, MOST_S)
        self._seen: set[str] = set()
        self._why = ""
        self._off = 0
        self._next = time.monotonic() + LEAST_S
        self._closed_next = self._next
        self._report: Callable[..., None] = lambda *_, **__: None

    def begin(self, report: Callable[..., None]) -> None:
        """Applies what was known at the start; ``report(kind, text, symbols=…)`` gets each symbol that is not traded."""
        self._report = report
        if self.info:
            for new, status in self._new(self.info, whole=False):
                self._apply(new, status)

    def on_event(self, kind: str, connection: str) -> None:
        """An event of the feed, which may be a reason to read the rules again."""
        first = kind == "connected" and connection not in self._seen
        if kind == "connected":
            self._seen.add(connection)
        if kind in REASONS and not first:
            self._why = self._why or REASONS[kind]

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            await asyncio.sleep(POLL_S)
            if why := self._refresh_reason():
                await self._read(why)

    def _refresh_reason(self) -> str:
        """The reason to read the rules now; empty if there is none or it is too early."""
        now, off = time.monotonic(), self.engine.counted("bad_number")
        if off != self._off:
            self._off, self._why = off, OFF
        why = ""
        if self._why and now >= self._next:
            why, self._why = self._why, ""
        elif now >= self._closed_next and not all(map(self.engine.trading, self._names)):
            why = CLOSED
        if why:
            self._closed_next = now + CLOSED_S
        return why

    async def _read(self, why: str) -> None:
        if not self.info:
            return self._nothing_new(why)
        self.reads += 1
        try:
            body = await self.rest.exchange_info(self._names, complete=False)
            found = self._new(body, whole=True)
            taken = await self._take(body, found)
        except (HftError, *NOT_JSON) as error:
            if why != CLOSED:
                self._why = self._why or why        # retried later
                self._next = time.monotonic() + self._backoff.next()
            self._report("rules_failed", f"exchangeInfo was requested since {why}, and not received: {error}"[:400])
            return None
        if taken:
            self._backoff.reset()
            self._next = time.monotonic() + LEAST_S
            return None
        return self._nothing_new("the changes can't be applied" if found else why)

    def _nothing_new(self, why: str) -> None:
        """Lengthens the pause, except for a symbol that is not traded; reports again numbers that don't fit."""
        if why != CLOSED:
            self._next = time.monotonic() + self._backoff.next()
            self._advise(why)

    def _advise(self, why: str) -> None:
        """Report numbers that don't fit although the venue's rules did not change."""
        if why != OFF:
            return
        units = "; ".join(f"{each.name} tick {each.tick:f}, quantum {each.quantum:f}" for each in self.engine.symbols)
        do = "set [feed.symbols.<symbol>] tick and step"
        if self.fixed:
            do = f"correct or remove [feed.symbols.{next(iter(self.fixed))}]"
        self._report("rules_unfit", f"{OFF} ({units}), and the venue gives no other rules; {do}", symbols=self._names)

    def _new(self, body: bytes, *, whole: bool) -> list[tuple[Ruling, str]]:
        """The rules that changed, each with the venue's status (`NOT_LISTED` if the symbol is absent)."""
        found = self._changes.new(body, whole=whole)
        if self._changes.wrong is not None:
            text = f"exchangeInfo has invalid rules: {self._changes.wrong}"[:250]
            self._report("rules_failed", f"{text}; the old rules stay")
        status = statuses(body) if found else {}
        return [(each, status.get(each["symbol"], NOT_LISTED)) for each in found]

    async def _take(self, body: bytes, found: list[tuple[Ruling, str]]) -> bool:
        """Applies the changes after the messages that the engine holds; returns whether any was applied."""
        if found:
            self.on_info(body)
        taken = [await self._apply_in_turn(new, status) for new, status in found]
        return any(taken)

    async def _apply_in_turn(self, new: Ruling, status: str) -> bool:
        while True:
            try:
                return self._apply(new, status)
            except BufferError:
                await asyncio.sleep(HELD_POLL_S)

    def _apply(self, new: Ruling, status: str) -> bool:
        """Applies one change as far as possible; returns whether the engine took any part of it."""
        name = new["symbol"]
        old, was_trading = self.engine.symbols[name], self.engine.trading(name)
        rules: dict[str, Any] = {key: value for key, value in new.items() if key != "symbol"}
        try:
            self.engine.set_rules(name, self.clock.now(), **rules)
        except ValueError as error:
            text = f"the rules of {name} changed in a way that can't be applied: {error}"[:300]
            self._report("rules_failed", f"{text}; restart the run for the new rules", symbols=[name])
            if was_trading == new["trading"]:
                return False
            new = ruling(old, trading=new["trading"])
            rules = {key: value for key, value in new.items() if key != "symbol"}
            self.engine.set_rules(name, self.clock.now(), **rules)        # at least its status
        self._changes.take(new)
        now = self.engine.symbols[name]
        parts = [f"{what} {before:f} -> {after:f}" for what, before, after in _pairs(old, now) if before != after]
        if parts:
            self._report("rules_changed", f"{name}: {', '.join(parts)}; orders that don't fit expire", symbols=[name])
        if was_trading and not new["trading"]:
            why = f"the venue says {status[:40]}: orders are refused until the status is TRADING"
            self._report("not_trading", NOT_LISTED if status == NOT_LISTED else why, symbols=[name])
        if not was_trading and new["trading"]:
            self._report("trading", "the venue trades it again", symbols=[name])
        return True


def _pairs(old: Any, new: Any) -> Sequence[tuple[str, Any, Any]]:
    return [(name.replace("_", " "), getattr(old, name), getattr(new, name)) for name in
            ("tick", "step", "min_qty", "max_qty", "min_notional")]
