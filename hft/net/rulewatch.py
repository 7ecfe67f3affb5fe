"""Reads the venue's rules again when there is reason to, and gives the engine what changed (SEMANTICS 28)."""

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

LOOK_S = 0.5
"""Between two checks whether there is a reason to read the rules again."""
LEAST_S = 5.0
"""Least pause between two requests; after one that brought nothing new the pauses get longer."""
MOST_S = 300.0
"""Longest of those pauses."""
HELD_LOOK_S = 0.05
"""Between two tries to apply a change while the journal has no room."""
CLOSED_S = 30.0
"""Between two requests while a symbol is not traded, however often they brought nothing new."""
REASONS = {
    "connected": "the connection was made again", "silent": "a connection is silent", "refused": "a subscription was refused",
    "snapshot_failed": "no book is to be had",
}
"""Events of the feed after which the rules may have changed."""
NOT_LISTED = "the venue does not list it any more: orders are refused until it does"
CLOSED = "a symbol is not traded"
OFF = "prices or quantities are off the tick or quantum"


@dataclass(eq=False)
class RulesWatch:
    """Keeps an engine's rules those of the venue.

    Parameters
    ----------
    rest : RestClient
    engine : Engine
    clock : RunClock
    fixed : collection of str
        Symbols whose tick and lot come from the settings; only whether they are traded is taken from the venue.
    info : bytes
        The exchangeInfo that the engine was built from; empty where the settings gave all of it: then the
        venue is never asked.
    on_info : callable, optional
        Gets each body that brought something new, before the engine does.
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
        self._tell: Callable[..., None] = lambda *_, **__: None

    def begin(self, tell: Callable[..., None]) -> None:
        """Takes over what was known at the start: ``tell(kind, text, symbols=…)`` hears of symbols that are not traded."""
        self._tell = tell
        if self.info:
            for new, status in self._new(self.info, whole=False):
                self._apply(new, status)

    def heard(self, kind: str, connection: str) -> None:
        """An event of the feed, which may be a reason to read the rules again."""
        first = kind == "connected" and connection not in self._seen
        if kind == "connected":
            self._seen.add(connection)
        if kind in REASONS and not first:
            self._why = self._why or REASONS[kind]

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            if why := self._wanted():
                await self._read(why)

    def _wanted(self) -> str:
        """Why the rules are to be read now; empty where there is no reason, or it is too early."""
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
                self._why = self._why or why        # again, later
                self._next = time.monotonic() + self._backoff.next()
            self._tell("rules_failed", f"exchangeInfo, which is wanted since {why}, can't be had: {error}"[:400])
            return None
        if taken:
            self._backoff.reset()
            self._next = time.monotonic() + LEAST_S
            return None
        return self._nothing_new("what is new can't be taken over" if found else why)

    def _nothing_new(self, why: str) -> None:
        """Ask less and less often, save for a symbol that is not traded; numbers that don't fit are told again."""
        if why != CLOSED:
            self._next = time.monotonic() + self._backoff.next()
            self._advise(why)

    def _advise(self, why: str) -> None:
        """Report numbers that don't fit although the venue's rules did not change."""
        if why != OFF:
            return
        said = "; ".join(f"{each.name} tick {each.tick:f}, quantum {each.quantum:f}" for each in self.engine.symbols)
        do = "set [feed.symbols.<symbol>] tick and step"
        if self.fixed:
            do = f"correct or remove [feed.symbols.{next(iter(self.fixed))}]"
        self._tell("rules_unfit", f"{OFF} ({said}), and the venue says no other rules; {do}", symbols=self._names)

    def _new(self, body: bytes, *, whole: bool) -> list[tuple[Ruling, str]]:
        """What is new in it, and the status that the venue gives with it, `NOT_LISTED` where that is none."""
        found = self._changes.new(body, whole=whole)
        if self._changes.wrong is not None:
            text = f"exchangeInfo has rules that make no sense: {self._changes.wrong}"[:250]
            self._tell("rules_failed", f"{text}; the old ones stand")
        status = statuses(body) if found else {}
        return [(each, status.get(each["symbol"], NOT_LISTED)) for each in found]

    async def _take(self, body: bytes, found: list[tuple[Ruling, str]]) -> bool:
        """Hands over what is new, after the messages that the engine holds; whether any of it could be taken over."""
        if found:
            self.on_info(body)
        taken = [await self._apply_in_turn(new, status) for new, status in found]
        return any(taken)

    async def _apply_in_turn(self, new: Ruling, status: str) -> bool:
        while True:
            try:
                return self._apply(new, status)
            except BufferError:
                await asyncio.sleep(HELD_LOOK_S)

    def _apply(self, new: Ruling, status: str) -> bool:
        """Whether the engine has anything of it now. What it has counts as known, and nothing else."""
        name = new["symbol"]
        old, was_trading = self.engine.symbols[name], self.engine.trading(name)
        rules: dict[str, Any] = {key: value for key, value in new.items() if key != "symbol"}
        try:
            self.engine.set_rules(name, self.clock.now(), **rules)
        except ValueError as error:
            text = f"the rules of {name} changed to what can't be taken over: {error}"[:300]
            self._tell("rules_failed", f"{text}; stop the run, and start it again for the new rules", symbols=[name])
            if was_trading == new["trading"]:
                return False
            new = ruling(old, trading=new["trading"])
            rules = {key: value for key, value in new.items() if key != "symbol"}
            self.engine.set_rules(name, self.clock.now(), **rules)        # its status at least
        self._changes.take(new)
        now = self.engine.symbols[name]
        parts = [f"{what} {before:f} -> {after:f}" for what, before, after in _pairs(old, now) if before != after]
        if parts:
            self._tell("rules_changed", f"{name}: {', '.join(parts)}; orders that don't fit expire", symbols=[name])
        if was_trading and not new["trading"]:
            why = f"the venue says {status[:40]}: orders are refused until it says TRADING"
            self._tell("not_trading", NOT_LISTED if status == NOT_LISTED else why, symbols=[name])
        if not was_trading and new["trading"]:
            self._tell("trading", "the venue trades it again", symbols=[name])
        return True


def _pairs(old: Any, new: Any) -> Sequence[tuple[str, Any, Any]]:
    return [(name.replace("_", " "), getattr(old, name), getattr(new, name)) for name in
            ("tick", "step", "min_qty", "max_qty", "min_notional")]
