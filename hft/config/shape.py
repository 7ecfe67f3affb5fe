"""The shape of a setting, read from its type: to check values, and to describe what is allowed."""

from __future__ import annotations

import functools
import typing
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
from msgspec import inspect

from hft.config.secret import Secret
from hft.config.values import Section

_BOUNDS = {"gt": "above", "ge": "from", "lt": "below", "le": "up to"}


class Shape(NamedTuple):
    """One key of a section."""

    key: str
    type: Any
    """The annotated type, for msgspec."""
    kind: inspect.Type
    """The type without its wrappers; for an optional setting, that of its value."""
    bounds: dict[str, Any]
    text: str
    title: str
    """Description of the allowed values, if the type is not clear enough."""
    default: Any
    required: bool

    @property
    def section(self) -> type[Section] | None:
        """The section that the key opens, if any; the default one if several are possible."""
        if not isinstance(self.kind, inspect.StructType):
            return None
        return type(self.default) if isinstance(self.default, Section) else self.kind.cls

    @property
    def named_section(self) -> type[Section] | None:
        """The section that each name below the key opens, as in `[feed.symbols.BTCUSDT]`."""
        value = self.kind.value_type if isinstance(self.kind, inspect.DictType) else None
        return value.cls if isinstance(value, inspect.StructType) else None

    @property
    def secret(self) -> bool:
        """Whether it is a secret, which is never shown."""
        return isinstance(self.kind, inspect.CustomType) and self.kind.cls is Secret

    @property
    def allowed(self) -> str:
        """A description of the allowed values.

        >>> from hft.config.strategies import ImbalanceParams
        >>> shapes(ImbalanceParams)["imbalance_threshold"].allowed
        'a number above 0 up to 1'
        """
        match self.kind:
            case inspect.BoolType():
                return "true or false"
            case inspect.LiteralType():
                return "one of " + ", ".join(msgspec.json.encode(value).decode() for value in self._choices())
            case inspect.IntType():
                return "a whole number" + self._range()
            case inspect.FloatType() | inspect.DecimalType():
                return "a number" + self._range()
            case inspect.StrType():
                return self.title or "text, not empty"
            case inspect.CustomType():
                return "text, which is not shown again"
            case inspect.VarTupleType(item_type=item, max_length=most):
                return f"a list of {'1 or more' if most is None else f'1 to {most}'} {_unwrap(item, self.key).title}"
            case _:
                return "a table"

    def _choices(self) -> tuple[Any, ...]:
        # In the declared order, as msgspec sorts them.
        literal, *_ = typing.get_args(self.type)
        return typing.get_args(literal)

    def _range(self) -> str:
        words = [f" {word} {self.bounds[name]}" for name, word in _BOUNDS.items() if self.bounds.get(name) is not None]
        return "".join(words)

    def within(self, number: Decimal | float) -> bool:
        """Whether a number is finite and in bounds."""
        bounds = self.bounds
        return (
            Decimal(number).is_finite()
            and (bounds.get("gt") is None or number > bounds["gt"])
            and (bounds.get("ge") is None or number >= bounds["ge"])
            and (bounds.get("lt") is None or number < bounds["lt"])
            and (bounds.get("le") is None or number <= bounds["le"])
        )


def _unwrap(kind: inspect.Type, key: str) -> Shape:
    texts: dict[str, str] = {}
    bounds: dict[str, Any] = {}
    while isinstance(kind, (inspect.Metadata, inspect.UnionType)):
        if isinstance(kind, inspect.Metadata):
            texts = {**(kind.extra_json_schema or {}), **texts}
            bounds.update(kind.extra or {})
            kind = kind.type
        else:
            kind = next(option for option in kind.types if not isinstance(option, inspect.NoneType))
    if isinstance(kind, (inspect.IntType, inspect.FloatType)):
        bounds.update({name: getattr(kind, name) for name in _BOUNDS})
    return Shape(key, None, kind, bounds, texts.get("description", ""), texts.get("title", ""), msgspec.NODEFAULT, False)


@functools.cache
def shapes(section: type[Section]) -> Mapping[str, Shape]:
    """The keys of a section, in the order of declaration."""
    kind = inspect.type_info(section)
    assert isinstance(kind, inspect.StructType)
    found = {}
    for item, annotated in zip(kind.fields, msgspec.structs.fields(section), strict=True):
        default = item.default if item.default_factory is msgspec.NODEFAULT else item.default_factory()
        found[item.name] = _unwrap(item.type, item.name)._replace(
            type=annotated.type, default=default, required=item.required
        )
    return found


def walk(section: type[Section], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], type[Section]]]:
    """Every section below one, with its dotted place: ``(("strategy", "params"), Params)``, ..."""
    for key, shape in shapes(section).items():
        if shape.section is not None:
            yield (*path, key), shape.section
            yield from walk(shape.section, (*path, key))
