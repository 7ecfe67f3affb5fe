"""The line to one client, with faults: published messages of the hub go in, sent data comes out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Protocol

from aiohttp import WSCloseCode, WSMsgType

from hft.exchange import fault_plan as kinds
from hft.exchange.connection import StreamConnection, frame, reset
from hft.exchange.fault_edits import crossed, malformed, notice, padded
from hft.exchange.faults import Faults, Scheduled
from hft.exchange.wire import MILLISECOND

Item = str | bytes | Callable[[StreamConnection], Awaitable[None]]
"""An entry of a client's queue: a text, or an operation on the socket."""


class LineClient(Protocol):
    """The client at the other end of a line: `hft.exchange.hub.Client`."""

    names: dict[str, None]
    unit: int
    combined: bool
    socket: StreamConnection

    def put(self, message: Item) -> None: ...


class FaultyLine:
    """One client's line, for published messages only; answers to its requests take another way.

    Parameters
    ----------
    faults : Faults
        Keeps a reference to the line until its `end`.
    client : LineClient
    spawn : callable
        Runs a coroutine in the background until the exchange stops.
    """

    def __init__(self, faults: Faults, client: LineClient, spawn: Callable[[Coroutine[Any, Any, None]], object]) -> None:
        self.faults = faults
        self.client = client
        self._spawn = spawn
        faults.lines.add(self)
        self.held: list[Item] = []          # while it is stalled
        self._late: list[tuple[list[int], str, list[Item]]] = []    # [messages still to overtake], channel, overtaken entries
        self._together: list[str] = []
        self._stalls = 0

    def carries(self, symbols: tuple[str, ...]) -> bool:
        """Whether it has a stream of one of these symbols; with none named, any stream."""
        return not symbols or any(name.partition("@")[0].upper() in symbols for name in self.client.names)

    def end(self) -> None:
        """Ends the line after its connection is gone."""
        self.held.clear()
        self.faults.lines.discard(self)

    # -- messages --------------------------------------------------------------------------------------------------

    def carry(self, channel: str, text: str) -> None:
        """Passes one message through the faults that it meets."""
        now = self.faults.elapsed()
        out: list[Item] = [self.faults.stamped(text, self.client.unit)]
        joined = False
        late_before = len(self._late)
        for each in self.faults.on_channel(channel):
            if each.fault.acts_on != "message":
                if each.drawn():
                    self.strike(each)
            elif out and each.meets(now):
                out = self._met(each, channel, out)
                joined = joined or isinstance(each.fault, kinds.OneWrite)
        if self._together and not joined:
            self._write_together()
        self._send(out)
        if self._late[:late_before]:
            self._release(channel, late_before)

    def _met(self, each: Scheduled, channel: str, out: list[Item]) -> list[Item]:
        """The entries that replace a message that meets a fault."""
        fault, text = each.fault, out[0]
        if not isinstance(text, str):       # already replaced by an earlier fault
            each.spared()
            return out
        made = out
        match fault:
            case kinds.Drop() | kinds.Gap():
                made = []
            case kinds.Duplicate(copies=copies):
                made = out + [text] * copies
            case kinds.Reorder(distance=distance):
                self._late.append(([distance], channel, out))
                made = []
            case kinds.Malformed(shape=shape, beside=beside):
                bad = malformed(text, shape, each.rng)
                if bad is None:
                    each.spared()
                    return out
                made = [_binary(bad) if isinstance(bad, bytes) else bad, *(out if beside else [])]
            case kinds.Crossed():
                edited = crossed(text)
                if edited is None:
                    each.spared()
                    return out
                made = [edited, *out[1:]]
            case kinds.Oversize(bytes=size):
                made = [padded(size), *out]
            case kinds.Fragments(parts=parts):
                made = [_in_parts(text, parts), *out[1:]]
            case kinds.OneWrite(count=count):
                self._together.append(text)
                if len(self._together) >= count:
                    self._write_together()
                made = out[1:]
        self.faults.note(each, channel)
        return made

    def _release(self, channel: str, before: int) -> None:
        for entry in self._late[:before]:
            left, of, items = entry
            if of == channel:
                left[0] -= 1
                if left[0] <= 0:
                    self._late.remove(entry)
                    self._send(items)

    def _write_together(self) -> None:
        texts, self._together = self._together, []
        self._send([_in_one_write(texts)])

    def _send(self, items: Iterable[Item]) -> None:
        if self._stalls:
            self.held.extend(items)
            return
        for item in items:
            self.client.put(item)

    # -- the connection --------------------------------------------------------------------------------------------

    def strike(self, each: Scheduled) -> None:
        """Applies a fault to the connection or to the clock, now."""
        fault: kinds.Fault = each.fault
        if isinstance(fault, kinds.ClockStep):
            self.faults.step(each)
            return
        self.faults.note(each, ", ".join(self.client.names)[:80] or "no streams")
        match fault:
            case kinds.Cut():
                reset(self.client.socket.transport)
            case kinds.Stall(for_s=for_s, deaf=deaf):
                self._stall(for_s, deaf)
            case kinds.Shutdown(form=form, lead_s=lead_s):
                form = form if form != "auto" else "combined" if self.client.combined else "raw"
                self.client.put(notice(form, (self.faults.now_ns() + self.faults.step_ns) // MILLISECOND))
                self._spawn(self._close_after(lead_s))

    def _stall(self, for_s: float, deaf: bool) -> None:
        self._stalls += 1
        if deaf:
            self.client.socket.transport.pause_reading()
        asyncio.get_running_loop().call_later(for_s, self._go_on, deaf)

    def _go_on(self, deaf: bool) -> None:
        self._stalls -= 1
        if deaf:
            self.client.socket.transport.resume_reading()
        if not self._stalls:
            held, self.held = self.held, []
            self._send(held)

    async def _close_after(self, lead_s: float) -> None:
        with contextlib.suppress(TimeoutError):     # no wait for a client that leaves by itself, above all at our own end
            async with asyncio.timeout(lead_s):
                await self.client.socket.gone.wait()
        await self.client.socket.close(WSCloseCode.GOING_AWAY, "the server shuts down")


# -- items of a queue that are more than a text to be sent


def _binary(data: bytes) -> Item:
    async def send(socket: StreamConnection) -> None:
        await socket.send(data, WSMsgType.BINARY)

    return send


def _in_parts(text: str, parts: int) -> Item:
    data = text.encode()
    size = max(1, -(-len(data) // parts))
    starts = range(0, len(data), size)

    async def send(socket: StreamConnection) -> None:
        for at in starts:
            kind = WSMsgType.CONTINUATION if at else WSMsgType.TEXT
            await socket.send_frames([frame(kind, data[at : at + size], last=at == starts[-1])])

    return send


def _in_one_write(texts: list[str]) -> Item:
    async def send(socket: StreamConnection) -> None:
        await socket.send_frames(frame(WSMsgType.TEXT, text.encode()) for text in texts)

    return send
