"""Endpoints and stream names, as the venue's documentation writes them."""

import pytest

from hft.config import Config
from hft.errors import UsageError
from hft.exchange.streams import endpoint
from hft.net.feed import plan
from hft.venues.binance.venues import COINM, PROTOCOLS, SPOT, USDM, VENUES, depth_stream, venue_at, venue_named

SPOT_VENUE = venue_named("binance-spot")
USDM_VENUE = venue_named("binance-usdm")


def test_spot_has_one_endpoint_for_all_streams():
    streams = SPOT_VENUE.streams("BTCUSDT")
    assert streams == {"": ["btcusdt@depth@100ms", "btcusdt@bookTicker", "btcusdt@trade"]}
    assert SPOT_VENUE.stream_url(streams[""]) == (
        "wss://stream.binance.com:9443/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@trade"
    )


def test_usdm_splits_its_streams_over_public_and_market():
    streams = USDM_VENUE.streams("BTCUSDT", depth_ms=0, trades="aggTrade")
    assert streams == {"/public": ["btcusdt@depth@0ms", "btcusdt@bookTicker"], "/market": ["btcusdt@aggTrade"]}
    assert USDM_VENUE.stream_url([], "/public") == "wss://fstream.binance.com/public/stream"


def test_an_address_given_is_taken_as_it_stands():
    venue = venue_at("http://127.0.0.1:1/", "ws://127.0.0.1:2/")
    assert venue.streams("BTCUSDT") == {"": ["btcusdt@depth@100ms", "btcusdt@bookTicker", "btcusdt@trade"]}
    assert venue.stream_url(["a", "b"]) == "ws://127.0.0.1:2/stream?streams=a/b"
    assert venue.rest_url("ping") == "http://127.0.0.1:1/fapi/v1/ping"
    named = venue_named("binance-usdm", ws="wss://proxy.example:9443")
    assert named.stream_url([]) == "wss://proxy.example:9443/stream"
    assert named.rest == USDM_VENUE.rest
    assert not named.routes


@pytest.mark.parametrize(
    ("protocol", "ms", "name"),
    [
        (SPOT, 100, "depth@100ms"), (SPOT, 1000, "depth"), (USDM, 250, "depth"), (USDM, 0, "depth@0ms"),
        (COINM, 500, "depth@500ms"),
    ],
)
def test_depth_streams_are_named_by_cadence(protocol, ms, name):
    assert depth_stream(protocol, ms) == name


@pytest.mark.parametrize(("protocol", "ms"), [(SPOT, 0), (SPOT, 250), (USDM, 1000)])
def test_a_cadence_that_a_protocol_does_not_have_is_refused(protocol, ms):
    with pytest.raises(UsageError, match=f"no depth stream every {ms} ms on {protocol.name}; take one of"):
        depth_stream(protocol, ms)


@pytest.mark.parametrize(
    ("make", "states"),
    [
        (lambda: venue_named("binance-sport"), "binance-sport: no such venue; take one of binance-spot"),
        (lambda: venue_at("127.0.0.1:1", "ws://x"), "127.0.0.1:1: not an address of this kind; start it with http://"),
        (lambda: venue_at("http://x", "http://y"), "http://y: not an address of this kind; start it with ws://"),
        (lambda: venue_at("http://x", "ws://y", "swap"), "unknown protocol 'swap'; take one of binance-spot, binance-usdm"),
    ],
)
def test_mistakes_are_one_line_that_says_what_to_do(make, states):
    with pytest.raises(UsageError) as mistake:
        make()
    assert states in str(mistake.value)
    assert mistake.value.exit_code == 2


def test_snapshot_weights_are_the_documented_ones():
    assert [SPOT.depth_weight(limit) for limit in (5, 100, 500, 1000, 5000)] == [5, 5, 25, 50, 250]
    assert [USDM.depth_weight(limit) for limit in (50, 100, 500, 1000)] == [2, 5, 10, 20]
    assert (SPOT.depth_limit, USDM.depth_limit) == (5000, 1000)


def test_settings_and_table_agree():
    for name in ("binance-spot", "binance-usdm"):
        assert name in VENUES
        assert Config().feed.depth_speed_ms in VENUES[name].protocol.depth_ms
    assert set(PROTOCOLS) == {venue.protocol.name for venue in VENUES.values()}


def test_a_plan_holds_every_stream_once_and_keeps_to_the_limit():
    symbols = [f"SYM{n}USDT" for n in range(50)]
    planned = plan(USDM_VENUE, symbols, 20, depth_ms=100, trades="aggTrade")
    streams = [stream for _, _, streams, _ in planned for stream in streams]
    assert len(streams) == len(set(streams)) == 150
    assert max(len(streams) for _, _, streams, _ in planned) <= 20
    assert len({name for name, *_ in planned}) == len(planned)
    for _, route, streams, names in planned:
        wanted = [stream for name in names for stream in USDM_VENUE.streams(name)[route]]
        assert streams == wanted


def test_names_are_percent_encoded_in_addresses():
    """A header of HTTP is ASCII; `@`, `/` and `!` stand for themselves in the venue's stream names."""
    venue = venue_named("binance-usdm")
    streams = venue.streams("币安人生USDT")["/public"]
    assert streams == ["币安人生usdt@depth@100ms", "币安人生usdt@bookTicker"]
    url = venue.stream_url(streams, "/public")
    assert url.isascii()
    assert endpoint(url.removeprefix("wss://fstream.binance.com")).streams == streams
    assert endpoint("/ws/%E5%B8%81usdt@trade").streams == ["币usdt@trade"]
    assert venue.depth_url("币USDT", 500) == "https://fapi.binance.com/fapi/v1/depth?symbol=%E5%B8%81USDT&limit=500"
