"""Checks of the decoders of messages: the compiled scanner, msgspec's path, and the naive one say the same, or nothing.

A check takes any bytes. It returns how much of them was taken, and raises where something is wrong; what a decoder may raise
of itself is part of what is checked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from hft._core.base import status
from hft._core.wire.decode import Decoder, MarketMessage
from hft.exchange import streams
from hft.venues.binance import messages
from hft.venues.binance.messages import DepthSnapshot, Rejected
from hft.venues.binance.venues import USDM
from tests.fuzz.seeds import SPECS
from tests.oracle import decode as oracle

OK = 0
SCANNED = {OK, status.CODES["decode_fallback"], status.CODES["too_large"]}
LOADED = {
    OK, *(status.CODES[name] for name in (
        "bad_json", "bad_shape", "bad_number", "unknown_event", "unknown_symbol", "too_large", "ignored_event")),
}  # fmt: skip
REJECTED = {status.CODES[name] for name in ("bad_json", "bad_shape", "unknown_event", "too_large")}
RECV = 1_723_161_255_088_169_167


def expected(frame: bytes) -> MarketMessage | None:
    """What the naive decoder makes of a frame; None for one that may not be applied."""
    try:
        return oracle.decode(frame, SPECS, RECV)
    except oracle.NotTaken:
        return None


def ambiguous(frame: bytes) -> bool:
    """Whether JSON leaves open what a frame means: a key that is there twice, maybe half of a surrogate pair."""
    repeated = []

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        repeated.append(len(dict(pairs)) < len(pairs))
        return dict(pairs)

    try:
        json.loads(frame, object_pairs_hook=once)
    except (ValueError, RecursionError):
        return False
    return any(repeated) or re.search(rb"\\u[dD][89a-fA-F]", frame) is not None


class Frames:
    """Frames, one a line, through a scanner; those that it takes through the others as well.

    Parameters
    ----------
    make : callable
        The kind of Decoder, from the specs.
    thorough : bool
        Those that it hands back too.
    """

    def __init__(self, make: Callable[[list], Decoder] = Decoder, thorough: bool = True) -> None:
        self.decoder = make(SPECS)
        self.slow = Decoder(SPECS)
        self.thorough = thorough

    def __call__(self, data: bytes) -> int:
        self.decoder.clear()
        return sum([self.one(frame) for frame in data.split(b"\n")])

    def one(self, frame: bytes) -> bool:
        code = self.decoder.decode_frame(frame, RECV)
        message = self.decoder.message
        assert code in SCANNED, code
        assert (message is not None) == (code == OK), "a frame that was not taken left something behind"
        if code == OK or self.thorough:
            want, slow = expected(frame), messages.load(self.slow, frame, RECV)
            assert slow in LOADED, slow
            if code == OK:
                assert message == want, f"the scanner says {message}, plain JSON {want}"
            if slow == OK or not ambiguous(frame):
                assert self.slow.message == want, f"msgspec's path says {self.slow.message}, plain JSON {want}"
            assert (self.slow.message is not None) == (slow == OK)
        return code == OK


class Client:
    """What a control frame can change."""

    def __init__(self) -> None:
        self.combined = False
        self.names: dict[str, None] = {}

    def subscribe(self, name: str) -> None:
        self.names[name] = None

    def unsubscribe(self, name: str) -> None:
        self.names.pop(name, None)


def control(data: bytes) -> bool:
    """A control frame gets one answer, whatever it is: what was asked for, or the venue's words for why not."""
    client = Client()
    reply = json.loads(streams.answer(client, data, USDM))
    assert reply.keys() in ({"result", "id"}, {"error", "id"})
    assert client.names == {} or json.loads(data)["method"] == "SUBSCRIBE"
    return "result" in reply


class Messages:
    """`messages.decode`: a message, or Rejected with a reason; a book among them is the naive decoder's in every level."""

    def __init__(self) -> None:
        self.decoder = Decoder(SPECS)

    def __call__(self, data: bytes) -> int:
        reject = None
        try:
            taken = messages.decode(data)
        except Rejected as error:
            reject = error
        if reject:
            assert reject.code in REJECTED, reject
            return 0
        if isinstance(taken, DepthSnapshot):
            self.book(taken, data)
        return 1

    def book(self, taken: DepthSnapshot, data: bytes) -> None:
        stamp = next((t for t in (taken.transaction_time, taken.event_time) if t is not None), 0)
        for spec in SPECS:
            code = self.decoder.load_snapshot(spec.name, taken.last_update_id, taken.bids, taken.asks, stamp, RECV)
            try:
                want = oracle.snapshot(data, spec, RECV)
            except oracle.NotTaken:
                want = None
            assert code in LOADED, code
            assert (self.decoder.message is not None) == (code == OK)
            assert self.decoder.message == want or ambiguous(data), f"{self.decoder.message}, plain JSON {want}"
