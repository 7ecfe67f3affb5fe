"""From a settings file to a checked `Config`."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import msgspec
from msgspec import inspect

from hft.config.check import check
from hft.config.files import read_limited
from hft.config.secret import Secret
from hft.config.sections import RENAMED, Config
from hft.config.shape import Shape, shapes, walk
from hft.config.toml import literal
from hft.config.values import Section
from hft.errors import ConfigError

S = TypeVar("S", bound=Section)
Path_ = tuple[str, ...]

COMMAND_LINE = "command line"
DEEPEST = 8
"""Most levels of nested tables; settings use at most four."""


def load(
    path: str | Path | None = None, overrides: Mapping[str, Any] | None = None, *, origin_of_overrides: str = COMMAND_LINE
) -> Config:
    """The settings of a run.

    Parameters
    ----------
    path : str or Path, optional
        A TOML file; None: only the defaults.
    overrides : mapping, optional
        Dotted key to value, e.g. ``{"feed.venue": "binance-spot"}``; they override the file.
    origin_of_overrides : str, optional
        Their source, for errors.

    Raises
    ------
    ConfigError
        One line: file, key, value, what is allowed.
    NotBuiltError
        A valid setting that this version does not support.

    >>> load(overrides={"strategy.params.imbalance_threshold": Decimal("0.4")}).strategy.params.imbalance_threshold
    0.4
    >>> load(overrides={"strategy.params.imbalance_treshold": 0.4})
    Traceback (most recent call last):
    hft.errors.ConfigError: command line: [strategy.params]: unknown key imbalance_treshold; did you mean imbalance_threshold?
    """
    table = {} if path is None else read_toml(Path(path))
    origin = {leaf: str(path) for leaf in _leaves(table)}
    for dotted, value in (overrides or {}).items():
        place = split_key(dotted)
        _put(table, place, value, origin_of_overrides)
        origin[place] = origin_of_overrides
    reader = _Reader(origin, "settings" if path is None else str(path))
    config = reader.section(Config, table, ())
    check(config, reader.where)
    return config


def parse_assignment(text: str) -> tuple[str, Any]:
    """``key=value`` of `--set`: the value is TOML, or else plain text.

    >>> parse_assignment("broker.taker_fee=0.0004")
    ('broker.taker_fee', Decimal('0.0004'))
    >>> parse_assignment("feed.venue=binance-spot")
    ('feed.venue', 'binance-spot')
    """
    if len(text.splitlines()) > 1:
        raise ConfigError(f"{_short(repr(text))} is more than one line", where="--set", do="give --set once for each key")
    key, equals, value = text.partition("=")
    key, value = key.strip(), value.strip()
    if not equals or not key:
        do = "e.g. --set strategy.params.min_confidence=0.8"
        raise ConfigError(f"{_short(repr(text))} is not key=value", where="--set", do=do)
    try:
        return key, tomllib.loads(f"x = {value}", parse_float=Decimal)["x"]
    except tomllib.TOMLDecodeError:
        return key, value
    except _UNREADABLE as error:
        raise ConfigError(_unreadable(error), where=f"--set {_short(key)}") from None


def split_key(dotted: str) -> tuple[str, ...]:
    """The parts of a dotted key; each may be quoted as in TOML.

    >>> split_key('feed.symbols."BTC.PERP".tick')
    ('feed', 'symbols', 'BTC.PERP', 'tick')
    """
    if '"' not in dotted and "'" not in dotted:
        return tuple(part.strip() for part in dotted.split("."))
    try:
        found: Any = tomllib.loads(f"{dotted} = 0")
    except (tomllib.TOMLDecodeError, *_UNREADABLE):
        raise ConfigError(f"{_short(dotted)} is not a key", where="--set", do="e.g. strategy.params.min_confidence") from None
    place: list[str] = []
    while isinstance(found, dict) and len(found) == 1:
        (key, found), = found.items()
        place.append(key)
    return tuple(place)


def read_toml(path: Path, *, missing: str = "`hft config init` writes one") -> dict[str, Any]:
    """A TOML file as tables with exact decimals; ConfigError if it can't be read. `missing` is the advice if there is no such
    file. A byte order mark, which some editors write, is ignored.
    """
    body = read_limited(path, missing=missing)
    try:
        return tomllib.loads(body.decode("utf-8-sig"), parse_float=Decimal)
    except UnicodeDecodeError as error:
        raise ConfigError(f"not UTF-8 at byte {error.start}", where=str(path), do="save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not valid TOML: {error}", where=str(path)) from None
    except _UNREADABLE as error:
        raise ConfigError(_unreadable(error), where=str(path)) from None


def read_section(kind: type[S], table: Mapping[str, Any], source: str, *path: str) -> S:
    """One table of another file, checked like settings; `source` and `path` give its place in an error."""
    return _Reader({}, source, root=kind).section(kind, table, path)


# Other errors of tomllib: for an integer of more than 4,300 digits, a decimal with too large an exponent, and arrays nested
# too deep.
_UNREADABLE = (ValueError, ArithmeticError, RecursionError)


def _unreadable(error: BaseException) -> str:
    return "is nested too deep" if isinstance(error, RecursionError) else "has a number with too many digits"


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def _leaves(table: Mapping[str, Any], path: Path_ = ()) -> list[Path_]:
    """Every key with its place; below the depth of settings a table counts as a key."""
    found = []
    for key, value in table.items():
        deeper = isinstance(value, dict) and len(path) < DEEPEST
        found += _leaves(value, (*path, key)) if deeper else [(*path, key)]
    return found


def _put(table: dict[str, Any], place: Path_, value: Any, origin: str) -> None:
    *parents, key = place
    for parent in parents:
        inner = table.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{_short(parent)} is not a table", where=f"{origin}: {_short('.'.join(place))}")
        table = inner
    from hft._core.base.checks import plain  # compiled: help and other commands do without

    table[key] = plain(value)


def _whole(value: Any) -> Any:
    """A whole number written as 1e3 or 1000.0, as an integer; anything else unchanged."""
    if type(value) not in (float, Decimal):
        return value
    number = Decimal(value)
    if number == 0:
        return 0
    return int(number) if number.is_finite() and -1 < number.adjusted() < 19 and number == int(number) else value


class _Reader:
    """Turns tables into sections; remembers the place of each key for errors."""

    def __init__(self, origin: Mapping[Path_, str], fallback: str, root: type[Section] = Config) -> None:
        self._origin = origin
        self._fallback = fallback
        self._root = root

    def where(self, *path: str) -> str:
        """``file: [section] key`` of a dotted place."""
        *section, key = path
        return f"{self._source(path)}: [{'.'.join(section)}] {key}" if section else f"{self._source(path)}: [{key}]"

    def _source(self, path: Path_) -> str:
        return next((name for leaf, name in self._origin.items() if leaf[: len(path)] == path), self._fallback)

    def section(self, kind: type[S], table: Mapping[str, Any], path: Path_) -> S:
        known = shapes(kind)
        if kind.rest:
            own = {key: value for key, value in table.items() if key not in known}
            table = {key: value for key, value in table.items() if key in known} | ({kind.rest: own} if own else {})
        for key in table:
            if key not in known:
                self._unknown(key, list(known), path)
        missing = [key for key, shape in known.items() if shape.required and key not in table]
        if missing:
            raise ConfigError("is missing", where=self.where(*path, missing[0]), do=f"give {known[missing[0]].allowed}")
        values = {key: self._value(known[key], table[key], (*path, key)) for key in table if key not in kind.variants}
        for key, (chooser, sections) in kind.variants.items():
            if key in table:
                chosen = sections(values.get(chooser, known[chooser].default))
                values[key] = self.section(chosen, self._table(known[key], table[key], (*path, key)), (*path, key))
        return kind(**values)

    def _value(self, shape: Shape, value: Any, path: Path_) -> Any:
        from hft._core.base.checks import plain

        value = plain(value)
        if isinstance(value, str) and not _is_text(value):
            raise ConfigError(f"{ascii(value)[:60]} is not UTF-8", where=self.where(*path), do="write it as UTF-8")
        if shape.section is not None:
            return self.section(shape.section, self._table(shape, value, path), path)
        if shape.named_section is not None:
            return {
                name: self.section(shape.named_section, self._table(shape, inner, (*path, name)), (*path, name))
                for name, inner in self._table(shape, value, path).items()
            }
        if isinstance(shape.kind, (inspect.DecimalType, inspect.FloatType)):
            return self._number(shape, value, path)
        if shape.secret:
            return self._secret(shape, value, path)
        if isinstance(shape.kind, inspect.IntType):
            value = _whole(value)
        try:
            return msgspec.convert(value, shape.type)
        except (msgspec.ValidationError, OverflowError, RecursionError):
            self._refuse(shape, value, path)

    def _number(self, shape: Shape, value: Any, path: Path_) -> Decimal | float:
        if type(value) not in (int, float, Decimal):
            self._refuse(shape, value, path)
        try:
            from hft._core.base.checks import decimal

            number = decimal("", value)
        except ValueError:
            self._refuse(shape, value, path)
        if not shape.within(number):
            self._refuse(shape, value, path)
        return float(number) if isinstance(shape.kind, inspect.FloatType) else number

    def _secret(self, shape: Shape, value: Any, path: Path_) -> Secret:
        if self._source(path) == COMMAND_LINE:
            do = "give it in a settings file"
            raise ConfigError("is a secret, which others could see there", where=self.where(*path), do=do)
        if isinstance(value, Secret):
            return value
        if not isinstance(value, str):
            raise ConfigError("that is not allowed", where=self.where(*path), do=f"give {shape.allowed}")
        return Secret(value)

    def _table(self, shape: Shape, value: Any, path: Path_) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            self._refuse(shape, value, path)
        return value

    def _refuse(self, shape: Shape, value: Any, path: Path_) -> NoReturn:
        raise ConfigError(f"{_shown(value)} is not allowed", where=self.where(*path), do=f"give {shape.allowed}")

    def _unknown(self, key: str, known: list[str], path: Path_) -> NoReturn:
        source = self._source((*path, key))
        where = f"{source}: [{'.'.join(path)}]" if path else source
        elsewhere = {name: ".".join(place) for place, kind in walk(self._root) if place != path for name in shapes(kind)}
        if new := RENAMED.get(".".join((*path, key))):
            do = f"its name is {new} now"
        elif near := difflib.get_close_matches(key, known, 1):
            do = f"did you mean {near[0]}?"
        elif near := difflib.get_close_matches(key, elsewhere, 1):
            do = f"did you mean {near[0]} in [{elsewhere[near[0]]}]?"
        else:
            do = "known here: " + ", ".join(known)
        raise ConfigError(f"unknown key {_short(key)}", where=_short(where) if len(where) > 300 else where, do=do)


def _is_text(value: str) -> bool:
    """Whether it can be encoded, since the shell may pass bytes that are not UTF-8."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: Any) -> str:
    """A value as in the file, shortened."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) > 60:
        return str(value)
    try:
        return _short(literal(value))
    except (ValueError, RecursionError, TypeError):     # an integer of more than 4,300 digits, or a list that contains itself
        from hft._core.base.checks import shown

        return shown(value)
