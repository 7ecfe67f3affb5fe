from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Literal, TypeAlias, TypedDict, type_check_only

from hft._core.base.symbols import Symbols
from hft._core.market.sync import SyncRules
from hft._core.trade.strategy import StrategyPort

_Number: TypeAlias = str | int | float | Decimal

MARKET_DEFAULTS: dict[str, Any]
ACCOUNT_DEFAULTS: dict[str, Any]
DEFAULTS: dict[str, Any]
MOST_MONEY: int
MOST_CAPITAL: Decimal

class AccountSetup:
    def __init__(self, strategy: StrategyPort, settings: dict[str, Any]) -> None: ...

def account_setups(
    strategy: StrategyPort | None,
    accounts: Iterable[dict[str, Any]] | None,
    given: dict[str, Any],
    symbols: Symbols | tuple[()],
) -> list[AccountSetup]: ...
def checked(given: dict[str, Any], symbols: Symbols | tuple[()]) -> dict[str, Any]: ...

@type_check_only
class _Settings(TypedDict, total=False):
    window_ms: _Number
    buffer_capacity: int
    imbalance_levels: int
    depth_levels: int
    max_position: _Number
    max_order: _Number
    max_notional: _Number
    max_orders_per_second: int
    max_loss: _Number
    max_drawdown: _Number
    capital: _Number
    price_collar_bps: int
    stale_data_ms: _Number
    entry_latency_ms: _Number
    response_latency_ms: _Number
    max_feed_delay_ms: _Number
    max_open_orders: int
    order_channel_size: int
    trade_source: Literal["trade", "aggTrade"]
    book_window_ticks: int
    far_levels: int
    sync_buffer_levels: int
    fill_log: int
    compare_ms: _Number
    sync: SyncRules
