"""The settings of a backtest called from Python: a file or a `Config`, and keyword arguments that override it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hft.config import Config, load
from hft.config.objects import flat, validated
from hft.config.shape import shapes, walk
from hft.errors import ConfigError

_ARGUMENTS = "arguments"


def settled(config: Config | str | os.PathLike[str] | None, settings: Mapping[str, Any]) -> Config:
    """The effective settings; keys of `settings` are dotted, or only the last part if it is unique.

    Raises `ConfigError` for a key that is unknown or ambiguous, and for a value that is not allowed.

    >>> settled(None, {"entry_latency_ms": 35}).broker.entry_latency_ms
    Decimal('35')
    >>> settled(None, {"max_position_size": 2})
    Traceback (most recent call last):
    hft.errors.ConfigError: max_position_size: is in [strategy.params] and in [strategy.risk_limits]; name it in full
    """
    chosen = {_dotted(key): value for key, value in settings.items()}
    if isinstance(config, Config):
        return load(None, {**flat(validated(config)), **chosen}, origin_of_overrides=_ARGUMENTS)
    return load(None if config is None else Path(config), chosen, origin_of_overrides=_ARGUMENTS)


def _dotted(key: str) -> str:
    if "." in key:
        return key
    places = [(*path, key) for path, section in walk(Config) if key in shapes(section)]
    if len(places) > 1:
        tables = " and in ".join(f"[{'.'.join(place[:-1])}]" for place in places)
        raise ConfigError(f"is in {tables}", where=key, do="name it in full")
    return ".".join(places[0]) if places else key
