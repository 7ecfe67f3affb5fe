"""The frames of a new connection, held until it takes over from the old one."""

from __future__ import annotations

from collections.abc import Callable

from hft._core.engine.engine import Engine
from hft._core.wire.sink import FrameSink, deliver
from hft.venues.live import AggTrade, DepthUpdate, RawTrade, Rejected, decode

HELD_BYTES = 16 << 20
"""Most bytes held; a connection that exceeds this during a handover takes over at once."""
FRAME_BYTES = 64
"""Approximate memory of a held frame besides its own bytes."""


class Handover(FrameSink):
    """Holds a new connection's frames, in order, while the old connection still delivers.

    Parameters
    ----------
    engine : Engine
        Its last update and trade ids decide what is missing.
    on_full : callable
        Called when `limit` bytes are held; `release` is due then.
    limit : int
        Bytes, including the overhead of each frame.
    """

    def __init__(self, engine: Engine, on_full: Callable[[], None], limit: int = HELD_BYTES) -> None:
        self.held: list[bytes] = []
        self.bytes = 0
        self._engine = engine
        self._on_full = on_full
        self._limit = limit
        self._depths: dict[str, DepthUpdate] = {}           # the first held update of each symbol
        self._trades: dict[str, RawTrade | AggTrade] = {}

    def on_other(self, frame: bytes, now_ns: int) -> int:
        self.held.append(frame)
        self.bytes += len(frame) + FRAME_BYTES
        self._note(frame)
        if self.bytes >= self._limit:
            self._on_full()
        return 0

    def _note(self, frame: bytes) -> None:
        try:
            message = decode(frame)
        except Rejected:
            return                  # the engine will reject it
        if isinstance(message, DepthUpdate):
            self._depths.setdefault(message.symbol, message)
        elif isinstance(message, RawTrade | AggTrade):
            self._trades.setdefault(message.symbol, message)

    def continues(self) -> bool:
        """Whether nothing is missing between the engine's state and the held frames, which may overlap."""
        return all(map(self._depth_continues, self._depths.values())) and all(map(self._trade_continues, self._trades.values()))

    def _depth_continues(self, first: DepthUpdate) -> bool:
        if not self._engine.synced(first.symbol):
            return True             # no book to continue
        book_id = self._engine.update_id(first.symbol)
        return first.first_id <= book_id + 1 if first.prev_id is None else first.prev_id <= book_id

    def _trade_continues(self, first: RawTrade | AggTrade) -> bool:
        newest = self._engine.trade_id(first.symbol)
        return newest == 0 or first.trade_id <= newest + 1

    def release(self, sink: FrameSink, now_ns: int) -> int:
        """Delivers all frames, in order, as one read at `now_ns`; returns the sink's requests (FrameResult bits)."""
        requested = 0
        for frame in self.held:
            requested |= deliver(sink, frame, now_ns)
        self.held.clear()
        return requested
