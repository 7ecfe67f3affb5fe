"""Many accounts over the same markets: each as it would be alone."""

import pytest

from hft._core.engine.engine import Engine
from hft._core.trade.imbalance_strategy import ImbalanceStrategy
from hft._core.trade.quoter_strategy import QuoterStrategy
from hft.data.captures import Capture
from hft.data.tape import Tape
from hft.venues.binance import messages
from tests import data

ACCOUNTS = [
    {},
    {"strategy": ImbalanceStrategy(threshold=0.15, min_confidence=0.5, entry_qty="0.1"), "entry_latency_ms": 3,
     "max_position": "0.3"},
    {"strategy": QuoterStrategy(qty="0.05", distance_ticks=0), "response_latency_ms": 1, "max_orders_per_second": 0},
]


def run(**settings: object) -> Engine:
    engine = Engine(data.SPECS[data.USDM_BTC], fallback=messages.load, sync=data.SYNC[data.USDM_BTC], **settings)
    Tape(Capture(data.find(data.USDM_BTC)), "BTCUSDT").run(engine)
    engine.stop(engine.now_ns)
    return engine


def outcome(engine: Engine, account: int) -> tuple[object, ...]:
    fills = [
        (f.order_id, f.exch_ts_ns, f.local_ts_ns, f.side, f.price, f.qty, f.fee, f.maker, f.suspect)
        for f in engine.fills(account)
    ]
    pnl = str(engine.pnl("BTCUSDT", account))
    refused = {reason: engine.counted(reason, account) for reason in ("rate_limit", "post_only_would_cross", "ioc_rest")}
    state = engine.digests("BTCUSDT", account)
    del state["engine"]         # its time ends when nothing of any account is under way
    return fills, pnl, engine.position("BTCUSDT", account), state, refused


def test_three_accounts_in_one_pass_are_three_runs() -> None:
    together = run(accounts=ACCOUNTS)
    assert together.n_accounts == 3
    for number, own in enumerate(ACCOUNTS):
        alone = run(**own)
        assert outcome(together, number) == outcome(alone, 0)
        assert len(alone.trades) >= 3, "an account that does nothing proves nothing"
    assert len({str(outcome(together, number)[0]) for number in range(3)}) == 3


def test_the_market_is_there_once() -> None:
    one, three = run(), run(accounts=[{}, {}, {}])
    book = Engine(data.SPECS[data.USDM_BTC], fill_log=1).memory_bytes - Engine(
        data.SPECS[data.USDM_BTC], fill_log=1, accounts=[{}, {}]
    ).memory_bytes
    assert three.memory_bytes < 3 * one.memory_bytes
    assert -book < one.memory_bytes / 2         # a second account costs less than half of what a market with one does


@pytest.mark.parametrize(("accounts", "error", "text"), [
    ([], ValueError, "at least one"),
    ([{"window_ms": 5}], ValueError, "window_ms belongs to the market"),
    ([{"strategy": "imbalance"}], TypeError, "must be a strategy"),
    ([{"max_positon": 1}], TypeError, "max_positon"),
])
def test_what_is_no_account_is_named(accounts: list[dict[str, object]], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        Engine(data.SPECS[data.USDM_BTC], accounts=accounts)


def test_an_account_that_is_not_there_is_named() -> None:
    with pytest.raises(IndexError, match="account 1 is not one of the engine's 1"):
        Engine(data.SPECS[data.USDM_BTC]).fills(1)
