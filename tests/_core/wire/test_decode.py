"""The compiled scanner says what msgspec says and what the naive decoder says, or it says nothing."""

import ctypes
import json
import mmap
from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hft._core.base import status
from hft._core.base.types import Spec
from hft._core.wire.decode import LARGEST_FRAME, Decoder
from hft.venues.binance.messages import load
from tests import data
from tests.frames import HOT, USDM, wrapped
from tests.oracle import decode as oracle
from tests.sizes import examples

OK, FALLBACK = 0, status.CODES["decode_fallback"]
RECV = 1_723_161_255_088_169_167

digits = st.text("0123456789", min_size=1, max_size=12)
decimal_text = st.one_of(digits, st.builds("{}.{}".format, digits, digits))


def expected(frame, specs):
    """What the naive decoder says; None for a frame that is not taken."""
    try:
        return oracle.decode(frame, specs, RECV)
    except oracle.NotTaken:
        return None


def check(frame, specs, stricter=False):
    """Scanner, msgspec and oracle agree on a frame; returns the scanner's code.

    `stricter`: msgspec may refuse more. It wants every value of a repeated key to be right, JSON only the last.
    """
    want, decoder = expected(frame, specs), Decoder(specs)
    code = decoder.decode_frame(frame, RECV)
    assert decoder.message == (want if code == OK else None)
    slow = load(decoder, frame, RECV)
    assert decoder.message == want or (stricter and slow != OK)
    assert (slow == OK) == (decoder.message is not None)
    return code


# -- captures ----------------------------------------------------------------------------------------------------------

CAPTURES = {  # frames by kind, as MANIFEST and the venue's recorders say
    data.SPOT_BTC: {"depth": 3451, "bookTicker": 28040, "trade": 9757, None: 1},
    data.SPOT_NEXO: {"depth": 1188, "bookTicker": 437, "trade": 178, None: 1},
    data.USDM_BTC: {"depth": 6551, "bookTicker": 66089, "trade": 21313, None: 1},
    data.USDM_BTC_2026: {"depth": 9, "aggTrade": 69, None: 2},
}
FIRST_SECONDS = {
    data.SPOT_BTC: {"depth": 200, "bookTicker": 1614, "trade": 333, None: 1},
    data.USDM_BTC: {"depth": 250, "bookTicker": 2693, "trade": 506, None: 1},
}


@pytest.mark.parametrize(
    "name",
    [*(pytest.param(name, marks=pytest.mark.long) if name == data.USDM_BTC else name for name in CAPTURES), data.SPOT_FOUR,
     data.USDM_FOUR],
)  # fmt: skip
def test_scanner_msgspec_and_oracle_agree_on_every_frame_of_every_capture(name):
    specs, kinds = data.SPECS[name], Counter()
    scanner, slow = Decoder(specs), Decoder(specs)
    for frame in data.frames(name):
        want = expected(frame, specs)
        code = scanner.decode_frame(frame, RECV)
        assert code == (OK if want else FALLBACK)       # every hot frame is scanned: none takes the slow path
        assert (load(slow, frame, RECV) == OK) == (want is not None)
        assert scanner.message == slow.message == want
        kinds[want and want.kind] += 1
    if name in CAPTURES:
        assert kinds == (CAPTURES if data.whole(name) else {**CAPTURES, **FIRST_SECONDS})[name]
    assert kinds["depth"]
    assert kinds["bookTicker"] + kinds["aggTrade"]


# -- shapes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", HOT)
def test_a_hot_shape_is_scanned_bare_and_wrapped(case):
    spec, frame = HOT[case]
    assert check(frame, [spec]) == OK
    assert check(wrapped(frame), [spec]) == OK


def test_a_depth_update_in_ticks_quanta_and_nanoseconds():
    spec, frame = HOT["usdm depth"]
    decoder = Decoder([spec])
    decoder.decode_frame(frame, RECV)
    m = decoder.message
    assert (m.kind, m.symbol, m.recv_ns, m.venue_ns) == ("depth", "BTCUSDT", RECV, 1723161256298_000000)
    assert (m.first_id, m.last_id, m.prev_id) == (5123107832006, 5123107837557, 5123107831937)
    assert m.bids == ((587102, 14), (618002, 0))
    assert m.asks == ((618003, 12510),)


def test_microsecond_stamps_are_recognised_by_their_size():
    spec, frame = HOT["spot trade"]
    decoder = Decoder([spec])
    decoder.decode_frame(frame)
    assert decoder.message.venue_ns == 1723161255342123_000


def test_a_trade_that_is_not_of_the_market_is_marked_and_may_be_empty():
    spec, frame = HOT["usdm insurance"]
    decoder = Decoder([spec])
    assert decoder.decode_frame(frame) == OK
    assert decoder.message.not_market
    assert decoder.decode_frame(frame.replace(b'"NA"', b'"MARKET"')) == FALLBACK


def test_unknown_plain_fields_do_not_leave_the_fast_path():
    for case in ("usdm depth", "usdm bookTicker", "usdm trade"):
        spec, frame = HOT[case]
        for extra in (b'"st":2', b'"nq":"0.019"', b'"x":null', b'"y":true', b'"f":-1'):
            assert check(frame[:-1] + b"," + extra + b"}", [spec]) == OK


def test_unknown_fields_of_any_kind_are_ignored():
    spec, frame = HOT["usdm bookTicker"]
    for extra in (b'"venue":{"a":[1,2]}', b'"weight":1.5', b'"note":"\\u20ac \xe2\x82\xac"'):
        assert check(frame[:-1] + b"," + extra + b"}", [spec]) == FALLBACK


def test_white_space_and_another_order_of_fields_take_the_slow_path():
    for spec, frame in HOT.values():
        fields = json.loads(frame)
        assert check(json.dumps(fields).encode(), [spec]) == FALLBACK
        check(json.dumps(dict(reversed(fields.items())), separators=(",", ":")).encode(), [spec])


@pytest.mark.parametrize("count", [1, 2, 64, 300, 1024])
def test_each_symbol_is_found_among_many(count):
    specs = [Spec(f"S{i}{'X' * (i % 16)}USDT", tick="0.01", step="1") for i in range(count)]
    decoder = Decoder(specs)
    for i, spec in enumerate(specs):
        frame = b'{"u":%d,"s":"%s","b":"1.00","B":"1","a":"2.00","A":"1"}' % (i, spec.name.encode())
        assert decoder.decode_frame(frame) == OK
        assert decoder.message.symbol == spec.name
    assert decoder.decode_frame(b'{"u":1,"s":"NONEUSDT","b":"1.00","B":"1","a":"2.00","A":"1"}') == FALLBACK
    with pytest.raises(ValueError, match="already"):
        Decoder([USDM, USDM])


# -- what is not taken ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", HOT)
def test_a_truncated_frame_is_never_taken(case):
    spec, frame = HOT[case]
    for whole in (frame, wrapped(frame)):
        for n in range(len(whole)):
            assert check(whole[:n], [spec]) == FALLBACK


@pytest.mark.parametrize("case", HOT)
def test_what_follows_a_frame_is_never_taken(case):
    spec, frame = HOT[case]
    for tail in (b"}", b"x", b"\x00", b"{}", b" "):
        assert check(frame + tail, [spec]) == FALLBACK


def test_nothing_outside_a_frame_is_read():
    """Each frame, whole and cut, lies between two pages that may not be read: one byte too far ends the process."""
    page, libc = mmap.PAGESIZE, ctypes.CDLL(None)
    memory = mmap.mmap(-1, 3 * page)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for at in (0, 2 * page):
        assert libc.mprotect(ctypes.c_void_p(address + at), ctypes.c_size_t(page), 0) == 0
    taken = 0
    for spec, frame in HOT.values():
        decoder = Decoder([spec])
        for whole in (frame, wrapped(frame)):
            for n in range(1, len(whole) + 1):
                for start in (page, 2 * page - n):
                    view = memoryview(memory)[start : start + n]
                    view[:] = whole[:n]
                    taken += decoder.decode_frame(view) == OK
    assert taken == 4 * len(HOT)


@given(st.data())
@settings(max_examples=examples(1500), deadline=None)
def test_a_damaged_frame_is_refused_or_means_what_it_says(draw):
    """Bytes changed, put in, left out and repeated anywhere: no crash, and no message but the naive decoder's."""
    spec, frame = HOT[draw.draw(st.sampled_from(sorted(HOT)))]
    frame = bytearray(wrapped(frame) if draw.draw(st.booleans()) else frame)
    for _ in range(draw.draw(st.integers(1, 3))):
        at, n = draw.draw(st.integers(0, len(frame) - 1)), draw.draw(st.integers(0, 12))
        piece = draw.draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=3), st.just(bytes(frame[at : at + n]))))
        frame[at : at + draw.draw(st.integers(0, 3))] = piece
        if not frame:
            break
    check(bytes(frame), [spec], stricter=True)


PIECES = [
    b'"', b",", b"[", b"]", b"{", b"}", b":", b".", b"0", b"9", b"-", b"e5", b"\\", b"null", b"\x00", b"\xff",
    b'"u":7,', b'"s":"BTCUSDT",', b'"s":"ETHUSDT",', b'"e":"kline",', b'"pu":5,', b'["1.0","1"],', b'"data":{},', b"00", b"true",
]  # fmt: skip


@given(st.binary(max_size=300))
def test_any_bytes_at_all(frame):
    check(frame, [USDM])


@pytest.mark.parametrize("case", ["usdm depth", "spot depth", "usdm bookTicker", "usdm trade"])
def test_each_field_that_is_needed_is_needed(case):
    spec, frame = HOT[case]
    fields = json.loads(frame)
    optional = {"T", "X", "pu"} if fields.get("e") != "trade" else {"X"}
    optional |= {"E"} if fields.get("e") == "bookTicker" else set()
    for name in fields:
        rest = json.dumps({k: v for k, v in fields.items() if k != name}, separators=(",", ":")).encode()
        taken = check(rest, [spec]) == OK
        assert taken == (name in optional) or name == "e"


@pytest.mark.parametrize("case", HOT)
def test_no_other_key_stands_for_a_field_that_is_needed(case):
    """A `!` is an `a` but for one bit."""
    spec, frame = HOT[case]
    for key in b"EsUubatpqmBA":
        for other in {key ^ 0x40, key ^ 0x20, key ^ 0x60, key & 63, key | 0x80} - set(b'"\\ETsUubatpqmBAX'):
            if other >= 0x20:
                check(frame.replace(b'"%c":' % key, b'"%c":' % other), [spec])


def test_the_origin_of_a_trade_is_a_string():
    spec, frame = HOT["usdm insurance"]
    for origin in (b"1", b"null", b"true"):
        assert check(frame.replace(b'"NA"', origin), [spec]) == FALLBACK


def test_too_many_bytes_or_levels_are_too_large_and_leave_nothing():
    decoder = Decoder([USDM])
    too_large = status.CODES["too_large"]
    head, tail = HOT["usdm depth"][1].split(b"[[")[0], b',"a":[]}'
    level = b'["61800.20","1.000"]'
    most = head + b"[" + b",".join([level] * 16384) + b"]" + tail
    assert decoder.decode_frame(most) == OK
    assert len(decoder.message.bids) == 16384
    more = most.replace(tail, b',"a":[' + level + b"]}")
    for frame in (more, b'{"x":"' + b"x" * LARGEST_FRAME + b'"}'):
        decoder.decode_frame(HOT["usdm trade"][1])
        assert decoder.decode_frame(frame) == too_large
        assert decoder.message is None
        assert load(decoder, frame) == too_large
        assert decoder.message is None


def test_levels_printed_in_many_ways_in_one_message():
    """The scanner tries each level as the one before was printed; whatever changes, the level is the same."""
    spec = Spec("X", tick="0.00000001", step="0.00000001", quantum="0.00000001", instrument="spot")
    numbers = [
        "1", "12345678", "123456789", "0.1", "1.5", "61800.20", "61837.63000000", "12345678.5", "1234567890.00000001",
        "9.99999999", "99999999.99999999", "0.00000001", "00.5", "7.000000000000", "1.00000000000000",
        "1.000000000000000", "2.00000000000000000",
    ]  # fmt: skip
    levels = [[p, q] for p in numbers for q in [*numbers, "0"]]
    for some in (levels, levels[::-1], [level for level in levels for _ in "12"]):
        text = json.dumps({"e": "depthUpdate", "E": 1, "s": "X", "U": 1, "u": 2, "b": some, "a": some[:3]}, separators=(",", ":"))
        assert check(text.encode(), [spec]) == OK


@given(st.lists(st.tuples(decimal_text, decimal_text), min_size=1, max_size=12))
@settings(max_examples=examples(300))
def test_any_levels(levels):
    spec = Spec("X", tick="0.01", step="0.001", quantum="0.00001", instrument="spot")
    text = json.dumps({"e": "depthUpdate", "E": 1, "s": "X", "U": 1, "u": 2, "b": levels, "a": []}, separators=(",", ":"))
    check(text.encode(), [spec])


def test_an_empty_frame_and_other_buffers():
    decoder = Decoder([USDM])
    frame = HOT["usdm trade"][1]
    assert decoder.decode_frame(b"") == FALLBACK
    assert decoder.decode_frame(memoryview(b"##" + frame + b"##")[2:-2]) == OK
    assert decoder.decode_many([frame, b"", frame]) == 2


# -- decimals ----------------------------------------------------------------------------------------------------------

UNITS = ["0.00000001", "0.0001", "0.05", "0.1", "0.10", "0.25", "0.3", "1", "2.5", "7", "10", "1000", "0.000000000000000001"]



def read_price(unit, text):
    """A price as the scanner reads it and as msgspec's path does: ticks, or None where it is refused."""
    spec = Spec("X", tick=unit, step="1")
    decoder = Decoder([spec])
    frame = b'{"u":1,"s":"X","b":"%s","B":"1","a":"0","A":"1"}' % text.encode()
    fast = decoder.message.price if decoder.decode_frame(frame) == OK else None
    code = decoder.load_book_ticker("X", 1, text, "1", "0", "1")
    slow = decoder.message.price if code == OK else None
    assert fast == slow
    assert code in (OK, status.CODES["bad_number"])
    return fast


@given(st.sampled_from(UNITS), decimal_text)
@example("0.1", "0.0")
@example("0.00000001", "99999999.99999999")
@example("0.00000001", "9999999999.99999999")
@example("0.000000000000000001", "9.22337203685477580")
@example("0.000000000000000001", "9.22337203685477581")
@example("0.05", "12345678.05")
@example("1000", "000000000000001000")
@settings(max_examples=examples(2000))
def test_a_decimal_is_exact_or_refused(unit, text):
    try:
        want = oracle.number(text, Decimal(unit))
    except oracle.NotTaken:
        want = None
    assert read_price(unit, text) == want


@given(st.sampled_from(UNITS), st.integers(0, 10**12))
def test_every_multiple_of_the_tick_comes_back(unit, count):
    text = f"{count * Decimal(unit):f}"
    if len(text.replace(".", "")) <= 18:
        assert read_price(unit, text) == count


@pytest.mark.parametrize("text", [
    "", "-1", "+1", "1e3", "1E3", "NaN", "Infinity", ".5", "5.", "1..2", "1.2.3", " 1", "1 ", "0x1", "1_000", "１２", "1,5",
    "123456789012345678901", "0.1234567890123456789", "0.05", "61800.25",
])  # fmt: skip
def test_what_is_no_number_on_the_tick_is_refused(text):
    assert read_price("0.1", text) is None
