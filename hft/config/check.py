"""Checks across settings, and refuses what this version does not have."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

from hft.config.sections import Config
from hft.config.values import MAX_NAME
from hft.errors import ConfigError, NotBuiltError, UsageError


def check(config: Config, where: Callable[..., str]) -> None:
    """Raises for the first setting that can't be used; `where` gives its place for the message."""
    _check_built(config, where)
    _check_symbols(config, where)
    _check_feed(config, where)
    _check_memory(config, where)
    config.strategy.params.check(config.strategy.kind)
    _check_capacity(config, where)
    _check_addresses(config, where)
    _check_names(config, where)


def misnamed(config: Config) -> str | None:
    """A warning if the strategy's name suggests another kind than the one that trades; else None.

    >>> misnamed(Config())
    >>> from msgspec.structs import replace
    >>> misnamed(replace(Config(), strategy=replace(Config().strategy, strategy_id="Momentum_2")))
    '[strategy] strategy_id = "Momentum_2" is only a name; the strategy that trades is imbalance, see kind'
    """
    name, kind = config.strategy.strategy_id, config.strategy.kind
    words = set(re.findall("[a-z]+", name.lower()))
    if kind in words or not words & OTHER_KINDS:
        return None
    return f'[strategy] strategy_id = "{name}" is only a name; the strategy that trades is {kind}, see kind'


def unlimited(config: Config) -> list[str]:
    """A warning about each risk limit that is too large to ever be reached.

    >>> from msgspec.structs import replace
    >>> strategy = Config().strategy
    >>> limits = replace(strategy.risk_limits, max_loss=Decimal("1e16"), max_order_size=Decimal("9e18"))
    >>> for line in unlimited(replace(Config(), strategy=replace(strategy, risk_limits=limits))):
    ...     print(line)
    [strategy.risk_limits] max_order_size = 9e18 is no limit: no order will ever reach it
    [strategy.risk_limits] max_loss = 1e16 is no limit: no loss will ever reach it; 0 turns it off
    """
    limits = config.strategy.risk_limits
    return [
        f"[strategy.risk_limits] {key} = {_power(value)} is no limit: {what} will ever reach it{off}"
        for key, what, off in (
            ("max_position_size", "no position", ""), ("max_order_size", "no order", ""),
            ("max_notional_exposure", "no exposure", ""), ("max_loss", "no loss", "; 0 turns it off"),
            ("max_drawdown", "no fall", "; 0 turns it off"),
        )
        if (value := Decimal(getattr(limits, key))) >= NO_LIMIT
    ]


def _power(value: Decimal) -> str:
    return f"{value.normalize():e}".replace("e+", "e")


NO_LIMIT = 10**12
"""Base or quote units from which a limit has no effect."""


OTHER_KINDS = frozenset({
    "arbitrage", "breakout", "grid", "maker", "making", "mean", "momentum", "onnx", "pairs", "reversion", "trend", "twap", "vwap",
})
"""Words for kinds of strategies that do not exist here."""


def _check_built(config: Config, where: Callable[..., str]) -> None:
    if not config.strategy.paper_trading:
        raise NotBuiltError(
            "false: trading with real orders", where=where("strategy", "paper_trading"), do="set it to true"
        )
    if config.engine.mode == "pipeline":
        raise NotBuiltError("pipeline", where=where("engine", "mode"), do='set it to "inline"')


def _check_symbols(config: Config, where: Callable[..., str]) -> None:
    symbols = config.strategy.symbols
    long = next((name for name in symbols if len(name.encode(errors="replace")) > MAX_NAME), None)
    if long is not None:
        what = f"{long} has {len(long.encode(errors='replace'))} bytes of UTF-8; {MAX_NAME} is the most"
        raise ConfigError(what, where=where("strategy", "symbols"), do="name other symbols")
    twice = next((name for name in symbols if symbols.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"{twice} is listed twice", where=where("strategy", "symbols"), do="name each symbol once")


def _check_feed(config: Config, where: Callable[..., str]) -> None:
    feed = config.feed
    if feed.venue == "embedded" and bool(feed.rest_url) != bool(feed.ws_url):
        missing = "ws_url" if feed.rest_url else "rest_url"
        raise ConfigError(
            "is missing", where=where("feed", missing), do="give both URLs; `hft sim` prints them at start"
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
            f"{database} can't be the database: it is a folder, or the name of another file of the run",
            where=where("strategy", "persistence", "database_path"),
            do="give a file such as ./data/strategy.db",
        )


def _check_capacity(config: Config, where: Callable[..., str]) -> None:
    """The journal must hold all records of one input, else no order could ever be sent."""
    from hft._core.execution.capacity import worst_cases  # compiled; not needed for help and other commands

    symbols, performance = len(config.strategy.symbols), config.strategy.performance
    least = worst_cases(
        config.strategy.most_intents(symbols),
        max_open_orders=config.engine.max_open_orders,
        order_channel_size=performance.order_channel_size,
    )["journal_least"]
    if performance.persist_channel_size < least:
        raise ConfigError(
            f"{performance.persist_channel_size} records can't hold those of one input with {_counted(symbols, 'symbol')}",
            where=where("strategy", "performance", "persist_channel_size"),
            do=f"give at least {least}",
        )


def _counted(n: int, what: str) -> str:
    return f"{n} {what}" + ("s" if n != 1 else "")


def _check_addresses(config: Config, where: Callable[..., str]) -> None:
    """Errors in an address that a pattern does not find: a bad IPv6 host, an invalid port or character."""
    for section, key, value in (("feed", "rest_url", config.feed.rest_url), ("feed", "ws_url", config.feed.ws_url)):
        try:
            parts = urlsplit(value)
            usable = not value or (bool(parts.hostname) and _is_host(parts.hostname or "") and (parts.port or 1) > 0)
        except ValueError:
            usable = False
        if not usable or not value.isprintable():
            raise ConfigError(f"{value!r} is not an address", where=where(section, key), do="give one such as https://127.0.0.1:9443")
    for section, host in (("exchange", config.exchange.host), ("monitoring", config.monitoring.host)):
        if not _is_host(host):
            raise ConfigError(f"{host[:60]!r} is not a host", where=where(section, "host"), do="give one like 127.0.0.1 or ::1")


def _is_host(name: str) -> bool:
    """Whether a name or address can be resolved in principle."""
    try:
        return name.isprintable() and " " not in name and bool(name.encode("idna")) and len(name) <= 253
    except UnicodeError:        # a label longer than 63 characters, or empty
        return False


def _check_names(config: Config, where: Callable[..., str]) -> None:
    for path, value in (
        (("strategy", "persistence", "database_path"), config.strategy.persistence.database_path),
        (("exchange", "faults"), config.exchange.faults),
    ):
        if any(ord(each) < 32 or ord(each) == 127 for each in value):
            raise ConfigError(f"{value[:60]!r} holds a control character", where=where(*path), do="give a plain file name")


_KINDS = {
    stat.S_ISDIR: "a folder", stat.S_ISFIFO: "a pipe", stat.S_ISSOCK: "a socket", stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}


def check_places(config: Config, *others: str | Path) -> None:
    """Raises if something else than a file has the name of a run's file, since opening a pipe would wait forever."""
    database = Path(config.strategy.persistence.database_path)
    beside = [Path(f"{database}{suffix}") for suffix in ("", "-wal", "-shm", "-journal")]
    beside += [config.strategy.persistence.beside(suffix) for suffix in (".state", ".log")]
    for path in (*beside, *map(Path, others)):
        try:
            mode = os.stat(path).st_mode
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as error:
            raise UsageError(f"can't be used: {getattr(error, 'strerror', None) or error}", where=str(path)) from None
        kind = next((kind for test, kind in _KINDS.items() if test(mode)), None)
        if kind is not None:
            raise UsageError(
                f"is {kind} in place of a file", where=str(path),
                do="move it away, or change [strategy.persistence] database_path",
            )
