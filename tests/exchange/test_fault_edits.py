"""What faults do to the text of a message."""

import json
from random import Random

import pytest

from hft.exchange.fault_edits import MALFORMED, crossed, malformed, notice, padded, stepped

DEPTH = '{"e":"depthUpdate","E":1700000000000,"s":"BTCUSDT","U":3,"u":7,"b":[["99.5","1.0"],["99","0.0"]],"a":[["100.5","2.0"]]}'
TICKER = '{"u":7,"s":"BTCUSDT","b":"99.5","B":"1.0","a":"100.5","A":"2.0"}'


@pytest.mark.parametrize("shape", MALFORMED)
def test_each_shape_is_the_sound_message_with_one_thing_wrong(shape):
    made = malformed(DEPTH, shape, Random(3))
    if shape == "truncated":
        assert DEPTH.startswith(made)
        assert len(made) < len(DEPTH)
        return
    if shape == "binary":
        with pytest.raises(UnicodeDecodeError):
            made.decode()
        return
    sound, bad = json.loads(DEPTH), json.loads(made)
    assert [key for key in sound if sound.get(key) != bad.get(key)] in (
        [["b"], ["a"]] if shape in ("nan", "infinite", "negative", "long_price") else
        [{"no_first_id": ["U"], "unknown_event": ["e"], "wrong_symbol": ["s"]}[shape]]
    )


def test_a_message_that_lacks_what_a_shape_needs_is_left_alone():
    assert malformed(TICKER, "unknown_event", Random(1)) is None
    assert malformed(TICKER, "no_first_id", Random(1)) is None


def test_any_shape_is_chosen_by_the_generator():
    chosen = [[malformed(DEPTH, "any", rng) for _ in range(40)] for rng in (Random(5), Random(5), Random(6))]
    assert chosen[0] == chosen[1] != chosen[2]
    assert len(set(chosen[0])) > 15


def test_a_crossed_update_has_a_bid_at_its_own_ask():
    update = json.loads(crossed(DEPTH))
    assert update["b"][0] == ["100.5", "2.0"]
    assert update["b"][1:] == json.loads(DEPTH)["b"]
    assert crossed('{"b":[],"a":[["100","0.000"]]}') is None
    assert json.loads(crossed('{"b":[],"a":[["100","1"]]}'))["b"] == [["100", "1"]]


def test_stamps_step_and_change_their_unit():
    assert json.loads(stepped(DEPTH, 3600 * 10**9, 10**6))["E"] == 1700003600000
    assert json.loads(stepped(DEPTH, 0, 10**6, microseconds=True))["E"] == 1700000000000000
    assert stepped(TICKER, 10**9, 10**6) == TICKER


@pytest.mark.parametrize("form", ["raw", "combined", "event"])
def test_a_notice_holds_the_event_in_each_form(form):
    text = json.loads(notice(form, 5))
    event = {"raw": text, "combined": text.get("data"), "event": text.get("event")}[form]
    assert event == {"e": "serverShutdown", "E": 5}


def test_an_oversized_frame_is_as_long_as_requested_and_sound():
    assert len(padded(1000)) == 1000
    assert json.loads(padded(1000))["e"] == "oversize"
