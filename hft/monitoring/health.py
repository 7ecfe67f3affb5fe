"""The health of an engine: a pure function of its state page."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from hft.alerts import LIMITS
from hft.monitoring.page import PageState

WRITER_LAG_NS = 1_000_000_000
"""Largest age of a record that waits for the database; the writer commits every 100 ms."""

JOURNAL_SHARE = 0.5
"""Largest share of the journal in use."""


class Health(msgspec.Struct, frozen=True):
    """The answer of `/health`."""

    status: str
    """``ok`` or ``unhealthy``."""
    reasons: list[str]
    """Each ``code: detail``; empty if all is well. Alerts are listed too, but do not make an engine unhealthy, since a limit that
    refuses orders works as intended."""
    run_id: str
    venue: str
    life: str
    heartbeat_age_ms: float
    symbols: dict[str, str]
    """Sync state of each symbol."""
    kill_switch: bool
    journal_used: int
    writer_lag_ms: float

    @property
    def ok(self) -> bool:
        return self.status == "ok"


def assess(state: PageState) -> Health:
    """Healthy only when the heartbeat is fresh, every book in sync on a live connection, the writer keeps up, and the kill
    switch is off. A symbol without new data is not unhealthy, since quiet markets are silent for minutes."""
    reasons = list(_reasons(state))
    return Health(
        status="unhealthy" if reasons else "ok",
        reasons=reasons + list(_alerts(state)),
        run_id=state.run_id,
        venue=state.venue,
        life=state.life,
        heartbeat_age_ms=round(state.heartbeat_age_ns / 1e6, 3),
        symbols={symbol.name: symbol.sync for symbol in state.symbols},
        kill_switch=state.kill.on,
        journal_used=state.journal_used,
        writer_lag_ms=round(state.writer_lag_ns / 1e6, 3),
    )


def _alerts(state: PageState) -> Iterator[str]:
    for symbol in state.symbols:
        if not symbol.trading:
            yield f"not_trading: the venue does not trade {symbol.name} now; orders are refused"
    if state.risk_alert:
        counts = ", ".join(f"{name} {state.rejects[name]}" for name in LIMITS if state.rejects.get(name))
        yield f"risk_alert: orders were refused by a limit within the last minute (in this run: {counts})"


def _reasons(state: PageState) -> Iterator[str]:
    if state.life == "silent":
        yield f"heartbeat_stale: the engine (pid {state.pid}) does not respond"
    elif state.life == "gone":
        yield f"engine_gone: no engine is running, pid {state.pid} was killed and left its run open"
    elif state.life != "running":
        yield f"{state.life}: the engine is {state.life}"
    for symbol in state.symbols:
        if not symbol.connected:
            yield f"not_connected: {symbol.name} has no live connection"
        if symbol.book_status != "synced":
            yield f"not_synced: the book of {symbol.name} is {symbol.book_status} ({symbol.sync})"
    if state.writer_failed:
        yield "writer_failed: the database can't be written"
    elif state.writer_lag_ns > WRITER_LAG_NS:
        yield f"writer_behind: a record has waited {state.writer_lag_ns / 1e9:.1f} s for the database"
    elif state.journal_used > JOURNAL_SHARE * state.journal_capacity:
        yield f"writer_behind: {state.journal_used} of {state.journal_capacity} journal records wait for the database"
    if state.input_held:
        yield "input_held: the journal has no room, so market data waits for the database"
    if state.recording_broken:
        yield "recording_broken: inputs are missing in the recording"
    if state.log_failed:
        yield "log_failed: the log can't be written; errors appear only here and in the database"
    if state.files_gone:
        yield "files_gone: the database, its folder or the state page was deleted or replaced; trading halted"
    if state.halted:
        yield "halted: trading halted by itself"
    if state.kill.on:
        yield f"kill_switch: on ({state.kill.reason or 'by request'})"
    elif state.kill.requested:
        yield "kill_switch: requested, not yet handled"
