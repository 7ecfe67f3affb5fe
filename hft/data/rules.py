"""Changes of symbols' rules within a session (SEMANTICS 28), read from exchangeInfo."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import TypedDict

import msgspec

from hft._core.base.types import Spec
from hft.data.record import Kind, Record
from hft.errors import NOT_JSON, DamagedData
from hft.venues.recorded import listed as listed_in

TRADING = "TRADING"


class Ruling(TypedDict):
    """A symbol and the keyword arguments of `hft.Engine.set_rules` for it, as decimal text: a `rules` line of a run log."""

    symbol: str
    tick: str
    step: str
    quantum: str
    min_qty: str
    max_qty: str
    min_notional: str
    trading: bool


def statuses(body: bytes) -> dict[str, str]:
    """The status of each symbol in an exchangeInfo: TRADING, BREAK, HALT, SETTLING …; empty if it has none.

    >>> statuses(b'{"symbols":[{"symbol":"A","status":"BREAK"},{"symbol":"B","contractStatus":"TRADING"},{"symbol":"C"}]}')
    {'A': 'BREAK', 'B': 'TRADING', 'C': ''}
    """
    try:
        return {each.symbol: each.status or each.contract_status or "" for each in _statuses(body).symbols}
    except NOT_JSON:
        return {}


def is_trading(status: str) -> bool:
    """Whether the venue takes orders. Without a status the symbol counts as traded."""
    return status in ("", TRADING)


def ruling(spec: Spec, *, trading: bool = True) -> Ruling:
    """The rules of a specification.

    >>> ruling(Spec("BTCUSDT", tick="0.10", step="0.001"))["tick"]
    '0.1'
    """
    def text(number: Decimal) -> str:
        return f"{number.normalize():f}"

    return Ruling(
        symbol=spec.name, tick=text(spec.tick), step=text(spec.step), quantum=text(spec.quantum), min_qty=text(spec.min_qty),
        max_qty=text(spec.max_qty), min_notional=text(spec.min_notional), trading=trading,
    )


class _Status(msgspec.Struct, rename="camel"):
    symbol: str
    status: str | None = None
    contract_status: str | None = None


class _Statuses(msgspec.Struct):
    symbols: list[_Status]


_statuses = msgspec.json.Decoder(_Statuses).decode


class Changes:
    """Remembers the rules of some symbols, and finds what an exchangeInfo changes.

    Parameters
    ----------
    known : iterable of Spec
        The present specifications.
    fixed : collection of str
        Symbols whose tick and lot come from the settings, not from the venue.
    """

    def __init__(self, known: Iterable[Spec], fixed: Collection[str] = ()) -> None:
        self._specs = {spec.name: spec for spec in known}
        self._now = {name: ruling(spec) for name, spec in self._specs.items()}
        self._fixed = fixed
        self.wrong: ValueError | None = None

    def of(self, body: bytes) -> list[Ruling]:
        """The changes of `new`, all of them applied."""
        changed = self.new(body)
        for each in changed:
            self.take(each)
        return changed

    def new(self, body: bytes, *, whole: bool = False) -> list[Ruling]:
        """The rules that changed and were not taken yet. A symbol with invalid new rules (`wrong` says why) keeps its old rules,
        with the new status. In a `whole` answer, which would list every symbol, an absent symbol is not traded.

        Raises one of `hft.errors.NOT_JSON` for a body that is not an exchangeInfo.
        """
        self.wrong = None
        changed = []
        listed, status = listed_in(body), statuses(body)
        for name, spec in self._specs.items():
            found = self._now[name].copy()
            if name in listed:
                found["trading"] = is_trading(status.get(name, ""))
                if name not in self._fixed:
                    try:
                        new = ruling(ruled(spec, listed[name]), trading=found["trading"])
                        found = {**new, "quantum": self._quantum(name, new["quantum"])}
                    except ValueError as error:
                        self.wrong = error
            elif whole:
                found["trading"] = False
            if found != self._now[name]:
                changed.append(found)
        return changed

    def take(self, new: Ruling) -> None:
        """Marks these rules as valid from now on."""
        self._now[new["symbol"]] = new

    def _quantum(self, name: str, quantum: str) -> str:
        """The finer of the old quantum and the new, so that quantities kept in the old one stay exact."""
        return min(self._now[name]["quantum"], quantum, key=Decimal)


def ruled(spec: Spec, rules: Mapping[str, object]) -> Spec:
    """The specification of a symbol under other rules, those of an exchangeInfo."""
    names = ("tick", "step", "quantum", "min_qty", "max_qty", "min_notional")
    return spec.ruled(**{name: rules[name] for name in names if name in rules})     # type: ignore[arg-type]


def changed(info: Record, changes: Changes) -> Iterator[Record]:
    """The run log's lines for the changes in an exchangeInfo, which apply from its place on."""
    try:
        found = changes.of(info.data)
        if changes.wrong is not None:
            raise changes.wrong
    except NOT_JSON as error:
        raise DamagedData(f"the exchangeInfo received at {info.ns} can't be read: {error}"[:300],
                          do="set [feed.symbols.<symbol>] tick and step") from None
    for each in found:
        yield Record(info.ns, Kind.LOG, msgspec.json.encode({"hft": {"rules": each}}))
