"""Checks a `Config` built in Python: its structs accept any value, so it is validated like a settings file."""

from __future__ import annotations

from typing import Any

from msgspec.structs import asdict

from hft.config.loader import load
from hft.config.sections import Config
from hft.config.values import Section


def validated(config: Config) -> Config:
    """The same settings with every value checked; raises the errors of `load`.

    >>> from msgspec.structs import replace
    >>> from hft.config import ImbalanceParams, StrategySettings
    >>> validated(Config(strategy=StrategySettings(params=ImbalanceParams(imbalance_threshold=7))))
    Traceback (most recent call last):
    hft.errors.ConfigError: Config: [strategy.params] imbalance_threshold: 7 is not allowed; give a number above 0 up to 1
    """
    return load(None, flat(config), origin_of_overrides="Config")


def flat(section: Section, path: tuple[str, ...] = ()) -> dict[str, Any]:
    """Every setting by its dotted key, without those that are not set."""
    found: dict[str, Any] = {}
    for name, value in asdict(section).items():
        place = (*path, name)
        if isinstance(value, Section):
            found |= flat(value, place)
        elif name == section.rest:
            found |= {".".join((*path, key)): each for key, each in value.items()}
        elif isinstance(value, dict):
            found[".".join(place)] = {key: asdict(each) if isinstance(each, Section) else each for key, each in value.items()}
        elif value is not None:
            found[".".join(place)] = value
    return found
