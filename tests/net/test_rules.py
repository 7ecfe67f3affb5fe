"""What an exchangeInfo changes, for files and for a venue that is followed: real engines, real sockets."""

import asyncio
import json
from decimal import Decimal

import pytest

from hft._core.base.runclock import RunClock
from hft._core.base.types import Spec
from hft._core.engine.engine import Engine
from hft.data.record import Kind, Record
from hft.data.rules import Changes, changed, is_trading, ruling, statuses
from hft.errors import DamagedData
from hft.net import rulewatch
from hft.net.feed import Feed
from hft.net.rulewatch import RulesWatch
from hft.run.feed_event import ALERTS
from hft.venues.binance import messages
from hft.venues.binance.rest import RestClient
from hft.venues.binance.venues import venue_at
from tests.net.ruled_venue import SYMBOL, Venue, info
from tests.net.wire import eventually

SPEC = Spec(SYMBOL, tick="0.1", step="0.001", min_qty="0.001", max_qty="1000", min_notional="100")
TOO_FINE = "0.000000000000000001"       # beside a symbol of other scales, in one account
FILES = Spec(SYMBOL, tick="0.1", step="0.001", min_qty="0.001", max_qty="1000", min_notional="100", price_unit="0.01")


# -- what changes ------------------------------------------------------------------------------------------------------


def test_the_same_rules_change_nothing_however_they_are_printed():
    changes = Changes([SPEC])
    assert list(changes.of(info())) == []
    assert list(changes.of(info("0.1000", "0.00100", least="0.0010"))) == []


def test_a_change_is_reported_once():
    changes = Changes([FILES])
    [found] = changes.of(info("0.01"))
    assert (found["tick"], found["step"], found["trading"]) == ("0.01", "0.001", True)
    assert list(changes.of(info("0.01"))) == []
    [back] = changes.of(info("0.1"))
    assert back == ruling(SPEC)


def test_quantities_that_were_finer_stay_representable():
    changes = Changes([SPEC])
    [found] = changes.of(info(step="0.0001", least="0.0001"))
    [back] = changes.of(info(step="0.001"))
    assert (found["quantum"], back["step"], back["quantum"]) == ("0.0001", "0.001", "0.0001")


@pytest.mark.parametrize("status", ["BREAK", "HALT", "CANCEL_ONLY", "SETTLING", "PENDING_TRADING", "AUCTION_MATCH", "whatever"])
def test_a_status_that_is_not_trading_closes_a_symbol(status):
    changes = Changes([SPEC])
    [found] = changes.of(info(status=status))
    assert found == ruling(SPEC, trading=False)
    assert not is_trading(statuses(info(status=status))[SYMBOL])


def test_of_symbols_whose_rules_are_the_settings_only_the_status_is_taken():
    changes = Changes([SPEC], fixed={SYMBOL})
    assert list(changes.of(info("0.01"))) == []
    assert list(changes.of(info("0.01", status="BREAK"))) == [ruling(SPEC, trading=False)]


def test_in_a_recording_an_exchange_info_is_the_rules_that_it_changes():
    changes = Changes([FILES])
    assert list(changed(Record(1, Kind.EXCHANGE_INFO, info()), changes)) == []
    (line,) = changed(Record(3, Kind.EXCHANGE_INFO, info("0.5")), changes)
    assert (line.ns, line.kind) == (3, Kind.LOG)
    assert json.loads(line.data)["hft"]["rules"]["tick"] == "0.5"


def test_an_exchange_info_that_makes_no_sense_is_one_clear_line():
    with pytest.raises(DamagedData, match="exchangeInfo received at 7 can't be read") as error:
        list(changed(Record(7, Kind.EXCHANGE_INFO, info("9" * 5000)), Changes([SPEC])))
    assert len(str(error.value)) < 400


# -- a venue that is followed ------------------------------------------------------------------------------------------


class Followed:
    """A feed and a real engine on that venue."""

    def __init__(self, monkeypatch, specs=SPEC, fixed=(), known=True, **pauses):
        for name, value in {"POLL_S": 0.02, "LEAST_S": 0.1, "CLOSED_S": 0.2, **pauses}.items():
            monkeypatch.setattr(rulewatch, name, value)
        self.venue, self.specs, self.fixed, self.known = Venue(), specs, fixed, known
        self.events = []

    async def __aenter__(self):
        await self.venue.__aenter__()
        self.http = self.venue.http
        self.engine = Engine(self.specs, fallback=messages.load)
        clock = RunClock()
        self.rest = RestClient(venue_at(self.http.url, self.venue.ws.url))
        self.bodies = []
        first = info(self.venue.printed_tick, status=self.venue.status) if self.known else b""
        rules = RulesWatch(self.rest, self.engine, clock, fixed=self.fixed, info=first, on_info=self.bodies.append)
        self.feed = Feed(self.rest.venue, [SYMBOL], self.engine, clock=clock, rest=self.rest, rules=rules,
                         on_event=self.events.append)
        self.tasks = [asyncio.create_task(self.feed.run())]
        return self

    async def __aexit__(self, *_):
        await self.feed.stop()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.rest.close()
        await self.venue.__aexit__()

    def reported(self, kind):
        return [event.text for event in self.events if event.kind == kind]


async def test_a_tick_that_becomes_finer_is_read_again_and_the_book_comes_back(monkeypatch):
    async with Followed(monkeypatch) as run:
        await eventually(lambda: run.engine.synced(SYMBOL))
        run.venue.tick, run.venue.printed_tick = 2, "0.01"
        await eventually(lambda: run.engine.symbols[SYMBOL].tick == Decimal("0.01"))
        await eventually(lambda: run.engine.synced(SYMBOL))
        assert run.engine.touch(SYMBOL)[0] == Decimal("60000.05")
        assert run.reported("rules_changed") == [f"{SYMBOL}: tick 0.1 -> 0.01; orders that don't fit expire"]
        assert len(run.bodies) == 1
    assert "rules_changed" in ALERTS


async def test_numbers_that_fit_no_rules_are_a_warning_with_the_way_out_and_requested_ever_less_often(monkeypatch):
    async with Followed(monkeypatch) as run:
        await eventually(lambda: run.engine.synced(SYMBOL))
        run.venue.tick = 2                  # and exchangeInfo goes on saying 0.1
        await eventually(lambda: len(run.reported("rules_unfit")) >= 3)
        assert f"{SYMBOL} tick 0.1" in run.reported("rules_unfit")[0]
        assert "set [feed.symbols.<symbol>] tick and step" in run.reported("rules_unfit")[0]
        assert run.venue.requests <= 4
        assert not run.tasks[0].done()
    assert "rules_unfit" in ALERTS


async def test_rules_of_the_settings_that_do_not_fit_are_reported_without_a_request(monkeypatch):
    async with Followed(monkeypatch, fixed={SYMBOL}, known=False) as run:
        run.venue.tick = 2
        await eventually(lambda: run.reported("rules_unfit"))
        assert f"correct or remove [feed.symbols.{SYMBOL}]" in run.reported("rules_unfit")[0]
        assert run.venue.requests == 0


async def test_a_symbol_that_is_not_traded_is_reported_at_the_start_and_when_it_is_again(monkeypatch):
    run = Followed(monkeypatch)
    run.venue.status = "BREAK"
    async with run:
        await eventually(lambda: run.reported("not_trading"))
        assert run.reported("not_trading") == ["the venue says BREAK: orders are refused until the status is TRADING"]
        assert not run.engine.trading(SYMBOL)
        run.venue.status = "TRADING"
        await eventually(lambda: run.reported("trading"))
        assert run.engine.trading(SYMBOL)
        assert run.reported("rules_changed") == []


async def test_a_reconnect_reads_the_rules_again(monkeypatch):
    async with Followed(monkeypatch) as run:
        await eventually(lambda: run.engine.synced(SYMBOL))
        assert run.venue.requests == 0
        run.venue.status = "HALT"
        run.venue.peers.pop().cut()
        await eventually(lambda: run.reported("not_trading"))
        assert "HALT" in run.reported("not_trading")[0]


async def test_an_exchange_info_that_can_not_be_had_is_a_warning_and_wanted_again(monkeypatch):
    async with Followed(monkeypatch) as run:
        await eventually(lambda: run.engine.synced(SYMBOL))
        good = run.http.answers["/fapi/v1/exchangeInfo"]
        run.http.answers["/fapi/v1/exchangeInfo"] = b'{"symbols":[{"symbol":"' + b"x" * 100_000
        run.venue.tick, run.venue.printed_tick = 2, "0.01"
        await eventually(lambda: run.reported("rules_failed"))
        assert len(run.reported("rules_failed")[0]) <= 400
        run.http.answers["/fapi/v1/exchangeInfo"] = good
        await eventually(lambda: run.engine.symbols[SYMBOL].tick == Decimal("0.01"))
    assert "rules_failed" in ALERTS


@pytest.mark.parametrize("tick", ["0", "nan", "9" * 4000, "0.0000000000000000001"])
async def test_rules_that_make_no_sense_end_nothing(monkeypatch, tick):
    async with Followed(monkeypatch) as run:
        await eventually(lambda: run.engine.synced(SYMBOL))
        run.venue.printed_tick = tick
        run.venue.peers.pop().cut()
        await eventually(lambda: run.reported("rules_failed"))
        await eventually(lambda: run.engine.synced(SYMBOL))
        assert run.engine.symbols[SYMBOL].tick == Decimal("0.1")
        assert not run.tasks[0].done()


async def test_a_symbol_that_is_delisted_is_not_traded_and_the_rules_of_the_others_are_followed(monkeypatch):
    async with Followed(monkeypatch, specs=[SPEC, Spec("GONEUSDT", tick="0.1", step="0.001")]) as run:
        await eventually(lambda: run.engine.synced(SYMBOL))
        run.venue.tick, run.venue.printed_tick = 2, "0.01"      # and its exchangeInfo lists one symbol alone
        await eventually(lambda: run.engine.symbols[SYMBOL].tick == Decimal("0.01"))
        assert not run.engine.trading("GONEUSDT")
        assert run.engine.trading(SYMBOL)
        assert run.reported("not_trading") == ["the venue does not list it any more; orders are refused until it does"]
        assert run.reported("rules_failed") == []


async def test_rules_that_can_not_be_taken_over_are_no_old_ones_at_the_next_poll(monkeypatch):
    """The venue does say others: "the venue says no other rules" would be untrue."""
    async with Followed(monkeypatch, specs=[SPEC, Spec("ETHUSDT", tick="0.1", step="0.001")]) as run:
        await eventually(lambda: run.engine.synced(SYMBOL))
        run.venue.tick, run.venue.printed_tick = 2, TOO_FINE
        await eventually(lambda: len(run.reported("rules_failed")) >= 2)
        assert all(f"rules of {SYMBOL} changed in a way that can't be applied" in text for text in run.reported("rules_failed"))
        assert run.reported("rules_unfit") == []
        run.venue.printed_tick = "0.01"
        await eventually(lambda: run.engine.symbols[SYMBOL].tick == Decimal("0.01"))


async def test_a_symbol_that_is_not_traded_is_requested_at_the_same_pause_for_as_long_as_it_takes(monkeypatch):
    """Trading again must not be noticed five minutes late, because the venue was asked often enough in vain."""
    run = Followed(monkeypatch, LEAST_S=0.5, CLOSED_S=0.05)
    run.venue.status = "HALT"
    async with run:
        await eventually(lambda: run.venue.requests >= 8)
        run.venue.status = "TRADING"
        await eventually(lambda: run.reported("trading"))
