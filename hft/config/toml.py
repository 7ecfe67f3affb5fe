"""Writes settings as TOML: the effective ones for `hft config show`, a commented file for `hft config init`."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from hft.config.secret import Secret
from hft.config.sections import Config
from hft.config.shape import Shape, shapes, walk
from hft.config.values import Section
from hft.errors import UsageError

_WIDTH = 110


def to_toml(config: Config) -> str:
    """All effective settings; reads back as the same settings. A setting that is not set is a comment with its value.

    >>> print(to_toml(Config()).splitlines()[1])
    strategy_id = "imbalance_v1"
    """
    blocks = []
    plain = dict(_tables(config, ()))
    for path, table in _tables(config.resolved(), ()):
        lines = [("# " if plain[path][key] != value else "") + _line(key, value) for key, value in table.items()]
        blocks.append("\n".join([f"[{'.'.join(map(toml_key, path))}]", *lines]))
    return "\n\n".join(blocks) + "\n"


def template() -> str:
    """A settings file that explains every key and its allowed values. Commented keys have their default."""
    blocks = [
        "# Settings of hft. `hft config check FILE` validates this file; `hft config show --config FILE` prints all settings."
    ]
    resolved = dict(_tables(Config().resolved(), ()))
    for path, section in walk(Config):
        # The strategy's tables, which most users edit, are active; the other keys are commented out.
        hidden = "" if path[0] == "strategy" else "# "
        lines = [f"# {line}" for line in textwrap.wrap(_summary(section), _WIDTH)]
        lines.append(f"[{'.'.join(path)}]")
        for key, shape in shapes(section).items():
            if shape.section is None and shape.named_section is None:
                lines += _describe(shape)
                default = resolved[path][key] if shape.default is None else shape.default
                lines.append(f"{hidden}{key} = {literal(default)}")
        blocks.append("\n".join(lines))
    blocks.append(_RULES_EXAMPLE)
    return "\n\n".join(blocks) + "\n"


def toml_key(name: str) -> str:
    """A name as a part of a dotted key, quoted if TOML requires it.

    >>> toml_key("BTCUSD_PERP"), toml_key("币安人生USDT")
    ('BTCUSD_PERP', '"币安人生USDT"')
    """
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def write_template(path: Path, *, force: bool = False) -> None:
    """Writes the commented file; an existing file is replaced only if forced."""
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(template())
    except FileExistsError:
        raise UsageError("is there already", where=str(path), do="--force replaces it") from None
    except OSError as error:
        raise UsageError(f"can't be written: {error.strerror}", where=str(path)) from None


_RULES_EXAMPLE = """\
# A symbol's rules, instead of the venue's exchangeInfo.
# [feed.symbols.BTCUSDT]
# tick = 0.1
# step = 0.001
# min_notional = 100"""


def _summary(section: type[Section]) -> str:
    return " ".join((section.__doc__ or "").split("\n\n")[0].split())


def _describe(shape: Shape) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(f"{shape.text} ({shape.allowed})", _WIDTH)]


def _tables(section: Section, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    plain: dict[str, Any] = {}
    inner = []
    for key, value in msgspec.structs.asdict(section).items():
        if isinstance(value, Section):
            inner.append(((*path, key), value))
        elif key == section.rest:
            plain |= value
        elif isinstance(value, dict):
            inner += [((*path, key, name), table) for name, table in value.items()]
        else:
            plain[key] = value
    if path:
        yield path, plain
    for below, table in inner:
        yield from _tables(table, below)


def _line(key: str, value: Any) -> str:
    return f"# {key} is set, and a secret" if isinstance(value, Secret) and value else f"{key} = {literal(value)}"


def literal(value: Any) -> str:
    """A value as TOML text."""
    match value:
        case Decimal():
            # Never with an exponent, since `1E+5` is no TOML number.
            return format(value, "f")
        case tuple() | list():
            return "[" + ", ".join(map(literal, value)) + "]"
        case _:
            # JSON strings, integers, floats and booleans are valid TOML, except for DEL, which TOML requires escaped.
            return json.dumps(value, ensure_ascii=False, default=str).replace("\x7f", "\\u007f")
