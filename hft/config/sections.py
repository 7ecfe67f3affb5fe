"""Every setting: its type, range, default, unit and meaning, section by section.

These structs are the one place where a setting is described. `loader` checks files against them, `toml` writes the commented
template from them, `docs/settings.md` is generated from them. Quantities, prices, fees and money are decimals, read from the
file's text without passing through a float.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from msgspec import field
from msgspec.structs import force_setattr, replace

from hft.config.limits import RiskLimits
from hft.config.strategies import STRATEGIES, ImbalanceParams, StrategyParams
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
    says,
)
from hft.venues.catalogue import DEFAULT, PLACES, entry_named


class Performance(Section, frozen=True):
    """Capacities. All room is reserved at start; what happens when one is used up is in docs/architecture.md."""

    buffer_capacity: Annotated[
        int, says("snapshots in the feature ring of a symbol; a window that outgrows it is shortened and counted",
                   ge=16, le=10_000_000)
    ] = 10_000
    market_channel_size: Annotated[
        int, says("updates under way in pipeline mode, which is not built yet", ge=16, le=10_000_000)
    ] = 10_000
    order_channel_size: Annotated[int, says("commands under way to the exchange", ge=16, le=1_000_000)] = 1_000
    persist_channel_size: Annotated[
        int, says("records under way to the database; more where max_open_orders needs it", ge=64, le=10_000_000)
    ] = 10_000


class Persistence(Section, frozen=True):
    """The run database. Beside `strategy.db` lie `strategy.state` and `strategy.log`, mode 0600."""

    database_path: Annotated[
        str, says("relative to the working directory; the folder is made if it is not there", min_length=1)
    ] = "./data/strategy.db"
    snapshot_interval_ms: Annotated[
        int, says("between rows of performance_metrics and strategy_snapshots", ge=100, le=86_400_000)
    ] = 60_000
    batch_size: Annotated[
        int, says("rows in a transaction at most; a smaller batch is written after 100 ms", ge=1, le=100_000)
    ] = 100

    def beside(self, suffix: str) -> Path:
        """The file of that suffix beside the database.

        >>> Persistence().beside(".log").name
        'strategy.log'
        """
        return Path(self.database_path).with_suffix(suffix)


class Strategy(Section, frozen=True):
    """What trades, on which symbols."""

    variants: ClassVar = {"params": ("kind", STRATEGIES)}

    strategy_id: Annotated[
        str, says(
            "a name for the run's database, log and metrics; what trades is chosen by kind",
            pattern="^[A-Za-z0-9_.-]{1,64}$",
            title="1 to 64 letters, digits, or any of _ . -",
        ),
    ] = "imbalance_v1"
    kind: Annotated[Literal["imbalance", "quoter"], says("what trades; its parameters are [strategy.params]")] = "imbalance"
    symbols: Annotated[
        tuple[SymbolName, ...], says("the venue's own names, upper case; one quote asset", min_length=1)
    ] = ("BTCUSDT",)
    paper_trading: Annotated[bool, says("must be true: there is no gateway for real orders")] = True
    params: StrategyParams = ImbalanceParams()
    risk_limits: RiskLimits = RiskLimits()
    performance: Performance = Performance()
    persistence: Persistence = Persistence()

    def __post_init__(self) -> None:
        if self.params == ImbalanceParams() and self.kind in STRATEGIES:     # not given: the defaults of the kind
            force_setattr(self, "params", STRATEGIES[self.kind]())


class SymbolRules(Section, frozen=True):
    """What the settings say about one symbol, ahead of every other source (rule 28)."""

    tick: Annotated[Quantity, says("price step")]
    step: Annotated[Quantity, says("order quantity step")]
    quote: Annotated[
        str, says("quote asset; empty: as exchangeInfo or the symbol's name tells", pattern="^[A-Z0-9]{0,31}$",
                   title="up to 31 upper-case letters or digits"),
    ] = ""
    min_qty: Annotated[Limit, says("smallest order; 0: no rule")] = Decimal(0)
    max_qty: Annotated[Limit, says("largest order; 0: no rule")] = Decimal(0)
    min_notional: Annotated[Limit, says("smallest order value in quote units; 0: no rule")] = Decimal(0)


class FeedSettings(Section, frozen=True):
    """Where market data comes from."""

    venue: Annotated[Venue, says("embedded: hft's own exchange, in a process of its own")] = "embedded"
    rest_url: Annotated[
        str,
        says(
            "instead of the venue's, e.g. that of a running `hft sim`",
            pattern="^(https?://[^ ]+)?$",
            title="an http:// or https:// address",
        ),
    ] = ""
    ws_url: Annotated[str, says("instead of the venue's", pattern="^(wss?://[^ ]+)?$", title="a ws:// or wss:// address")] = ""
    protocol: Annotated[
        AnyProtocol,
        says("of recorded data, and of an exchange that is only an address; empty: recognised from what it says"),
    ] = ""
    transport: Annotated[Literal["picows", "websockets"], says("picows is the fast one")] = "picows"
    depth_speed_ms: Annotated[
        Literal[0, 100, 250, 500, 1000], says("cadence of depth updates: spot 100, 1000; USD-M 0, 100, 250, 500")
    ] = 100
    trade_source: Annotated[
        Literal["", "trade", "aggTrade"],
        says("the one source of traded volume (rule 10); empty: trade, and aggTrade where the venue has no other"),
    ] = ""
    snapshot_limit: Annotated[
        Literal[0, 5, 10, 20, 50, 100, 500, 1000, 5000],
        says("levels per side of the REST snapshot; 0: the most the venue gives (spot 5000, USD-M 1000)"),
    ] = 0
    compare_ms: Annotated[
        int, says("a book is compared with a fresh REST snapshot so often, every 10 s at most; 0: never", ge=0)
    ] = 0
    silence_ms: Annotated[
        int, says("a connection silent for so long is asked whether it lives", ge=1000, le=600_000)
    ] = 30_000
    symbols: Annotated[
        dict[SymbolName, SymbolRules], says("tick, step … of a symbol, instead of the venue's exchangeInfo")
    ] = field(default_factory=dict)


class Exchange(Section, frozen=True):
    """The embedded exchange."""

    protocol: Annotated[ServedProtocol, says("which one it speaks; spot can't be sold short")] = DEFAULT
    seed: Annotated[int, says("of the order flow; the same seed gives the same market", ge=0, le=2**63 - 1)] = 1
    host: Annotated[str, says("address to listen on", min_length=1)] = "127.0.0.1"
    port: Annotated[Port, says("REST and websocket; 0: any free one")] = 0
    faults: Annotated[str, says("file of faults to inject, see docs/faults.md; empty: none", title="a TOML file")] = ""


class EngineSettings(Section, frozen=True):
    """The compiled engine."""

    mode: Annotated[
        Literal["inline", "pipeline"], says("inline: one thread runs the whole tick; pipeline is not built yet")
    ] = "inline"
    book_window_ticks: Annotated[
        int, says("ticks around the touch in the dense part of the book; a power of two", ge=1024, le=1 << 18)
    ] = 65_536
    far_levels: Annotated[int, says("levels per side beyond the dense part", ge=64, le=1 << 20)] = 8_192
    sync_buffer_levels: Annotated[
        int, says("levels of depth updates that wait for a snapshot", ge=1024, le=1 << 24)
    ] = 65_536
    max_open_orders: Annotated[int, says("open orders, all symbols together", ge=1, le=65_536)] = 256


class Broker(Section, frozen=True):
    """The simulated exchange side of own orders (rules 3 to 17, 25)."""

    entry_latency_ms: Annotated[Millis, says("from sending an order to its effect")] = Decimal(20)
    response_latency_ms: Annotated[Millis, says("from the effect to being told")] = Decimal(5)
    max_feed_delay_ms: Annotated[
        Millis, says("an order takes effect so long after it is due when no event shows the venue's time")
    ] = Decimal(50)
    queue_model: Annotated[
        Literal["risk_averse"], says("a displayed decrease is taken to be behind the order until trades show otherwise")
    ] = "risk_averse"
    maker_fee: Annotated[
        FeeRate | None, says("share of the notional, negative: rebate; default: the venue's ordinary tier")
    ] = None
    taker_fee: Annotated[FeeRate | None, says("share of the notional; default likewise")] = None
    fee_asset: Annotated[
        Literal["quote", "received"], says("received: taken from what a fill brings in, as on spot")
    ] = "quote"
    initial_cash: Annotated[
        Decimal,
        bounds(gt=0, le=46_116_860_184),
        says("equity at the start, in quote units; at or below zero the kill switch trips (rule 26)"),
    ] = Decimal("100000.0")


MONITOR_PORT = 9464
"""Of /metrics and /health, unless it is set or taken."""


class Monitoring(Section, frozen=True):
    """The monitor process: /metrics and /health."""

    enabled: Annotated[bool, says("serve them")] = True
    host: Annotated[str, says("address to listen on; loopback unless you say otherwise", min_length=1)] = "127.0.0.1"
    port: Annotated[
        Port | None, says("0: any free one; default: 9464, or a free one where another run has that, and the run says which")
    ] = None


class Logging(Section, frozen=True):
    """strategy.log (JSON lines) and stderr (short)."""

    level: Annotated[Level, says("of strategy.log")] = "info"
    console_level: Annotated[Level, says("of stderr")] = "info"
    queue_size: Annotated[
        int,
        says("lines under way to the disk; beyond it lines are dropped, and the number of them is logged", ge=64, le=1_000_000),
    ] = 10_000
    event_limit: Annotated[
        int,
        says("lines a minute of one event; the others are counted, and the number is logged; 0: no limit", ge=0, le=1_000_000),
    ] = 500
    rotate_mb: Annotated[
        int, says("strategy.log becomes strategy.log.1 at this size, that strategy.log.2 and so on; 0: never", ge=0, le=100_000)
    ] = 16
    keep: Annotated[int, says("so many older log files are kept", ge=0, le=1000)] = 4


class Recording(Section, frozen=True):
    """`hft live --record` and `hft record`: the run log in a file. Its name says how it is packed: .gz, .zst, else plain."""

    buffer_mb: Annotated[
        int, says("memory for what is under way to the disk; beyond it entries are lost, and the recording says so",
                   ge=1, le=1024)
    ] = 16
    rotate_mb: Annotated[
        int, says("a new part once a file has so many MB (of 10^6 bytes) on the disk; 0: never", ge=0, le=1_000_000)
    ] = 0
    rotate_daily: Annotated[bool, says("a new part at midnight UTC")] = False
    level: Annotated[int, says("of compression: gzip 1 to 9, zstandard 1 to 19; 0: 6 and 3", ge=0, le=19)] = 0


class Config(Section, frozen=True):
    """All settings of a run.

    >>> Config().strategy.symbols
    ('BTCUSDT',)
    >>> Config().protocol
    'binance-usdm'
    """

    strategy: Strategy = Strategy()
    feed: FeedSettings = FeedSettings()
    exchange: Exchange = Exchange()
    engine: EngineSettings = EngineSettings()
    broker: Broker = Broker()
    monitoring: Monitoring = Monitoring()
    recording: Recording = Recording()
    logging: Logging = Logging()

    @property
    def protocol(self) -> str:
        """The protocol of the venue, by name."""
        if self.feed.venue != "embedded":
            return PLACES[self.feed.venue]
        return (self.feed.ws_url and self.feed.protocol) or self.exchange.protocol  # an exchange that is only an address, or ours

    @property
    def fees(self) -> tuple[Decimal, Decimal]:
        """Maker and taker fee rates, the venue's ordinary tier where nothing is set.

        >>> Config().fees
        (Decimal('0.0002'), Decimal('0.0005'))
        """
        return self.fees_of(self.protocol)

    def fees_of(self, protocol: str) -> tuple[Decimal, Decimal]:
        """The same, on a venue of another protocol than the configured one."""
        maker, taker = entry_named(protocol).fees
        broker = self.broker
        return (
            maker if broker.maker_fee is None else broker.maker_fee,
            taker if broker.taker_fee is None else broker.taker_fee,
        )

    def resolved(self) -> Config:
        """The same, with every "the venue's own" and "as another key" replaced by what it comes to."""
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
"""Keys of earlier versions, and what they are called now."""
