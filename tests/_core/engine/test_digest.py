"""State that can be trusted (rule 34): every byte that can change what comes later changes the digest of its part, and no other
byte does."""

import ctypes
import re
from collections.abc import Iterator
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hft._core.base.types import Spec
from hft._core.engine.engine import PARTS, Engine
from hft._core.market.book import OrderBook
from hft._core.record.journal import Journal
from tests._core.layout import layout
from tests._core.small_market import MS, Market
from tests.oracle import digest as naive
from tests.sizes import examples

SYMBOL = "BTCUSDT"
SPEC = Spec(SYMBOL, tick="0.1", step="1")

# Where things lie, and how many there are: a digest walks by these, so they are not turned here. What they lead to is, and that a
# count is one more or less is looked at where there is room behind it. Entries of a table are looked at one by one, those in use.
PLACES = {
    "Market": r"(book|features|series|sync)_at",
    "Book": r"side_at|bytes",
    "Ladder": r"mask|qty_at|words_at|middle_at|bytes|far\.(head|n|capacity|at)",
    "Features": r"mask|flow_at",
    "Flow": "mask",
    "Series": "mask",
    "Broker": r"params\..*|symbols_at|symbol_stride|commands_at|reports_at|due_at|report_capacity|free_command",
    "BrokerSymbol": r"resting_at|first_command|last_command|n_commands|used\.(count|level.*)",
    "Delivery": "capacity|head|tail",
    "OwnLevel": r"side|count|first|last|next|(traded|shown)\.(head|count|entry.*)",
    "RestingOrder": "level|next",
    "Orders": "n_symbols|capacity|free|first|last|mask|orders_at|index_at",
    "Order": "prev|next",
    "Positions": "n_symbols",
}

# Bytes that can't change what comes later, and why.
DEAD = {
    # what happened, counted
    "Market": r"times\.(?!closed$).*|delay_ns|missing_trades|crossed|crossed_levels|clock\.outliers",
    "Sync": "lost|generation|resyncs|gaps|stale|too_old|overflows|refreshes_dropped",
    "Book": "dropped",
    "Flow": "gaps|shortened",
    "Series": "shortened|largest",
    # statistics; the sum of what is under way, and reports, of which none wait between inputs
    "Broker": r"duplicate_trades|other_source_trades|ledger_merged|n_commands|n_reports",
    "BrokerSymbol": r"used\.evicted",
    "TraderState": "submitted",
    "Risk": "oldest|rejects",           # `oldest`: where in the ring, when they were is in the digest
    "Imbalance": "no_shorts",
    "SignalState": "surest",
    # which side and which price each level has is in the levels; the list of the best ones, and the bitmap, follow from them
    "Ladder": r"flip|root|dirty|hidden|top_.*|far\.dropped",
    "Features": r"shortened|before\.ts_ns",     # of the last entry before the window only its sums are read
    # places in a ring that is empty between inputs
    "Commands": "head|tail",
    "Intents": "count|taken",
}
RESERVED = re.compile(r"(.*\.)?reserved\d?")    # always zero


def session(verbs: ModuleType) -> Engine:
    """An engine in the middle of things: orders open, resting, filled and on their way, both ledgers in use, windows filled."""
    engine = Engine(SPEC, journal=Journal(1 << 12), max_orders_per_second=8, entry_latency_ms=5, response_latency_ms=60,
                    max_position="100", max_order="50", far_levels=256, book_window_ticks=256)    # fmt: skip
    market = Market(engine)
    market.depth([["99.0", "7"], ["50.0", "9"], ["98.9", "3"]], [["100.3", "2"], ["101.0", "7"], ["190.0", "4"]])

    def submit(side: int, ticks: int, qty: int) -> None:
        assert verbs.submit(engine, 0, side, ticks, qty, market.now)[0] == 0

    for n in range(1200):
        market.lean(str(5 + n % 3), str(6 - n % 2), 1)
    submit(1, 1000, 3)
    submit(-1, 1003, 3)
    submit(1, 999, 2)
    market.lean("8", "8", 100)                              # they rest, and that was heard
    submit(1, 1001, 1)
    market.lean("8", "8", 8)                                # it took one: the report is on its way
    market.trade("100.0", "1", buyer_maker=True, after_ms=0)
    market.trade("100.1", "1", buyer_maker=False, after_ms=0)
    market.depth([["100.0", "8"], ["99.9", "4"]], [["100.3", "1"]], after_ms=0)
    submit(-1, 1004, 2)                                     # under way
    assert engine.fault is None
    return engine


@pytest.fixture(scope="module")
def engine(verbs: ModuleType) -> Engine:
    return session(verbs)


def test_the_layout_is_the_compilers(verbs: ModuleType) -> None:
    assert {struct: layout(struct)[1] for struct in verbs.SIZES} == verbs.SIZES


def turned(engine: Engine, address: int) -> set[str]:
    """The parts whose digest is another one while a byte is turned."""
    byte = ctypes.c_uint8.from_address(address)
    before = engine.digests(SYMBOL)
    byte.value ^= 0xFF
    after = engine.digests(SYMBOL)
    byte.value ^= 0xFF
    return {part for part in PARTS if before[part] != after[part]}


def bytes_of(struct: str, address: int, dead: bool) -> Iterator[tuple[str, int]]:
    """Name and address of each byte of a struct: of those that count, or of those that don't."""
    for name, offset, size, count in layout(struct)[0]:
        if RESERVED.fullmatch(name) or re.fullmatch(PLACES.get(struct, "-"), name):
            continue
        if (re.fullmatch(DEAD.get(struct, "-"), name) is not None) is dead:
            yield from ((name, address + offset + n) for n in range(size * count))


def clocked(engine: Engine, verbs: ModuleType) -> None:
    """The clock's list of odd stamps is full; else what lies in it is over."""
    (_, _, market), *_ = verbs.structs(engine, 0)
    odd, = (field for field in layout("Market")[0] if field.name == "clock.odd")
    ctypes.c_int64.from_address(market + odd.offset).value = 16


def test_every_byte_that_counts_changes_the_digest_of_its_part(verbs: ModuleType) -> None:
    engine = session(verbs)
    clocked(engine, verbs)
    seen = set()
    for part, struct, address in verbs.structs(engine, 0):
        seen.add(struct)
        for name, byte in bytes_of(struct, address, dead=False):
            if name == "clock.odd" and (byte - address) % 8:        # a count: only as far as there is room
                continue
            expected = "clock" if name.startswith("clock.") else "taken" if name.startswith("used.") else part
            assert turned(engine, byte) == {expected}, f"{struct}.{name}"
    for part, name, address in verbs.words(engine, 0):
        assert all(turned(engine, address + n) == {part} for n in range(8)), name
    in_rings = {"TouchEntry", "FlowEntry", "SeriesEntry", "Rung"}
    assert seen == set(verbs.SIZES) - in_rings - {"Resting"}, "the session has one of each"
    assert {part for part, _, _ in verbs.structs(engine, 0)} | {"engine", "clock"} == set(PARTS)


def test_no_other_byte_does(engine: Engine, verbs: ModuleType) -> None:
    for _, struct, address in verbs.structs(engine, 0):
        for name, byte in bytes_of(struct, address, dead=True):
            assert turned(engine, byte) == set(), f"{struct}.{name}"


def test_the_lists_name_what_there_is() -> None:
    for listed in (PLACES, DEAD):
        for struct, names in listed.items():
            fields = [field.name for field in layout(struct)[0]]
            for name in re.split(r"\|(?![^(]*\))", names):
                assert any(re.fullmatch(name, field) for field in fields), f"{struct}.{name}"


def read(struct: str, address: int) -> list[int]:
    """Its numbers, as words; of a field of 128 bits one."""
    fields = [("", 0, 8, 1)] if struct == "int64_t" else layout(struct)[0]
    return [int.from_bytes(ctypes.string_at(address + offset, size), "little", signed=True) for _, offset, size, _ in fields]


def entry(struct: str, address: int) -> int:
    found = read(struct, address)
    if struct == "TouchEntry":
        squares, ofi, mid2, ts_ns, _, _ = found
        return naive.touch(mid2, ts_ns, squares, ofi)
    if struct == "FlowEntry":
        return naive.flow(*found)
    return naive.hash_pair(*found) if struct == "SeriesEntry" else naive.hash_pair(found[0], 0)


def word(address: int) -> int:
    return ctypes.c_uint64.from_address(address).value if address else 0


@pytest.mark.parametrize("name", ["touch", "flow", "series", "sends"])
def test_a_digest_that_is_kept_up_is_that_of_every_entry(engine: Engine, verbs: ModuleType, name: str) -> None:
    digest, entries, before = verbs.rings(engine, 0)[name]
    kept = (word(digest) - word(before)) & naive.BITS

    def anew() -> int:
        return sum(entry(struct, address) for struct, address in entries) & naive.BITS

    assert len(entries) >= 2
    assert kept == anew()
    for struct, address in entries[:3]:
        dead = {"digest", "reserved"}
        fields = [("", 0, 8, 1)] if struct == "int64_t" else [field for field in layout(struct)[0] if field.name not in dead]
        for _, offset, size, _ in fields:
            for n in range(size):
                byte = ctypes.c_uint8.from_address(address + offset + n)
                byte.value ^= 0xFF
                assert anew() != kept, (struct, offset, n)
                byte.value ^= 0xFF


def test_the_digest_of_the_levels_is_that_of_every_level(engine: Engine, verbs: ModuleType) -> None:
    for side in range(2):
        window_digest, far_digest, window, far = verbs.levels(engine, 0, side)
        assert len(window) >= 3
        assert len(far) == 1
        assert window_digest == naive.levels((key, read("int64_t", address)[0]) for address, key in window)
        assert far_digest == naive.levels(tuple(read("Rung", address)) for address in far)
        for address, key in [*window, *((address, None) for address in far)]:
            for n in range(8 if key is not None else 16):
                byte = ctypes.c_uint8.from_address(address + n)
                byte.value ^= 0xFF
                found = (naive.levels((key, read("int64_t", at)[0]) for at, key in window),
                         naive.levels(tuple(read("Rung", at)) for at in far))
                byte.value ^= 0xFF
                assert found != (window_digest, far_digest)


def test_the_digest_of_what_waits_for_a_snapshot_is_that_of_its_bytes(verbs: ModuleType) -> None:
    engine = session(verbs)
    market = Market(engine, engine.now_ns // MS + 1)
    engine.resync(SYMBOL, market.now)
    empty = engine.digests(SYMBOL)["sync"]
    market.depth([["99.0", "7"]], [])
    market.depth([["99.0", "8"], ["98.0", "1"]], [["101.0", "1"]])
    address, size = verbs.buffered(engine, 0)
    (_, _, sync), = ((part, struct, at) for part, struct, at in verbs.structs(engine, 0) if struct == "Sync")
    field, = (field for field in layout("Sync")[0] if field.name == "digest")

    def anew() -> int:
        words = [int.from_bytes(ctypes.string_at(address + n, 8), "little") for n in range(0, size, 8)]
        first = naive.hash_words(naive.hash_words(0, words[:12]), words[12:14])
        return naive.hash_words(naive.hash_words(first, words[14:26]), words[26:])

    kept = word(sync + field.offset)
    assert kept == anew()
    assert engine.digests(SYMBOL)["sync"] != empty
    for n in range(size):
        byte = ctypes.c_uint8.from_address(address + n)
        byte.value ^= 0xFF
        assert anew() != kept
        byte.value ^= 0xFF


def test_equal_inputs_give_equal_digests_and_one_input_more_others(verbs: ModuleType) -> None:
    one, other = session(verbs), session(verbs)
    assert one.digests(SYMBOL) == other.digests(SYMBOL)
    assert one.state_hash(SYMBOL) == other.state_hash(SYMBOL)
    other.advance(other.now_ns + 1)
    assert other.state_hash(SYMBOL) != one.state_hash(SYMBOL)
    assert tuple(one.digests(SYMBOL)) == PARTS


LEVELS = st.lists(st.tuples(st.integers(1, 2000), st.sampled_from([0, 0, 1, 2, 10**9])), max_size=12)
NAMES = st.sampled_from(["apply", "apply", "apply", "snapshot", "ticker", "clear"])
MOVES = st.lists(st.tuples(NAMES, LEVELS, LEVELS), max_size=30)


@settings(max_examples=examples(100), deadline=None)
@given(moves=MOVES)
def test_the_books_digest_is_that_of_its_levels(moves: list[tuple[str, list[tuple[int, int]], list[tuple[int, int]]]]) -> None:
    """The window is small, so that levels move between it and the far store, and are dropped from there."""
    book, ticker = OrderBook(SPEC, window_ticks=256, far_levels=8), None
    for update_id, (name, bids, asks) in enumerate(moves, 1):
        sides = [[(SPEC.price(price + 2000 * n), SPEC.qty(qty)) for price, qty in side] for n, side in enumerate((bids, asks))]
        if name == "clear":
            book.clear()
        elif name == "ticker":
            book.book_ticker(SPEC.price(1000), SPEC.qty(3), SPEC.price(2500), SPEC.qty(4), update_id)
            ticker = (update_id, 1000, 3, 2500, 4)
        else:
            getattr(book, name)(*sides, update_id)
        ticker = ticker if book.book_ticker_id else None
        book.check()
        held = [{int(price / SPEC.tick): int(qty / SPEC.quantum) for price, qty in side}
                for side in (book.base_bids(), book.base_asks())]
        assert book.hash == naive.book(*held, book.update_id, ticker)
