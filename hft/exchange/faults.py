"""Faults on a schedule: between hub and socket, and before REST answers. The market behind them knows nothing of it.

A client whose URL says `faults=off` gets the true stream and true answers: that is how a test knows what was taken from the
others. What was injected is told as it happens, counted by kind, and answered at `/faults`.
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
"""Where a client asks what was injected."""


class Scheduled:
    """One fault of a plan: when it happens next, and what is left of its last time.

    Each has a generator of its own, so that a fault more in the file changes nothing about the others.
    """

    def __init__(self, fault: kinds.Fault, seed: int, number: int) -> None:
        self.fault = fault
        self.rng = Random(f"{seed}/{number}/{fault.kind}")
        self.due = NEVER if fault.at_s is None else fault.at_s
        if fault.every_s is not None:
            self.due = self._distance()
        self.left = 0
        self.until = -1.0
        self.fresh = False      # it has happened and met nothing yet

    def _distance(self) -> float:
        assert self.fault.every_s is not None
        return self.fault.every_s * (1 + self.fault.jitter * (2 * self.rng.random() - 1))

    def happens(self, now: float) -> bool:
        """Whether it is due; the next time is set. Times that were missed are one."""
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
        """Whether it meets a message (request, handshake) that comes now."""
        if not self.happens(now) and self.drawn():
            self._begin(now)
        if self.left:
            self.left -= 1
            return True
        return now < self.until

    def spared(self) -> None:
        """What it met did not offer what it needs: the next one will do."""
        if not self.until > 0:
            self.left += 1


class ConnectedLine(Protocol):
    """The way to one client: `hft.exchange.fault_line.FaultyLine`."""

    def carries(self, symbols: tuple[str, ...]) -> bool: ...
    def strike(self, each: Scheduled) -> None: ...


class Faults:
    """A plan at work on one exchange.

    Parameters
    ----------
    plan : FaultPlan
    now_ns : callable
        The exchange's own time.
    tell : callable
        Gets a line for each fault that happens at a time; those that happen by chance are only counted.
    """

    def __init__(self, plan: kinds.FaultPlan, now_ns: Callable[[], int], tell: Callable[[str], None]) -> None:
        self.plan = plan
        self.now_ns = now_ns
        self.counts: Counter[str] = Counter()
        """Messages, connections or requests met, by kind of fault."""
        self.lines: set[ConnectedLine] = set()
        """To the clients that are connected."""
        self.step_ns = 0
        self.microseconds = False
        self.early_requests = 0
        """Requests during a Retry-After: what a client that obeys never sends."""
        self.handshakes = 0
        self._tell = tell
        self._all = [Scheduled(fault, plan.seed, n) for n, fault in enumerate(plan.faults)]
        self._on_channel: dict[str, list[Scheduled]] = {}
        self._started: float | None = None
        self._not_before = 0.0

    # -- time ------------------------------------------------------------------------------------------------------

    def elapsed(self) -> float:
        """Seconds since the first websocket connection; 0 before it."""
        return 0.0 if self._started is None else time.monotonic() - self._started

    async def run(self) -> None:
        """Lets happen what happens to connections and to the clock, each at its time, until cancelled."""
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
        """Counts a fault, and tells it once for each time that it happens."""
        self.counts[each.fault.kind] += 1
        if each.fresh and each.fault.probability is None:
            self._tell(f"fault at {self.elapsed():.1f} s: {each.fault.kind}: {met}")
        each.fresh = False

    def report(self) -> dict[str, Any]:
        """What was injected so far, and what clients did."""
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
        """The exchange's stamps jump."""
        assert isinstance(each.fault, kinds.ClockStep)
        self.step_ns += int(each.fault.step_s * 1e9)
        self.microseconds = self.microseconds or each.fault.unit == "us"
        self.note(each, f"stamps are {self.step_ns / 1e9:g} s off" + (", in microseconds" if self.microseconds else ""))

    def stamped(self, text: str, unit: int) -> str:
        """A message as the exchange's clock stamps it."""
        if not self.step_ns and not self.microseconds:
            return text
        return stepped(text, self.step_ns, unit, microseconds=self.microseconds)

    def handshake(self, target: str) -> RestAnswer | Literal["reset"] | None:
        """What a new connection is refused with: an answer, "reset", or None, which lets it in."""
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
        """What a request is answered with."""
        target = request.target
        parts = urlsplit(target)
        if parts.path == REPORT:
            return RestAnswer(200, msgspec.json.encode(self.report()), {})
        if switched_off(target):
            return await rest.answer(request)
        now = self.elapsed()
        self.early_requests += time.monotonic() < self._not_before
        met = []
        for each in self._all:      # in the order of the file; what is refused meets no more
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
    """Whether a client asks to be spared.

    >>> switched_off("/stream?streams=btcusdt@depth&faults=off"), switched_off("/fapi/v1/depth?symbol=BTCUSDT")
    (True, False)
    """
    return parse_qs(urlsplit(target).query).get("faults") == ["off"]


_REFUSALS = {
    429: b'{"code":-1003,"msg":"Too many requests; please use the websocket for live updates to avoid polling the API."}',
    418: b'{"code":-1003,"msg":"Way too much request weight used; IP banned. Please use WebSocket Streams for live updates."}',
}


def refusal(status: int, retry_after_s: int = 0) -> RestAnswer:
    """An answer in the venue's words; a server's error is no JSON, as on the venue."""
    body = _REFUSALS.get(status)
    if body is None:
        return RestAnswer(status, b"<html><body>Service unavailable</body></html>", {})
    return RestAnswer(status, body, {"Retry-After": str(retry_after_s)})
