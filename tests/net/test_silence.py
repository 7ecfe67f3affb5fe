"""A connection that says nothing is asked, and opened anew when it does not answer or its subscriptions are gone."""

import msgspec

from hft.net.line import Timing
from tests.net.running import Market, Running
from tests.net.wire import PING, PONG, TEXT, WireServer, eventually, frame

SOON = Timing(silent_after_s=0.1)              # asked soon, and time to answer however busy the machine is
HASTY = Timing(silent_after_s=0.1, answer_s=0.1)


async def test_a_quiet_connection_that_answers_is_kept(transport):
    """Fault case 13: a quiet symbol is not a dead one."""
    requests = []

    async def script(peer):
        while True:
            request = await peer.request()
            requests.append(request["method"])
            streams = ["btcusdt@depth@100ms", "btcusdt@bookTicker", "btcusdt@trade"]
            await peer.write(frame(msgspec.json.encode({"result": streams, "id": request["id"]})))

    market = Market()
    async with WireServer(script) as server, Running(server.url, market, timing=SOON, transport=transport) as running:
        await eventually(lambda: running.kinds().count("quiet") >= 3)
        assert len(server.peers) == 1
        assert market.reported == [("connect", "BTCUSDT")]
    assert set(requests) == {"LIST_SUBSCRIPTIONS"}


async def test_a_pong_alone_is_answer_enough(transport):
    async def script(peer):
        while True:
            opcode, payload = await peer.read()
            if opcode == PING:
                await peer.write(frame(payload, PONG))

    market = Market()
    async with WireServer(script) as server, Running(server.url, market, timing=SOON, transport=transport) as running:
        await eventually(lambda: running.kinds().count("quiet") >= 2)
        assert len(server.peers) == 1


async def test_a_connection_that_does_not_answer_is_opened_anew(transport):
    questions = []

    async def deaf(peer):
        while True:
            opcode, _ = await peer.read()
            if opcode == TEXT:
                questions.append(peer)

    market = Market()
    async with WireServer(deaf) as server, Running(server.url, market, timing=HASTY, transport=transport) as running:
        await eventually(lambda: len(server.peers) >= 2)
        assert questions[0] is server.peers[0]          # asked before it was given up
        assert market.reported[:2] == [("connect", "BTCUSDT"), ("disconnect", "BTCUSDT")]
        assert running.kinds()[:3] == ["connected", "silent", "disconnected"]
        assert "no answer" in running.events[2].text


async def test_a_venue_that_forgot_the_subscription_is_connected_to_anew():
    async def forgetful(peer):
        request = await peer.request()
        await peer.write(frame(msgspec.json.encode({"result": [], "id": request["id"]})))
        await peer.until_gone()

    async with WireServer(forgetful) as server, Running(server.url, Market(), timing=SOON) as running:
        await eventually(lambda: len(server.peers) >= 2)
        down = next(event for event in running.events if event.kind == "disconnected")
        assert down.text == "3 of 3 streams are not subscribed to"
