"""Every setting: its type, range, default, unit and meaning, section by section.

These structs are the only description of settings. `loader` checks files against them, `toml` writes the commented
template from them, `docs/settings.md` is generated from them. Quantities, prices, fees and money are decimals, read from the
file's text without passing through a float.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import field
from msgspec.structs import force_setattr, replace

from hft.config.limits import RiskLimits
from hft.config.strategies import ImbalanceParams, StrategyParams, params_of
from hft.config.values import (
    AnyProtocol,
    FeeRate,
    Level,
    Limit,
    Millis,
    Port,
    Quantity,
    Section,
    ServedProtocol,
    SymbolName,
    Venue,
    bounds,
    meaning,
)
from hft.venues.catalogue import DEFAULT, PLACES, entry_named

if TYPE_CHECKING:
    from hft._core.trade.strategy import StrategyPort


class Performance(Section, frozen=True):
    """Capacities. All memory is reserved at the start; docs/architecture.md says what happens when one is used up."""

    buffer_capacity: Annotated[
        int, meaning("snapshots in the feature ring of a symbol; a window that needs more is shortened and counted",
                   ge=16, le=10_000_000)
    ] = 10_000
    market_channel_size: Annotated[
        int, meaning("updates under way in pipeline mode (not built yet)", ge=16, le=10_000_000)
    ] = 10_000
    order_channel_size: Annotated[int, meaning("commands under way to the exchange", ge=16, le=1_000_000)] = 1_000
    persist_channel_size: Annotated[
        int, meaning("records under way to the database; more where max_open_orders needs it", ge=64, le=10_000_000)
    ] = 10_000


class Persistence(Section, frozen=True):
    """The run database. `strategy.state` and `strategy.log` are beside `strategy.db`, mode 0600."""

    database_path: Annotated[
        str, meaning("relative to the working directory; a missing folder is created", min_length=1)
    ] = "./data/strategy.db"
    snapshot_interval_ms: Annotated[
        int, meaning("interval of rows of performance_metrics and strategy_snapshots", ge=100, le=86_400_000)
    ] = 60_000
    batch_size: Annotated[
        int, meaning("most rows in a transaction; a smaller batch is written after 100 ms", ge=1, le=100_000)
    ] = 100

    def beside(self, suffix: str) -> Path:
        """The file of that suffix beside the database.

        >>> Persistence().beside(".log").name
        'strategy.log'
        """
        return Path(self.database_path).with_suffix(suffix)


class StrategySettings(Section, frozen=True):
    """The strategy and its symbols."""

    variants: ClassVar = {"params": ("kind", params_of)}

    strategy_id: Annotated[
        str, meaning(
            "a name for the run's database, log and metrics; kind chooses the strategy",
            pattern="^[A-Za-z0-9_.-]{1,64}$",
            title="1 to 64 letters, digits, or any of _ . -",
        ),
    ] = "imbalance_v1"
    kind: Annotated[
        str, meaning(
            "the strategy; its parameters are [strategy.params]",
            pattern=r"^(imbalance|quoter|[^:]+:[A-Za-z_]\w*)$",
            title="imbalance, quoter, or a class of yours as FILE.py:CLASS or MODULE:CLASS",
        ),
    ] = "imbalance"
    symbols: Annotated[
        tuple[SymbolName, ...], meaning("the venue's own names, upper case; one quote asset", min_length=1)
    ] = ("BTCUSDT",)
    paper_trading: Annotated[bool, meaning("must be true: there is no gateway for real orders")] = True
    params: StrategyParams = ImbalanceParams()
    risk_limits: RiskLimits = RiskLimits()
    performance: Performance = Performance()
    persistence: Persistence = Persistence()

    def __post_init__(self) -> None:
        if self.params == ImbalanceParams():     # not given: the defaults of the kind
            force_setattr(self, "params", params_of(self.kind)())

    def build(self) -> StrategyPort:
        """The strategy as the engine takes it."""
        return self.params.build(self.kind, self.risk_limits)

    def most_intents(self, n_symbols: int) -> int:
        """The most intents that the strategy may put at one instant."""
        return self.params.most_intents(self.kind, self.risk_limits, n_symbols)


class SymbolRules(Section, frozen=True):
    """Rules of one symbol, which override every other source (rule 28)."""

    tick: Annotated[Quantity, meaning("price step")]
    step: Annotated[Quantity, meaning("order quantity step")]
    quote: Annotated[
        str, meaning("quote asset; empty: from exchangeInfo or the symbol's name", pattern="^[A-Z0-9]{0,31}$",
                   title="up to 31 upper-case letters or digits"),
    ] = ""
    min_qty: Annotated[Limit, meaning("smallest order; 0: no rule")] = Decimal(0)
    max_qty: Annotated[Limit, meaning("largest order; 0: no rule")] = Decimal(0)
    min_notional: Annotated[Limit, meaning("smallest order value in quote units; 0: no rule")] = Decimal(0)


class FeedSettings(Section, frozen=True):
    """The source of market data."""

    venue: Annotated[Venue, meaning("embedded: hft's own exchange, in a separate process")] = "embedded"
    rest_url: Annotated[
        str,
        meaning(
            "instead of the venue's, e.g. that of a running `hft sim`",
            pattern="^(https?://[^ ]+)?$",
            title="an http:// or https:// address",
        ),
    ] = ""
    ws_url: Annotated[str, meaning("instead of the venue's", pattern="^(wss?://[^ ]+)?$", title="a ws:// or wss:// address")] = ""
    protocol: Annotated[
        AnyProtocol,
        meaning("protocol of recorded data, and of an exchange given by address; empty: recognised from the data"),
    ] = ""
    transport: Annotated[Literal["picows", "websockets"], meaning("picows is faster")] = "picows"
    depth_speed_ms: Annotated[
        Literal[0, 100, 250, 500, 1000], meaning("cadence of depth updates: spot 100, 1000; USD-M 0, 100, 250, 500")
    ] = 100
    trade_source: Annotated[
        Literal["", "trade", "aggTrade"],
        meaning("the only source of traded volume (rule 10); empty: trade, or aggTrade if the venue has only that"),
    ] = ""
    snapshot_limit: Annotated[
        Literal[0, 5, 10, 20, 50, 100, 500, 1000, 5000],
        meaning("levels per side of the REST snapshot; 0: the venue's largest (spot 5000, USD-M 1000)"),
    ] = 0
    compare_ms: Annotated[
        int, meaning("interval of comparing a book with a fresh REST snapshot, in effect at least 10,000; 0: never", ge=0)
    ] = 0
    silence_ms: Annotated[
        int, meaning("idle time before a liveness probe of a connection", ge=1000, le=600_000)
    ] = 30_000
    symbols: Annotated[
        dict[SymbolName, SymbolRules], meaning("tick, step … of a symbol, instead of the venue's exchangeInfo")
    ] = field(default_factory=dict)


class Exchange(Section, frozen=True):
    """The embedded exchange."""

    protocol: Annotated[ServedProtocol, meaning("its protocol; spot can't be sold short")] = DEFAULT
    seed: Annotated[int, meaning("of the order flow; the same seed gives the same market", ge=0, le=2**63 - 1)] = 1
    host: Annotated[str, meaning("address to listen on", min_length=1)] = "127.0.0.1"
    port: Annotated[Port, meaning("REST and websocket; 0: any free one")] = 0
    faults: Annotated[str, meaning("file of faults to inject, see docs/faults.md; empty: none", title="a TOML file")] = ""


class EngineSettings(Section, frozen=True):
    """The compiled engine."""

    mode: Annotated[
        Literal["inline", "pipeline"], meaning("inline: one thread runs the whole tick; pipeline is not built yet")
    ] = "inline"
    book_window_ticks: Annotated[
        int, meaning("ticks around the touch in the dense part of the book; a power of two", ge=1024, le=1 << 18)
    ] = 65_536
    far_levels: Annotated[int, meaning("levels per side beyond the dense part", ge=64, le=1 << 20)] = 8_192
    sync_buffer_levels: Annotated[
        int, meaning("levels of depth updates buffered until a snapshot", ge=1024, le=1 << 24)
    ] = 65_536
    max_open_orders: Annotated[int, meaning("open orders, all symbols together", ge=1, le=65_536)] = 256


class Broker(Section, frozen=True):
    """The simulated exchange side of own orders (rules 3 to 17, 25)."""

    entry_latency_ms: Annotated[Millis, meaning("from sending an order to its effect")] = Decimal(20)
    response_latency_ms: Annotated[Millis, meaning("from an order's effect to its report")] = Decimal(5)
    max_feed_delay_ms: Annotated[
        Millis, meaning("longest delay of a due order's effect if no event shows the venue's time")
    ] = Decimal(50)
    queue_model: Annotated[
        Literal["risk_averse"], meaning("a displayed decrease counts as behind the order until trades show otherwise")
    ] = "risk_averse"
    maker_fee: Annotated[
        FeeRate | None, meaning("share of the notional; negative: a rebate; default: the venue's ordinary tier")
    ] = None
    taker_fee: Annotated[FeeRate | None, meaning("share of the notional; default: the venue's ordinary tier")] = None
    fee_asset: Annotated[
        Literal["quote", "received"], meaning("received: taken from the received asset, as on spot")
    ] = "quote"
    initial_cash: Annotated[
        Decimal,
        bounds(gt=0, le=46_116_860_184),
        meaning("equity at the start, in quote units; at or below zero the kill switch trips (rule 26)"),
    ] = Decimal("100000.0")


MONITOR_PORT = 9464
"""Default port of /metrics and /health, unless it is in use."""


class Monitoring(Section, frozen=True):
    """The monitor process: /metrics and /health."""

    enabled: Annotated[bool, meaning("serve them")] = True
    host: Annotated[str, meaning("address to listen on; by default loopback only", min_length=1)] = "127.0.0.1"
    port: Annotated[
        Port | None, meaning("0: any free port; default: 9464, or a free one if that is in use, which the run prints")
    ] = None


class Logging(Section, frozen=True):
    """strategy.log (JSON lines) and stderr (short)."""

    level: Annotated[Level, meaning("of strategy.log")] = "info"
    console_level: Annotated[Level, meaning("of stderr")] = "info"
    queue_size: Annotated[
        int,
        meaning("lines under way to the disk; lines beyond it are dropped and counted in the log", ge=64, le=1_000_000),
    ] = 10_000
    event_limit: Annotated[
        int,
        meaning("lines a minute of one event; the others are counted in the log; 0: no limit", ge=0, le=1_000_000),
    ] = 500
    rotate_mb: Annotated[
        int, meaning("strategy.log becomes strategy.log.1 at this size, .1 becomes .2, and so on; 0: never", ge=0, le=100_000)
    ] = 16
    keep: Annotated[int, meaning("number of older log files kept", ge=0, le=1000)] = 4


class Recording(Section, frozen=True):
    """`hft live --record` and `hft record`: the run log in a file. Its name decides how it is packed: .gz, .zst, else plain."""

    buffer_mb: Annotated[
        int, meaning("memory for entries under way to the disk; further entries are lost, which the recording notes",
                   ge=1, le=1024)
    ] = 16
    rotate_mb: Annotated[
        int, meaning("size in MB (10^6 bytes on disk) at which a new part begins; 0: never", ge=0, le=1_000_000)
    ] = 0
    rotate_daily: Annotated[bool, meaning("a new part at midnight UTC")] = False
    level: Annotated[int, meaning("compression level: gzip 1 to 9, zstandard 1 to 19; 0: 6 and 3", ge=0, le=19)] = 0


class Config(Section, frozen=True):
    """All settings of a run.

    >>> Config().strategy.symbols
    ('BTCUSDT',)
    >>> Config().protocol
    'binance-usdm'
    """

    strategy: StrategySettings = StrategySettings()
    feed: FeedSettings = FeedSettings()
    exchange: Exchange = Exchange()
    engine: EngineSettings = EngineSettings()
    broker: Broker = Broker()
    monitoring: Monitoring = Monitoring()
    recording: Recording = Recording()
    logging: Logging = Logging()

    @property
    def protocol(self) -> str:
        """The name of the venue's protocol."""
        if self.feed.venue != "embedded":
            return PLACES[self.feed.venue]
        return (self.feed.ws_url and self.feed.protocol) or self.exchange.protocol  # given by address, or embedded

    @property
    def fees(self) -> tuple[Decimal, Decimal]:
        """Maker and taker fee rates; by default the venue's ordinary tier.

        >>> Config().fees
        (Decimal('0.0002'), Decimal('0.0005'))
        """
        return self.fees_of(self.protocol)

    def fees_of(self, protocol: str) -> tuple[Decimal, Decimal]:
        """The same settings on a venue with another protocol."""
        maker, taker = entry_named(protocol).fees
        broker = self.broker
        return (
            maker if broker.maker_fee is None else broker.maker_fee,
            taker if broker.taker_fee is None else broker.taker_fee,
        )

    def resolved(self) -> Config:
        """The same settings, with every default that depends on the venue or another key replaced by its value."""
        maker, taker = self.fees
        return replace(
            self,
            strategy=replace(self.strategy, params=self.strategy.params.resolved()),
            broker=replace(self.broker, maker_fee=maker, taker_fee=taker),
            monitoring=replace(
                self.monitoring, port=MONITOR_PORT if self.monitoring.port is None else self.monitoring.port
            ),
        )


RENAMED: dict[str, str] = {"signal": "[strategy] kind"}
"""Keys of earlier versions, and their present names."""
