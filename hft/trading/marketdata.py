"""Builds the feed of an engine from the settings, and logs its events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hft._core.base.runclock import RunClock
from hft._core.engine.engine import Engine
from hft.config import Config
from hft.data.recorder import Recorder
from hft.net.feed import Feed
from hft.net.line import Timing
from hft.net.rulewatch import RulesWatch
from hft.run.feed_event import ALERTS, FeedEvent
from hft.venues.live import RestClient, Trades, Venue


def stream_of_trades(config: Config, venue: Venue) -> Trades:
    """The stream of traded volume: the configured one, else the venue's."""
    return config.feed.trade_source or venue.trades


def build_feed(
    config: Config,
    venue: Venue,
    engine: Engine,
    *,
    clock: RunClock,
    rest: RestClient,
    on_event: Callable[[FeedEvent], None],
    info: bytes = b"",
    recorder: Recorder | None = None,
) -> Feed:
    """The feed of an engine's symbols; `info` is the exchangeInfo that it was built from."""
    settings = config.feed
    record = (lambda _: None) if recorder is None else (lambda body: recorder.exchange_info(body, clock.now()))
    return Feed(
        venue, [spec.name for spec in engine.symbols], engine, clock=clock, rest=rest, transport=settings.transport,
        depth_ms=settings.depth_speed_ms, trades=stream_of_trades(config, venue), snapshot_limit=settings.snapshot_limit,
        timing=Timing(silent_after_s=settings.silence_ms / 1000), on_event=on_event,
        rules=RulesWatch(rest, engine, clock, fixed=frozenset(settings.symbols), info=info, on_info=record),
    )


def log_event(log: Any, event: FeedEvent, *, ending: bool) -> None:
    """Logs one line about an event of the feed; never a warning while a run is `ending`."""
    say = log.warning if event.kind in ALERTS and not ending else log.info
    say(event.kind.replace("_", " "), text=event.text, **({"symbols": ",".join(event.symbols)} if event.symbols else {}))
