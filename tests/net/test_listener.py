"""Frames from a real socket to a sink: stamps per read, fragments, pings, oversize, exceptions."""

import asyncio

import pytest

from hft._core.base.runclock import RunClock
from hft._core.wire.sink import FrameCounter, FrameSink
from hft.net.listener import UNREAD, Listener
from hft.net.transports import connect
from hft.venues.embedded import CloseFrame
from tests.net.wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, WireServer, eventually, frame


class Owner:
    """Stands where a `Connection` stands."""

    def __init__(self, sink):
        self.sink = sink
        self.closed = None
        self.checks = 0
        self.pongs = 0
        self.errors = []
        self.controls = []

    def on_open(self, listener):
        self.listener = listener

    def on_closed(self, why, frame):
        self.closed, self.close_frame = why, frame

    def on_check(self):
        self.checks += 1

    def on_control(self, frame):
        self.controls.append(frame)

    def on_pong(self):
        self.pongs += 1

    def on_error(self, error):
        self.errors.append(error)


class Recorder(FrameSink):
    def __init__(self, answer=lambda frame: 0):
        self.answer = answer
        self.seen = []

    def on_other(self, frame, now_ns):
        self.seen.append((frame, now_ns))
        return self.answer(frame)

    @property
    def frames(self):
        return [frame for frame, _ in self.seen]


async def listen(script, sink, transport="picows", until=None, **options):
    """Runs `script` as the venue, until `until(owner)` holds or the venue has closed; the owner."""
    async with WireServer(script) as server:
        owner = Owner(sink)
        listener = Listener(sink, RunClock(), owner, **options)
        link = await connect(transport, server.url, listener)
        await eventually(lambda: owner.closed is not None or (until is not None and until(owner)), f"{until} or a close")
        await link.close()
        assert owner.closed is not None
        return owner


async def test_messages_arrive_whole_and_in_order(transport):
    sent = [f'{{"n":{n},"pad":"{"x" * n * 700}"}}'.encode() for n in range(100)]

    async def script(peer):
        await peer.write(*map(frame, sent))
        await peer.until_gone()

    sink = Recorder()
    await listen(script, sink, transport, until=lambda _: len(sink.seen) == 100)
    assert sink.frames == sent


async def test_all_frames_of_one_read_share_one_now():
    async def script(peer):
        for burst in range(5):
            await peer.write(*(frame(f"{burst}") for _ in range(200)))
            await peer.read()           # the client has handled this burst: the next one is another read

    class Acknowledging(Recorder):
        def on_other(self, frame, now_ns):
            super().on_other(frame, now_ns)
            if len(self.seen) % 200 == 0:
                self.owner.listener.transport.send_ping()
            return 0

    sink = Acknowledging()
    async with WireServer(script) as server:
        sink.owner = Owner(sink)
        link = await connect("picows", server.url, Listener(sink, RunClock(), sink.owner))
        await eventually(lambda: sink.owner.closed is not None)
        await link.close()
    stamps = {burst: {now for frame, now in sink.seen if frame == b"%d" % burst} for burst in range(5)}
    assert [len(each) for each in stamps.values()] == [1] * 5
    firsts = [min(each) for each in stamps.values()]
    assert firsts == sorted(set(firsts))
    assert sink.owner.listener.reads == 5


async def test_a_ping_that_ends_a_read_does_not_lend_its_stamp_to_the_next():
    async def script(peer):
        await peer.write(frame("first"), frame(b"are you there", PING))
        opcode, payload = await peer.read()
        assert (opcode, payload) == (PONG, b"are you there")
        await peer.write(frame("second"))
        await peer.until_gone()

    sink = Recorder()
    owner = await listen(script, sink, until=lambda _: len(sink.seen) == 2)
    (_, first), (_, second) = sink.seen
    assert second > first
    assert owner.listener.reads == 2


async def test_fragments_are_put_together(transport):
    async def script(peer):
        await peer.write(frame("whole"), frame("one ", TEXT, False), frame("two ", CONTINUATION, False))
        await peer.write(frame(b"", PING), frame("three", CONTINUATION), frame("x" * 70_000, TEXT, False))
        await peer.write(frame("y" * 70_000, CONTINUATION), frame("after", BINARY))
        await peer.until_gone()

    sink = Recorder()
    await listen(script, sink, transport, until=lambda _: len(sink.seen) == 4)
    assert sink.frames == [b"whole", b"one two three", b"x" * 70_000 + b"y" * 70_000, b"after"]


@pytest.mark.parametrize(
    "broken",
    [(frame("no start", CONTINUATION),), (frame("a start", TEXT, False), frame("another", TEXT))],
    ids=["continuation without a start", "start within a message"],
)
async def test_broken_fragments_close_the_connection(broken, transport):
    async def script(peer):
        await peer.write(*broken, frame("never seen"))
        await peer.until_gone()

    sink = Recorder()
    owner = await listen(script, sink, transport)
    assert b"never seen" not in sink.frames
    assert not owner.errors


@pytest.mark.parametrize("text", [CloseFrame(1000, "end of the recording"), CloseFrame(1001), None])
async def test_what_the_venue_closed_with_is_reported(text, transport):
    async def script(peer):
        if text is not None:
            await peer.write(frame(text.code.to_bytes(2, "big") + text.reason.encode(), CLOSE))

    assert (await listen(script, Recorder(), transport)).close_frame == text


async def test_words_about_the_connection_go_to_its_owner_besides(transport):
    words = [b'{"result":null,"id":1}', b'{"e":"serverShutdown","E":1}', b'{"error":{"code":1,"msg":"no"},"id":2}']

    async def script(peer):
        await peer.write(*map(frame, [words[0], b'{"other":1}', *words[1:]]))
        await peer.until_gone()

    sink = Recorder()
    owner = await listen(script, sink, transport, until=lambda _: len(sink.seen) == 4)
    assert owner.controls == words
    assert sink.frames == [words[0], b'{"other":1}', *words[1:]]


@pytest.mark.parametrize("pieces", [1, 4], ids=["one frame", "fragments"])
async def test_a_message_beyond_the_limit_closes_the_connection(pieces, transport):
    async def script(peer):
        piece = "x" * (4096 // pieces + 1)
        kinds = [TEXT] + [CONTINUATION] * (pieces - 1)
        await peer.write(*(frame(piece, kind, n == pieces - 1) for n, kind in enumerate(kinds)), frame("never seen"))
        await peer.until_gone()

    sink = Recorder()
    owner = await listen(script, sink, transport, max_message=4096)
    assert sink.frames == []
    assert "closed here (1009" in owner.closed


async def test_the_largest_message_there_may_be_is_taken(transport):
    async def script(peer):
        await peer.write(frame("x" * 4096))
        await peer.until_gone()

    sink = Recorder()
    await listen(script, sink, transport, until=lambda _: sink.seen, max_message=4096)
    assert sink.frames == [b"x" * 4096]


async def test_attention_comes_once_a_read_and_after_it():
    async def script(peer):
        await peer.write(*(frame(name) for name in ("a", "look", "b", "look", "c")))
        await peer.until_gone()

    sink = Recorder(lambda message: FrameSink.CHECK if message == b"look" else 0)
    owner = await listen(script, sink, until=lambda owner: owner.checks)
    assert sink.frames == [b"a", b"look", b"b", b"look", b"c"]
    assert owner.checks == 1


async def test_a_compiled_sink_needs_no_python_per_message():
    async def script(peer):
        for _ in range(10):
            await peer.write(*(frame("x" * 100) for _ in range(100)))
        await peer.until_gone()

    sink = FrameCounter()
    owner = await listen(script, sink, until=lambda _: sink.frames == 1000)
    assert sink.bytes == 100_000
    assert owner.listener.frames == 1000
    assert owner.listener.handed_on == 0


async def test_an_exception_of_the_sink_reaches_the_owner_and_nothing_comes_after_it(transport):
    def answer(message):
        if message == b"bad":
            raise ZeroDivisionError("in the strategy")
        return 0

    async def script(peer):
        await peer.write(frame("good"), frame("bad"), frame("never seen"))
        await peer.until_gone()

    sink = Recorder(answer)
    owner = await listen(script, sink, transport)
    assert sink.frames == [b"good", b"bad"]
    assert [str(error) for error in owner.errors] == ["in the strategy"]


async def test_why_a_connection_went_is_reported(transport):
    async def closing(peer):
        await peer.write(frame(b"\x03\xe9server maintenance", CLOSE))
        await peer.until_gone()

    owner = await listen(closing, Recorder(), transport)
    assert "1001" in owner.closed
    assert "server maintenance" in owner.closed

    async def cut(peer):
        peer.cut()

    owner = await listen(cut, Recorder(), transport)
    assert owner.closed == "connection lost"


async def test_pongs_are_reported(transport):
    async def script(peer):
        opcode, payload = await peer.read()
        assert opcode == PING
        await peer.write(frame(payload, PONG))
        await peer.until_gone()

    async with WireServer(script) as server:
        owner = Owner(Recorder())
        link = await connect(transport, server.url, Listener(owner.sink, RunClock(), owner))
        link.ping()
        await eventually(lambda: owner.pongs == 1, "a pong")
        await link.close()


async def test_closing_towards_a_peer_that_does_not_answer_ends(transport, monkeypatch):
    monkeypatch.setattr("hft.net.transports.CLOSE_S", 0.05)
    deaf = asyncio.Event()

    async def script(peer):
        await deaf.wait()

    async with WireServer(script) as server:
        owner = Owner(Recorder())
        link = await connect(transport, server.url, Listener(owner.sink, RunClock(), owner))
        await link.close()
        assert owner.closed is not None
        deaf.set()


async def test_a_venue_that_pings_and_never_reads_is_given_up(transport):
    """Its pongs would be kept without end."""
    sent = 0

    async def script(peer):
        nonlocal sent
        pings = b"".join(frame(b"x" * 125, PING) for _ in range(500))
        while True:
            await peer.write(pings)
            sent += len(pings)

    owner = await listen(script, FrameCounter(), transport)
    assert owner.closed == UNREAD
    assert sent < 64 << 20      # two sockets' buffers of it were answered, and no more


async def test_a_link_to_a_venue_that_does_not_read_closes(transport, monkeypatch):
    """What we would still send it has no room, so that no closing handshake can begin."""
    monkeypatch.setattr("hft.net.transports.CLOSE_S", 0.05)

    async def script(peer):
        await asyncio.sleep(3600)

    async with WireServer(script) as server:
        owner = Owner(Recorder())
        link = await connect(transport, server.url, Listener(owner.sink, RunClock(), owner))
        for _ in range(40):
            link.send("x" * (1 << 19))
        await asyncio.sleep(0)
        await link.close()
        assert owner.closed is not None
