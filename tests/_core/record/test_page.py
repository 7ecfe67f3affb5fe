"""The state page: what one process writes another reads, whole; and a kill request reaches the engine once."""

import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from hft._core.base.types import Spec
from hft._core.record.journal import Journal
from hft._core.record.page import FLAGS, PageError, StatePage

BTC = Spec("BTCUSDT", tick="0.1", step="0.001")
ETH = Spec("ETHUSDT", tick="0.01", step="0.001")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "strategy.state"


@contextmanager
def other_process(script, *args):
    """A second interpreter that runs `script`: under way when the block begins, killed at its end."""
    with subprocess.Popen([sys.executable, "-c", script, *map(str, args)], stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout.readline() == "under way\n"
            yield
        finally:
            os.kill(child.pid, signal.SIGKILL)


def test_a_reader_sees_what_the_engine_wrote(path):
    page = StatePage.create(
        path, [BTC, ETH], run=7, run_id="r-7", strategy="s", venue="v", build="0.1.0", start_ns=1000, monotonic_ns=400
    )
    page.flag("running")
    page.beat(1500)
    page.count("fills", 3)
    page.message(1, 5)
    page.reject(37, 2)
    page.reject(-2)
    page.histogram("tick").add(250)
    page.channel(0, "market", 10_000, 17, 1)
    page.totals(pnl=-5, journal_used=3)
    page.view(1, position=-4, n_bids=1, bids=[{"price": 2, "qty": 3}] + [{"price": 0, "qty": 0}] * 9, sync_state=3)
    page.market(1, best_bid=10, best_ask=11, mid2=21)

    state = StatePage.open(path).read()
    header = state["header"]
    assert (header["run"], header["run_id"], header["strategy"], header["venue"], header["build"]) == (
        7,
        "r-7",
        "s",
        "v",
        "0.1.0",
    )
    assert (header["pid"], header["flags"], header["heartbeat_ns"]) == (os.getpid(), {"running"}, 1500)
    assert header["clock_offset_ns"] == 600
    assert state["counters"]["fills"] == 3
    assert state["counters"]["messages"]["depth"] == 5
    assert state["counters"]["rejects"] == {"notional_limit": 2}
    assert state["counters"]["faults"] == {"overflow": 1}
    assert state["histograms"]["tick"].count == 1
    assert state["channels"] == [{"name": "market", "capacity": 10_000, "used": 17, "waits": 1}]
    assert (state["totals"]["pnl"], state["totals"]["journal_used"], state["totals"]["torn"]) == (-5, 3, False)
    first, second = state["symbols"]
    assert (first["name"], second["name"], second["spec"].tick) == ("BTCUSDT", "ETHUSDT", ETH.tick)
    assert first["view"]["position"] == 0
    assert (second["view"]["position"], second["view"]["bids"], second["view"]["asks"]) == (-4, [{"price": 2, "qty": 3}], [])
    assert (second["market"]["best_bid"], second["market"]["mid2"]) == (10, 21)


def test_the_file_is_private_and_really_on_the_disk(path):
    StatePage.create(path, [BTC])
    info = path.stat()
    assert stat.S_IMODE(info.st_mode) == 0o600
    assert info.st_blocks * 512 >= info.st_size > 25_000


def test_without_a_file_it_works_the_same():
    page = StatePage.create(None, [BTC])
    page.count("orders")
    assert page.read()["counters"]["orders"] == 1


WRITER = """
import sys
from hft._core.record.page import StatePage
from hft._core.base.types import Spec
page = StatePage.create(sys.argv[1], [Spec("BTCUSDT", tick="0.1", step="0.001")])
print("under way", flush=True)
n = 0
while True:
    n += 1
    page.totals(timestamp_ns=n, realised=n, unrealised=n, fees=n, pnl=n, exposure=n, open_orders=n)
    page.view(0, timestamp_ns=n, position=n, cash=n, cost=n, bids=[{"price": n, "qty": n}] * 10, n_bids=10)
    page.market(0, timestamp_ns=n, best_bid=n, best_ask=n, mid2=n, update_id=n)
    page.histogram("tick").add(n)
    page.count("frames")
    page.beat(n)
"""


def whole(view, *names):
    """The one value that all of `names` hold in a view that is not marked as torn; None for one that is."""
    if view["torn"]:
        return None
    (value,) = {view[name] for name in names}
    return value


def test_another_process_never_takes_half_a_page_view_for_a_whole_one(path):
    with other_process(WRITER, path):
        page, seen = StatePage.open(path), set()
        while len(seen) < 300:
            state = page.read()
            view, market = state["symbols"][0]["view"], state["symbols"][0]["market"]
            whole(state["totals"], "timestamp_ns", "realised", "unrealised", "fees", "pnl", "exposure", "open_orders")
            whole(market, "timestamp_ns", "best_bid", "best_ask", "mid2", "update_id")
            n = whole(view, "timestamp_ns", "position", "cash", "cost")
            if n is not None:
                assert view["bids"] == [{"price": n, "qty": n}] * len(view["bids"])
                seen.add(n)
    assert StatePage.open(path).read()["counters"]["frames"] > 0  # a dead engine's page is still read


@pytest.mark.parametrize(("part", "words_after_sequence"), [("totals", 1), ("market", 1), ("view", 1)])
def test_a_write_that_was_never_finished_is_marked(path, part, words_after_sequence):
    """What a SIGKILL in the middle of a write leaves is an odd sequence, which stands before what it guards."""
    engine = StatePage.create(path, [BTC])
    stamp = 0x1122334455667788
    write = {"totals": engine.totals, "view": lambda **f: engine.view(0, **f), "market": lambda **f: engine.market(0, **f)}[
        part
    ]
    write(timestamp_ns=stamp)
    engine.close()
    place = path.read_bytes().index(stamp.to_bytes(8, "little")) - 8 * words_after_sequence
    assert path.read_bytes()[place] == 2
    damage(path, place, b"\x03")
    state = StatePage.open(path).read()
    parts = {"totals": state["totals"], **{name: state["symbols"][0][name] for name in ("view", "market")}}
    assert {name for name, values in parts.items() if values["torn"]} == {part}
    assert parts[part]["timestamp_ns"] == stamp  # what is there is shown


RECENT = """
import sys
from hft._core.record.journal import Journal
from hft._core.record.page import StatePage
from hft._core.base.types import Spec
page = StatePage.create(sys.argv[1], [Spec("BTCUSDT", tick="0.1", step="0.001")])
journal = Journal(1, run=1)
print("under way", flush=True)
while True:
    journal.append_fill(price=journal.lag_ns(0), qty=1)
    page.recent(journal.drain(1))
    journal.commit(1)
"""


def test_recent_records_are_whole_consecutive_and_newest_first(path):
    with other_process(RECENT, path):
        page, longest, newest = StatePage.open(path), 0, 0
        while longest < 30 or newest < 10_000:
            numbers = [r["seq"] for r in page.read()["recent"]]
            newest = max(numbers, default=0)
            assert numbers == list(range(newest, newest - len(numbers), -1))
            longest = max(longest, len(numbers))


def test_recent_shows_the_newest_31():
    """Of 32 slots one may be under the engine's pen."""
    page, journal = StatePage.create(None, [BTC]), Journal(64, run=1)
    for _ in range(40):
        journal.append_fill(qty=1)
    batch = journal.drain(64)
    for i in range(40):
        page.recent(batch[128 * i : 128 * (i + 1)])
    assert [r["seq"] for r in page.read()["recent"]] == list(range(40, 9, -1))


def test_a_kill_request_is_seen_once_and_each_request_anew(path):
    engine = StatePage.create(path, [BTC])
    outside = StatePage.open(path, writable=True)
    assert engine.kill_poll() == 0
    outside.request_kill(True, 1_000)
    assert outside.read()["header"]["kill_requested"] is True
    assert [engine.kill_poll(), engine.kill_poll()] == [1, 0]
    engine.kill_set(True, 32, 5)
    header = outside.read()["header"]
    assert (header["kill_on"], header["kill_reason"], header["kill_since_ns"], header["kill_requested"]) == (
        True,
        "kill_switch",
        5,
        None,
    )
    outside.request_kill(True, 2_000)
    assert engine.kill_poll() == 1
    outside.request_kill(False, 3_000)
    assert engine.kill_poll() == 2


def test_the_switch_latches_over_the_end_of_an_engine(path):
    first = StatePage.create(path, [BTC])
    first.kill_set(True, 39, 5)
    first.count("orders", 9)
    first.close()
    StatePage.open(path, writable=True).request_kill(False, 7)  # while nothing runs
    second = StatePage.create(path, [BTC, ETH])
    state = second.read()
    assert (state["header"]["kill_on"], state["header"]["kill_reason"]) == (True, "loss_limit")
    assert state["counters"]["orders"] == 0
    assert second.kill_poll() == 2


def test_a_reader_sees_that_a_new_engine_took_over(path):
    first = StatePage.create(path, [BTC], start_ns=10)
    reader = StatePage.open(path)
    assert reader.started == 10
    first.close()
    StatePage.create(path, [BTC, ETH], start_ns=20)
    assert reader.started == 20


def test_two_engines_can_not_own_one_page(path):
    first = StatePage.create(path, [BTC])
    with pytest.raises(PageError, match="another engine is running"):
        StatePage.create(path, [BTC])
    first.close()
    StatePage.create(path, [BTC])


def test_the_lock_goes_with_a_killed_engine(path):
    with other_process(WRITER, path), pytest.raises(PageError, match="another engine"):
        StatePage.create(path, [BTC])
    StatePage.create(path, [BTC])


def damage(path, offset, raw):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(raw)


@pytest.mark.parametrize(
    ("harm", "states"),
    [
        (lambda p: damage(p, 0, b"SQLite f"), "not a state page"),
        (lambda p: damage(p, 8, b"\x09"), "another version"),
        (lambda p: damage(p, 12, b"\x00\x00"), "another version"),
        (lambda p: os.truncate(p, p.stat().st_size - 100), "truncated"),
        (lambda p: os.truncate(p, 100), "too few"),
    ],
)
def test_what_is_not_a_whole_page_of_this_version_is_refused(path, harm, states):
    StatePage.create(path, [BTC]).close()
    harm(path)
    with pytest.raises(PageError, match=states) as error:
        StatePage.open(path)
    assert str(path) in str(error.value)


def test_a_foreign_file_is_not_overwritten(path):
    path.write_text("my notes\n")
    with pytest.raises(PageError, match="not a state page"):
        StatePage.create(path, [BTC])
    assert path.read_text() == "my notes\n"


def test_a_link_is_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"")
    (tmp_path / "link").symlink_to(victim)
    with pytest.raises(PageError, match="a symbolic link"):
        StatePage.create(tmp_path / "link", [BTC])
    assert victim.read_bytes() == b""


def test_a_directory_and_an_unwritable_place_are_plain_errors(tmp_path):
    with pytest.raises(OSError, match="directory"):
        StatePage.create(tmp_path, [BTC])
    with pytest.raises(OSError, match="No such file"):
        StatePage.create(tmp_path / "missing" / "state", [BTC])


def test_a_page_opened_for_reading_can_not_be_written(path):
    StatePage.create(path, [BTC])
    with pytest.raises(ValueError, match="opened for reading"):
        StatePage.open(path).request_kill(True, 1)


def test_a_closed_page_says_so(path):
    page = StatePage.create(path, [BTC])
    page.close()
    page.close()
    with pytest.raises(ValueError, match="closed"):
        page.read()


def test_flags_are_set_and_cleared():
    page = StatePage.create(None, [BTC])
    for name in FLAGS:
        page.flag(name)
    page.flag("running", False)
    assert page.read()["header"]["flags"] == set(FLAGS) - {"running"}


def test_names_that_do_not_exist_are_refused():
    page = StatePage.create(None, [BTC])
    for call in (lambda: page.view(0, positron=1), lambda: page.totals(x=1), lambda: page.market(0, y=1)):
        with pytest.raises(TypeError, match="no field"):
            call()
    with pytest.raises(ValueError, match="unknown counter"):
        page.count("beers")
    with pytest.raises(IndexError):
        page.view(1)
    with pytest.raises(ValueError, match="0 symbols"):
        StatePage.create(None, [])


@pytest.mark.long
def test_flags_that_two_threads_set_at_once_do_not_undo_each_other(path, verbs):
    page = StatePage.create(path, [BTC])
    with ThreadPoolExecutor(2) as pool:
        lost = [pool.submit(verbs.toggle, page, 1 << bit, 300_000) for bit in (0, 3)]
        assert [each.result() for each in lost] == [0, 0]
    assert page.read()["header"]["flags"] == set()
