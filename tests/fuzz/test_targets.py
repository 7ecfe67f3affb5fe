"""What is fuzzed at length by `tests.fuzz.run`, held for a few hundred inputs in every run of the tests."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hft._core.wire.decode import Decoder
from hft.data import captures
from hft.venues.binance import messages
from tests.fuzz import decoders, readers
from tests.fuzz.seeds import WORDS
from tests.fuzz.targets import targets
from tests.sizes import examples

TARGETS = targets(Path())
NAMES = sorted(TARGETS)
SEEDS = {name: sorted(set(target.seeds())) for name, target in TARGETS.items()}


@pytest.fixture(scope="module")
def checks(tmp_path_factory):
    return {name: target.check for name, target in targets(tmp_path_factory.mktemp("fuzz")).items()}


@st.composite
def mutated(draw, name):
    """A seed with bytes changed, put in, left out and repeated."""
    data = bytearray(draw(st.sampled_from(SEEDS[name])))
    for _ in range(draw(st.integers(0, 3))):
        at, n = draw(st.integers(0, len(data))), draw(st.integers(0, 12))
        piece = draw(st.one_of(st.sampled_from(WORDS), st.binary(max_size=3), st.just(bytes(data[at : at + n]))))
        data[at : at + draw(st.integers(0, 3))] = piece
    return bytes(data)


@pytest.mark.parametrize("name", NAMES)
def test_each_target_takes_what_it_begins_with(checks, name):
    taken = [seed for seed in SEEDS[name] if checks[name](seed)]
    assert len(taken) >= len(SEEDS[name]) // 3


@pytest.mark.parametrize("name", NAMES)
@given(st.data())
@settings(max_examples=examples(200), deadline=None)
def test_whatever_comes_is_taken_as_plain_code_takes_it_or_refused(checks, name, draw):
    checks[name](draw.draw(st.one_of(st.binary(max_size=200), mutated(name))))


def test_the_shares_of_a_run_make_a_whole():
    assert sum(target.share for target in TARGETS.values()) == pytest.approx(1)


# -- a check that finds nothing is worth nothing -----------------------------------------------------------------------


def finds(check, name):
    """Whether something is found with what a target begins with."""
    try:
        for seed in SEEDS[name]:
            check(seed)
    except AssertionError:
        return True
    return False


class OffByOne(Decoder):
    """Says what the scanner says, but for a price."""

    @property
    def message(self):
        printed = Decoder.message.__get__(self)
        return printed and replace(printed, price=printed.price + 1)


class Keeps(Decoder):
    """Leaves the last message standing when a frame is refused."""

    def decode_frame(self, frame, recv_ns=0):
        return super().decode_frame(frame, recv_ns) and super().decode_frame(SEEDS["scanner"][-1], recv_ns) and 3


@pytest.mark.parametrize("make", [OffByOne, Keeps])
def test_a_scanner_that_is_wrong_is_found(make):
    check = decoders.Frames(make)
    assert finds(check, "scanner")


def test_a_slow_path_that_is_wrong_is_found(checks, monkeypatch):
    load = messages.load
    monkeypatch.setattr(messages, "load", lambda decoder, frame, ns: load(decoder, frame.replace(b"8", b"9"), ns))
    assert finds(checks["frames"], "frames")


def test_a_book_that_is_wrong_is_found(checks, monkeypatch):
    decode = messages.decode
    monkeypatch.setattr(messages, "decode", lambda data: decode(data.replace(b"2", b"4")))
    assert finds(checks["messages"], "messages")


@pytest.mark.parametrize("part", ["stamp_ns", "_in_stamp_order", "_kind"])
def test_a_reader_that_is_wrong_is_found(checks, monkeypatch, part):
    right = getattr(captures, part)
    wrong = {
        "stamp_ns": lambda text: right(text) + 1, "_in_stamp_order": lambda records, most=0: iter(list(records)[1:]),
        "_kind": lambda data: captures.Kind((right(data) + 1) % 4),
    }  # fmt: skip
    monkeypatch.setattr(captures, part, wrong[part])
    assert finds(checks["captures"], "captures")


def test_a_stamp_that_is_wrong_is_found(monkeypatch):
    monkeypatch.setattr(readers, "stamp_ns", lambda text: captures.stamp_ns(text) // 10 * 10)
    with pytest.raises(AssertionError):
        readers.stamp(b"1723161253937085768")
