"""Faults on a schedule, between hub and socket and before REST answers. The market behind them is not affected.

A client whose URL has `faults=off` gets the true stream and answers, so a test can compare. Injected faults are logged,
counted by kind, and shown at `/faults`.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, Literal, Protocol
from urllib.parse import parse_qs, urlsplit

import msgspec

from hft.exchange import fault_plan as kinds
from hft.exchange.fault_edits import put_back, stepped
from hft.exchange.rest import Rest, RestAnswer, RestRequest
from hft.exchange.wire import MILLISECOND

NEVER = float("inf")
REPORT = "/faults"
"""The path at which a client gets the injected faults."""


class Scheduled:
    """One fault of a plan: its next time, and the rest of its last one.

    Each has its own generator, so that another fault in the file does not change it.
    """

    def __init__(self, fault: kinds.Fault, seed: int, number: int) -> None:
        self.fault = fault
        self.rng = Random(f"{seed}/{number}/{fault.kind}")
        self.due = NEVER if fault.at_s is None else fault.at_s
        if fault.every_s is not None:
            self.due = self._distance()
        self.left = 0
        self.until = -1.0
        self.fresh = False      # due, but has met nothing yet

    def _distance(self) -> float:
        assert self.fault.every_s is not None
        return self.fault.every_s * (1 + self.fault.jitter * (2 * self.rng.random() - 1))

    def happens(self, now: float) -> bool:
        """Whether it is due; sets the next time. Missed times count as one."""
        if self.due > now:
            return False
        at = self.due
        while self.due <= now:
            at = self.due
            self.due = NEVER if self.fault.every_s is None else self.due + max(self._distance(), 1e-3)
        self._begin(at)
        return True

    def _begin(self, at: float) -> None:
        self.fresh = True
        if window := getattr(self.fault, "for_s", 0.0):
            self.until = at + window
        else:
            self.left = getattr(self.fault, "count", 1)

    def drawn(self) -> bool:
        """Whether chance lets it happen now."""
        return self.fault.probability is not None and self.rng.random() < self.fault.probability

    def meets(self, now: float) -> bool:
        """Whether it meets a message, request or handshake that comes now."""
        if not self.happens(now) and self.drawn():
            self._begin(now)
        if self.left:
            self.left -= 1
            return True
        return now < self.until

    def spared(self) -> None:
        """Not applicable here; retries on the next message."""
        if not self.until > 0:
            self.left += 1


class ConnectedLine(Protocol):
    """The line to one client: `hft.exchange.fault_line.FaultyLine`."""

    def carries(self, symbols: tuple[str, ...]) -> bool: ...
    def strike(self, each: Scheduled) -> None: ...


class Faults:
    """A plan at work on one exchange.

    Parameters
    ----------
    plan : FaultPlan
    now_ns : callable
        Time of the exchange.
    log : callable
        Gets a line for each fault with a set time; random faults are only counted.
    """

    def __init__(self, plan: kinds.FaultPlan, now_ns: Callable[[], int], log: Callable[[str], None]) -> None:
        self.plan = plan
        self.now_ns = now_ns
        self.counts: Counter[str] = Counter()
        """Messages, connections or requests met, by kind of fault."""
        self.lines: set[ConnectedLine] = set()
        """Lines to the connected clients."""
        self.step_ns = 0
        self.microseconds = False
        self.early_requests = 0
        """Requests during a Retry-After, which an obedient client never sends."""
        self.handshakes = 0
        self._log = log
        self._all = [Scheduled(fault, plan.seed, n) for n, fault in enumerate(plan.faults)]
        self._on_channel: dict[str, list[Scheduled]] = {}
        self._started: float | None = None
        self._not_before = 0.0

    # -- time ------------------------------------------------------------------------------------------------------

    def elapsed(self) -> float:
        """Seconds since the first websocket connection; 0 before it."""
        return 0.0 if self._started is None else time.monotonic() - self._started

    async def run(self) -> None:
        """Applies the faults of connections and clock, each at its time, until cancelled."""
        mine = [each for each in self._all if each.fault.acts_on in ("connection", "clock")]
        while True:
            now = self.elapsed()
            for each in mine:
                if self._started is not None and each.happens(now):
                    if isinstance(each.fault, kinds.ClockStep):
                        self.step(each)
                    for line in list(self.lines):
                        if isinstance(each.fault, kinds.SymbolFault) and line.carries(each.fault.symbols):
                            line.strike(each)
            await asyncio.sleep(max(0.002, min([0.02, *(each.due - now for each in mine)])))

    def note(self, each: Scheduled, met: str) -> None:
        """Counts a fault, and logs it once for each time that it happens."""
        self.counts[each.fault.kind] += 1
        if each.fresh and each.fault.probability is None:
            self._log(f"fault at {self.elapsed():.1f} s: {each.fault.kind}: {met}")
        each.fresh = False

    def report(self) -> dict[str, Any]:
        """Counts of injected faults and of the clients' reactions."""
        return {
            "seed": self.plan.seed, "elapsed_s": round(self.elapsed(), 3), "injected": dict(sorted(self.counts.items())),
            "handshakes": self.handshakes, "early_requests": self.early_requests,
        }

    # -- websockets ------------------------------------------------------------------------------------------------

    def on_channel(self, channel: str) -> list[Scheduled]:
        """The faults that a message of a channel can meet."""
        found = self._on_channel.get(channel)
        if found is None:
            stem, kind = channel.split("@")[:2]
            found = self._on_channel[channel] = [
                each for each in self._all
                if each.fault.meets(stem.upper()) and (
                    kind in each.fault.streams if isinstance(each.fault, kinds.MessageFault)
                    else each.fault.acts_on in ("connection", "clock") and each.fault.probability is not None
                )
            ]
        return found

    def step(self, each: Scheduled) -> None:
        """Makes the exchange's stamps jump."""
        assert isinstance(each.fault, kinds.ClockStep)
        self.step_ns += int(each.fault.step_s * 1e9)
        self.microseconds = self.microseconds or each.fault.unit == "us"
        self.note(each, f"stamps are {self.step_ns / 1e9:g} s off" + (", in microseconds" if self.microseconds else ""))

    def stamped(self, text: str, unit: int) -> str:
        """A message with stamps of the exchange's faulty clock."""
        if not self.step_ns and not self.microseconds:
            return text
        return stepped(text, self.step_ns, unit, microseconds=self.microseconds)

    def handshake(self, target: str) -> RestAnswer | Literal["reset"] | None:
        """The refusal of a new connection: an answer, "reset", or None to accept it."""
        if switched_off(target):
            return None
        self.handshakes += 1
        for each in self._all:
            fault = each.fault
            if isinstance(fault, kinds.Refuse) and each.meets(self.elapsed()):
                self.note(each, fault.how)
                if fault.how == "reset":
                    return "reset"
                return refusal(int(fault.how), fault.retry_after_s)
        if self._started is None:
            self._started = time.monotonic()
        return None

    # -- REST ------------------------------------------------------------------------------------------------------

    async def answer(self, rest: Rest, request: RestRequest) -> RestAnswer:
        """The answer to a request."""
        target = request.target
        parts = urlsplit(target)
        if parts.path == REPORT:
            return RestAnswer(200, msgspec.json.encode(self.report()), {})
        if switched_off(target):
            return await rest.answer(request)
        now = self.elapsed()
        self.early_requests += time.monotonic() < self._not_before
        met = []
        for each in self._all:      # in the order of the file; a refused request meets no further fault
            if not _asks(each.fault, parts.path, parts.query) or not each.meets(now):
                continue
            self.note(each, target)
            met.append(each.fault)
            match each.fault:
                case kinds.RateLimit() | kinds.Ban() as limit:
                    self._not_before = max(self._not_before, time.monotonic() + limit.retry_after_s)
                    return refusal(limit.status, limit.retry_after_s)
                case kinds.SnapshotError(status=status):
                    return refusal(status)
        answer = await rest.answer(request)
        if answer.status == 200 and (self.step_ns or self.microseconds):
            answer.body = self.stamped(answer.body.decode(), MILLISECOND).encode()
        for fault in met:
            if isinstance(fault, kinds.StaleSnapshot):
                answer.body = put_back(answer.body, fault.behind)
            elif isinstance(fault, kinds.SlowSnapshot):
                await asyncio.sleep(fault.delay_s)
        return answer


def _asks(fault: kinds.Fault, path: str, query: str) -> bool:
    symbol = parse_qs(query).get("symbol", [""])[0].upper()
    return isinstance(fault, kinds.RequestFault) and path.rpartition("/")[2] in fault.paths and fault.meets(symbol)


def switched_off(target: str) -> bool:
    """Whether a client asks for no faults.

    >>> switched_off("/stream?streams=btcusdt@depth&faults=off"), switched_off("/fapi/v1/depth?symbol=BTCUSDT")
    (True, False)
    """
    return parse_qs(urlsplit(target).query).get("faults") == ["off"]


_REFUSALS = {
    429: b'{"code":-1003,"msg":"Too many requests; please use the websocket for live updates to avoid polling the API."}',
    418: b'{"code":-1003,"msg":"Way too much request weight used; IP banned. Please use WebSocket Streams for live updates."}',
}


def refusal(status: int, retry_after_s: int = 0) -> RestAnswer:
    """An answer in the venue's words; as on the venue, a server error is not JSON."""
    body = _REFUSALS.get(status)
    if body is None:
        return RestAnswer(status, b"<html><body>Service unavailable</body></html>", {})
    return RestAnswer(status, body, {"Retry-After": str(retry_after_s)})
