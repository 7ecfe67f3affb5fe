"""The state page in readable form: decimals for prices and money, names for codes, ages for times."""

from __future__ import annotations

import math
import os
import resource
import time
from decimal import Decimal
from typing import Any

import msgspec

from hft._core.base import status
from hft._core.base.histogram import Histogram
from hft._core.base.types import Spec
from hft._core.record import names
from hft._core.record.page import PageError, StatePage
from hft._core.record.pagefile import PageInSetup, is_owned
from hft.errors import UsageError
from hft.inode import Identity, identity
from hft.run.summary import Pnl

SILENT_AFTER_NS = 1_000_000_000
"""Heartbeat age above which the engine counts as dead or stuck: a hundred intervals of 10 ms."""

SETUP_S = 2.0
"""Longest wait for an engine to set up a page, which takes microseconds, or longer on a busy machine."""

SYNC_STATES = ("connecting", "buffering", "bridging", "synced")
"""Names by number, see `hft/_core/market/sync.pxd`."""

NAME_IT = "name the database_path of its run with --config FILE or --set strategy.persistence.database_path=FILE"
"""Advice if the files of a run are not found."""


class Level(msgspec.Struct, frozen=True):
    """A price level of the ladder."""

    price: Decimal
    qty: Decimal


class ShownSignal(msgspec.Struct, frozen=True):
    """The signal at the time of the page."""

    strength: float
    confidence: float
    holding_period_ns: int


class SymbolState(msgspec.Struct, frozen=True):
    """One symbol."""

    name: str
    quote: str
    synced: bool
    sync: str
    """One of `SYNC_STATES`."""
    connected: bool
    trading: bool
    """False: the venue does not trade it now (BREAK, HALT, CANCEL_ONLY …); orders are refused."""
    book_status: str
    """``synced``: in sync, both sides quoted, no recent crossing; ``suspect``: no longer so; ``syncing``: never was."""
    update_age_ns: int | None
    """Age of the newest market data; None before the first."""
    bids: list[Level]
    asks: list[Level]
    mid: Decimal | None
    spread_bps: float | None
    features: dict[str, float | None]
    """`FeatureVector` in the symbol's own units; None: not valid yet."""
    signal: ShownSignal | None
    position: Decimal
    pnl: Pnl
    mark: Decimal | None
    mark_stale: bool
    open_orders: int
    resyncs: int
    gaps: int
    venue_offset_ns: int


class Event(msgspec.Struct, frozen=True):
    """A change of an order, or a fill."""

    kind: str
    ts_ns: int
    order_id: int
    symbol: str
    side: str
    type: str
    """The order's type, ``limit`` or ``market``; empty for a fill."""
    price: Decimal
    """A fill's price, an order's limit, or a market order's collar."""
    qty: Decimal
    leaves: Decimal
    status: str
    """The order's status; empty for a fill."""
    reason: str
    maker: bool


class Channel(msgspec.Struct, frozen=True):
    """A bounded channel between threads."""

    name: str
    capacity: int
    used: int
    waits: int


class Kill(msgspec.Struct, frozen=True):
    """The kill switch."""

    on: bool
    reason: str
    since_ns: int
    requested: bool | None
    """A request that the engine has not handled yet: True trip, False release."""


class PageState(msgspec.Struct, frozen=True):
    """A whole page at one moment."""

    path: str | None
    life: str
    """``running``, ``stopping``, ``stopped`` (regularly), ``silent`` (no heartbeat) or ``gone`` (its process was killed)."""
    heartbeat_age_ns: int
    uptime_ns: int
    start_ns: int
    pid: int
    run: int
    run_id: str
    strategy: str
    venue: str
    build: str
    halted: bool
    writer_failed: bool
    recording_broken: bool
    files_gone: bool
    input_held: bool
    log_failed: bool
    risk_alert: bool
    """Orders were refused by a limit within the last minute."""
    kill: Kill
    counters: dict[str, int]
    messages: dict[str, int]
    rejects: dict[str, int]
    faults: dict[str, int]
    histograms: dict[str, Histogram]
    """`tick_to_trade`, `tick`, `features`: nanoseconds."""
    pnl: Pnl
    exposure: Decimal
    open_orders: int
    journal_used: int
    journal_capacity: int
    writer_lag_ns: int
    connections: int
    rss_bytes: int
    channels: list[Channel]
    symbols: list[SymbolState]
    recent: list[Event]
    """Newest first."""
    torn: bool
    """The engine died or was suspended during a write, so figures may be inconsistent."""


class InSetup(UsageError):
    """A page that is still being set up."""


class PageReader:
    """Reads one engine's page repeatedly; follows a new engine that takes over or replaces the file.

    Raises `UsageError` if the file is missing, can't be read, or is not a state page of this version.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._open(SETUP_S)

    def read(self, wait_s: float = 0.05) -> PageState:
        """The page now. UsageError if a new engine is still setting it up after `wait_s`; the next read tries again.

        If the file is gone, the old page is shown.
        """
        until = time.monotonic() + wait_s
        while True:
            if self._replaced():
                self._open(max(0.0, until - time.monotonic()))
            raw = self._page.read()
            if self._page.started == self._started:     # a page set up anew meanwhile is a mixture
                return view(raw, time.monotonic_ns(), gone=self._is_left(raw["header"]["flags"]))

    def _is_left(self, flags: set[str]) -> bool:
        """Whether the engine was killed: its page says that it runs, but has no owner."""
        if not flags & _ALIVE:
            return False
        try:
            return not is_owned(self.path)
        except OSError:     # deleted or unreadable: only the heartbeat is left
            return False

    def _replaced(self) -> bool:
        return self._page.started != self._started or _identity(self.path) not in (None, self._file)

    def _open(self, wait_s: float) -> None:
        """The page of one engine: opened twice, since an engine may take it over after it was opened."""
        until = time.monotonic() + wait_s
        while True:
            file = _identity(self.path)
            before = open_page(self.path, wait_s=max(0.0, until - time.monotonic())).started
            page = open_page(self.path, wait_s=max(0.0, until - time.monotonic()))
            if (started := page.started) == before != 0:
                self._file, self._page, self._started = file, page, started     # set last, so that a failed read tries again
                return
            if time.monotonic() >= until:
                raise InSetup(f"{self.path}: the state page is being set up")


def _identity(path: str) -> Identity | None:
    """The identity of the page's file; None if it is missing or can't be checked: then the open page stays in use."""
    try:
        return identity(path)
    except OSError:
        return None


def open_page(path: str | os.PathLike[str], *, writable: bool = False, wait_s: float = SETUP_S) -> StatePage:
    """`StatePage.open` with advice in its errors; waits for a page in setup."""
    until = time.monotonic() + wait_s
    while True:
        try:
            return StatePage.open(path, writable=writable)
        except PageInSetup as error:
            if time.monotonic() >= until:
                raise InSetup(str(error)) from None
            time.sleep(0.002)
        except PageError as error:
            raise UsageError(str(error)) from None
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            where = os.path.abspath(path)
            if missing:
                raise UsageError("no such state page", where=where, do=f"start `hft live`, or {NAME_IT}") from None
            raise UsageError(f"can't be read: {error.strerror}", where=where, do="check its permissions") from None


def view(raw: dict[str, Any], monotonic_ns: int, *, gone: bool = False) -> PageState:
    """The result of `StatePage.read` in readable form; `monotonic_ns` is the present `time.monotonic_ns()`; `gone`: no process
    has the page."""
    header, totals, counters = raw["header"], raw["totals"], dict(raw["counters"])
    now = monotonic_ns + header["clock_offset_ns"]  # on the engine's clock
    age = now - header["heartbeat_ns"]
    flags = header["flags"]
    specs = [symbol["spec"] for symbol in raw["symbols"]]
    return PageState(
        path=header["path"],
        life=_life(flags, age, gone),
        heartbeat_age_ns=age,
        uptime_ns=header["heartbeat_ns"] - header["start_ns"] if header["heartbeat_ns"] else 0,
        start_ns=header["start_ns"],
        pid=header["pid"],
        run=header["run"],
        run_id=header["run_id"],
        strategy=header["strategy"],
        venue=header["venue"],
        build=header["build"],
        halted="halted" in flags,
        writer_failed="writer_failed" in flags,
        recording_broken="recording_broken" in flags,
        files_gone="files_gone" in flags,
        input_held="input_held" in flags,
        log_failed="log_failed" in flags,
        risk_alert="risk_alert" in flags,
        kill=Kill(header["kill_on"], header["kill_reason"], header["kill_since_ns"], header["kill_requested"]),
        messages=counters.pop("messages"),
        rejects=counters.pop("rejects"),
        faults=counters.pop("faults"),
        counters=counters,
        histograms=raw["histograms"],
        pnl=Pnl(_money(totals["realised"]), _money(totals["unrealised"]), _money(totals["fees"]), _money(totals["pnl"])),
        exposure=_money(totals["exposure"]),
        open_orders=totals["open_orders"],
        journal_used=totals["journal_used"],
        journal_capacity=totals["journal_capacity"],
        writer_lag_ns=totals["writer_lag_ns"],
        connections=totals["connections"],
        rss_bytes=_resident(header["pid"]),
        channels=[Channel(**channel) for channel in raw["channels"]],
        symbols=[_symbol(symbol, now) for symbol in raw["symbols"]],
        recent=[_event(record, specs) for record in raw["recent"] if 0 <= record["symbol"] < len(specs)],
        torn=totals["torn"] or any(symbol["market"]["torn"] or symbol["view"]["torn"] for symbol in raw["symbols"]),
    )


_ALIVE = {"running", "stopping"}


def _life(flags: set[str], age: int, gone: bool) -> str:
    if not flags & _ALIVE:
        return "stopped"
    if gone:
        return "gone"
    if not -SILENT_AFTER_NS < age < SILENT_AFTER_NS:  # a heartbeat in the future is from before a reboot
        return "silent"
    return "stopping" if "stopping" in flags else "running"


def _resident(pid: int) -> int:
    """Resident memory of a process in bytes; 0 if it has ended or the figure is unknown."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def _money(e8: int) -> Decimal:
    return Decimal(e8).scaleb(-8)


def _symbol(raw: dict[str, Any], now: int) -> SymbolState:
    spec, fields, market = raw["spec"], raw["view"], raw["market"]
    state = fields["sync_state"]
    return SymbolState(
        name=spec.name,
        quote=spec.quote,
        synced=state == len(SYNC_STATES) - 1,
        sync=SYNC_STATES[state] if 0 <= state < len(SYNC_STATES) else f"state {state}",
        connected=bool(fields["connected"]),
        trading=not fields["closed"],
        book_status=names.BOOK_STATUS.get(fields["book_status"], "suspect"),
        update_age_ns=now - fields["last_update_ns"] if fields["last_update_ns"] else None,
        bids=[Level(spec.price(level["price"]), spec.qty(level["qty"])) for level in fields["bids"]],
        asks=[Level(spec.price(level["price"]), spec.qty(level["qty"])) for level in fields["asks"]],
        mid=spec.price(market["mid2"]) / 2 if market["mid2"] else None,
        spread_bps=market["spread_bps"] / 1000 if market["mid2"] else None,
        features=_features(fields["features"], spec),
        signal=ShownSignal(fields["signal_strength"], fields["signal_confidence"], fields["holding_period_ns"])
        if fields["has_signal"]
        else None,
        position=spec.qty(fields["position"]),
        pnl=Pnl(
            _money(fields["realised"]),
            _money(fields["unrealised"]),
            _money(fields["fees"]),
            _money(fields["realised"] + fields["unrealised"] - fields["fees"]),
        ),
        mark=spec.price(fields["mark2"]) / 2 if fields["mark2"] else None,
        mark_stale=bool(fields["mark_stale"]),
        open_orders=fields["open_orders"],
        resyncs=fields["resyncs"],
        gaps=fields["gaps"],
        venue_offset_ns=fields["theta_ns"],
    )


_BOOK, _FLOW = 1, 2  # bits of `valid`, see FeatureBit
_FLOW_FEATURES = ("signed_volume", "intensity")


def _features(raw: dict[str, Any], spec: Spec) -> dict[str, float | None]:
    tick, quantum = float(spec.price_unit), float(spec.quantum)
    units = {"mid": tick, "microprice": tick, "ofi": quantum, "signed_volume": quantum}
    out: dict[str, float | None] = {}
    for name, value in raw.items():
        if not isinstance(value, float):
            continue
        valid = raw["valid"] & (_FLOW if name in _FLOW_FEATURES else _BOOK) and not math.isnan(value)
        out[name] = value * units.get(name, 1.0) if valid else None
    return out


def _event(r: dict[str, Any], specs: list[Spec]) -> Event:
    spec = specs[r["symbol"]]
    kind = names.RECORD_KIND.get(r["kind"], "?")
    return Event(
        kind=kind,
        ts_ns=r["ts_ns"],
        order_id=r["order_id"],
        symbol=spec.name,
        side=names.SIDE.get(r["side"], "?"),
        type=names.TYPE.get(r["type"], "?") if kind == "order" else "",
        price=spec.price(r["price"]),
        qty=spec.qty(r["qty"]),
        leaves=spec.qty(r["leaves"]),
        status=names.ORDER_STATUS.get(r["status"], "?") if kind == "order" else "",
        reason=status.name(r["reason"]) if r["reason"] else "",
        maker=bool(r["maker"]),
    )
