"""What settings must agree on with each other, and what this version does not have."""

from __future__ import annotations

import re
from collections.abc import Callable

from hft.config.sections import Config
from hft.errors import ConfigError, NotBuiltError


def check(config: Config, where: Callable[..., str]) -> None:
    """Raise for the first setting that can't be honoured; `where` names its place for the message."""
    _check_built(config, where)
    _check_symbols(config, where)
    _check_feed(config, where)
    _check_memory(config, where)


def misnamed(config: Config) -> str | None:
    """A line about a strategy that is named like another kind than the one that trades; None where there is nothing to say.

    >>> misnamed(Config())
    >>> from msgspec.structs import replace
    >>> misnamed(replace(Config(), strategy=replace(Config().strategy, strategy_id="Momentum_2")))
    '[strategy] strategy_id = "Momentum_2" is a name and chooses nothing: what trades is imbalance, see [signal] kind'
    """
    name, kind = config.strategy.strategy_id, config.signal.kind
    words = set(re.findall("[a-z]+", name.lower()))
    if kind in words or not words & OTHER_KINDS:
        return None
    return f'[strategy] strategy_id = "{name}" is a name and chooses nothing: what trades is {kind}, see [signal] kind'


OTHER_KINDS = frozenset({
    "arbitrage", "breakout", "grid", "maker", "making", "mean", "momentum", "onnx", "pairs", "reversion", "trend", "twap", "vwap",
})
"""Words of other kinds of strategies than there are here."""


def _check_built(config: Config, where: Callable[..., str]) -> None:
    if not config.strategy.paper_trading:
        raise NotBuiltError(
            "false: trading with real orders", where=where("strategy", "paper_trading"), do="set it to true"
        )
    if config.engine.mode == "pipeline":
        raise NotBuiltError("pipeline", where=where("engine", "mode"), do='set it to "inline"')
    if config.signal.kind == "onnx":
        raise NotBuiltError("onnx", where=where("signal", "kind"), do='set it to "imbalance"')


def _check_symbols(config: Config, where: Callable[..., str]) -> None:
    symbols = config.strategy.symbols
    twice = next((name for name in symbols if symbols.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"{twice} stands there twice", where=where("strategy", "symbols"), do="name each symbol once")


def _check_feed(config: Config, where: Callable[..., str]) -> None:
    feed = config.feed
    if feed.venue == "embedded" and bool(feed.rest_url) != bool(feed.ws_url):
        missing = "ws_url" if feed.rest_url else "rest_url"
        raise ConfigError(
            "is missing", where=where("feed", missing), do="a running `hft sim` needs both URLs; it prints them at start"
        )


def _check_memory(config: Config, where: Callable[..., str]) -> None:
    window = config.engine.book_window_ticks
    if window & (window - 1):
        raise ConfigError(
            f"{window} is not a power of two",
            where=where("engine", "book_window_ticks"),
            do=f"give {1 << window.bit_length() - 1} or {1 << window.bit_length()}",
        )
    performance, persistence = config.strategy.performance, config.strategy.persistence
    if persistence.batch_size > performance.persist_channel_size:
        raise ConfigError(
            f"{persistence.batch_size} is more than persist_channel_size = {performance.persist_channel_size}",
            where=where("strategy", "persistence", "batch_size"),
            do="give at most that",
        )
    database = persistence.database_path
    if database.endswith(("/", ".journal", ".state", ".log")):
        raise ConfigError(
            f"{database} can't be the database: a folder, or a name that a file beside it has",
            where=where("strategy", "persistence", "database_path"),
            do="give a file such as ./data/strategy.db",
        )
