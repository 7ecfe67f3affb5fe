"""Symbol specifications: the sources of tick, step and the rules for orders, in one function for all commands.

The order of sources is SEMANTICS 28: the settings; exchangeInfo, recorded or fetched; the shipped, dated table; the printed
decimals. It never uses a greatest common divisor of prices: a book that happened to move in steps of two would double its tick.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from hft._core.base.types import Spec, common_unit
from hft.config.toml import toml_key
from hft.errors import NOT_JSON, UsageError
from hft.venues.protocol import SpecRules, Text, VenueProtocol
from hft.venues.quotes import AS_OF, quote_of
from hft.venues.registry import protocol_named


class Rules(Protocol):
    """A symbol's rules in the settings: `hft.config.SymbolRules`."""

    @property
    def tick(self) -> Text: ...
    @property
    def step(self) -> Text: ...
    @property
    def quote(self) -> str: ...
    @property
    def min_qty(self) -> Text: ...
    @property
    def max_qty(self) -> Text: ...
    @property
    def min_notional(self) -> Text: ...


class Printed(msgspec.Struct):
    """The most decimals of a symbol's numbers, without trailing zeros, since spot prints eight decimals."""

    price: int = 0
    qty: int = 0

    def add(self, other: Printed) -> None:
        """Adds the decimals of another one."""
        self.price, self.qty = max(self.price, other.price), max(self.qty, other.qty)


class ResolvedSpec(msgspec.Struct, frozen=True):
    """A specification and its source, e.g. ``"exchangeInfo"`` or ``"table of 2024-08-08"``."""

    spec: Spec
    source: str


def resolve(
    symbols: Sequence[str],
    protocol: str,
    *,
    fees: tuple[Text, Text],
    fee_asset: str = "quote",
    settings: Mapping[str, Rules] | None = None,
    exchange_info: Iterable[bytes] = (),
    printed: Mapping[str, Printed] | None = None,
    exchange: str = "",
    leads: bool = True,
) -> list[ResolvedSpec]:
    """The specification of each symbol, from the first source that knows it.

    Parameters
    ----------
    symbols : sequence of str
        Upper case, the venue's names.
    protocol : str
        Name of the venue's protocol.
    fees : pair
        Maker and taker rate, as fractions of the notional.
    fee_asset : ``"quote"`` or ``"received"``
    settings : mapping, optional
        ``[feed.symbols.*]``, by symbol.
    exchange_info : iterable of bytes
        exchangeInfo bodies, recorded or fetched, oldest first. The first one applies from the beginning, unless it comes later
        and the numbers seen don't fit it. `hft.data.rules` handles changes by later ones; units are fine enough for all.
    leads : bool
        The first exchangeInfo comes before all messages, so it applies whatever numbers come later.
    printed : mapping, optional
        Decimals seen in a recording, see `hft.data.probe`; the last resort.
    exchange : str
        The symbols' exchange, by Tardis' name; empty for the protocol's own.

    Raises `UsageError` for a symbol that no source knows, with invalid rules, or with an unknown quote asset.

    >>> from hft.venues.catalogue import DEFAULT
    >>> resolve(["BTCUSDT"], DEFAULT, fees=("0.0002", "0.0005"))[0].source
    'table of 2024-08-08'
    """
    of = protocol_named(protocol)
    known = _by_symbol(of, exchange_info)
    found = []
    for symbol in symbols:
        _check_name(symbol)
        key = f"[feed.symbols.{toml_key(symbol)}]"
        seen, infos = (printed or {}).get(symbol), known.get(symbol, [])
        quote = infos[0]["quote"] if infos else quote_of(symbol, of.instrument, exchange)
        rules, source = _first(symbol, of, settings or {}, infos, seen, quote, leads=leads)
        if not rules["quote"]:
            what = f"its quote asset does not follow from its name (list of {AS_OF})"
            raise UsageError(what, where=symbol, do=f"set {key} tick, step and quote, or record exchangeInfo beside it")
        try:
            _require_both(rules, source)
            spec = Spec(symbol, instrument=of.instrument, maker_fee=fees[0], taker_fee=fees[1], fee_asset=fee_asset, **rules)
            spec = _fine_enough(spec, rules, infos if source != "settings" else (), seen)
        except ValueError as error:
            raise UsageError(f"{error} ({source})"[:300], where=symbol, do=f"set {key} tick and step") from None
        found.append(ResolvedSpec(spec, source))
    return found


def _require_both(rules: SpecRules, source: str) -> None:
    """Raises `ValueError` if an exchangeInfo gives a symbol no tick or no step."""
    if source == "exchangeInfo":
        for what, number, name in (("tick", rules["tick"], "PRICE_FILTER"), ("step", rules["step"], "LOT_SIZE")):
            if not str(number).strip("0."):
                raise ValueError(f"no {what} is given: {name} is missing, or has none")


def _by_symbol(of: VenueProtocol, exchange_info: Iterable[bytes]) -> dict[str, list[SpecRules]]:
    """The rules of each symbol in all bodies, oldest first."""
    known: dict[str, list[SpecRules]] = {}
    if of.listed is None:
        return known
    for body in exchange_info:
        try:
            rules = of.listed(body)
        except NOT_JSON as error:
            raise UsageError(f"exchangeInfo can't be read: {error}", do="set [feed.symbols.<symbol>] tick and step") from None
        for symbol, each in rules.items():
            known.setdefault(symbol, []).append(each)
    return known


def _fine_enough(spec: Spec, rules: SpecRules, later: Iterable[SpecRules], seen: Printed | None) -> Spec:
    """The same specification, in units fine enough for later rules and all decimals seen."""
    unit, quantum = spec.price_unit, spec.quantum
    for each in later:
        other = spec.ruled(tick=each["tick"], step=each["step"])
        unit, quantum = common_unit(unit, other.price_unit), common_unit(quantum, other.quantum)
    if seen is not None and seen.price > _decimals(unit):
        unit = common_unit(unit, Decimal(1).scaleb(-seen.price))
    if seen is not None and seen.qty > _decimals(quantum):
        quantum = common_unit(quantum, Decimal(1).scaleb(-seen.qty))
    if (unit, quantum) == (spec.price_unit, spec.quantum):
        return spec
    own = {"instrument": spec.instrument, "maker_fee": spec.maker_fee, "taker_fee": spec.taker_fee, "fee_asset": spec.fee_asset}
    return Spec(spec.name, **own, **{**rules, "price_unit": unit, "quantum": quantum})     # type: ignore[arg-type]


def _decimals(number: Text) -> int:
    """The decimals of a tick or quantum, without trailing zeros."""
    return max(-int(Decimal(number).normalize().as_tuple().exponent), 0)


def _check_name(symbol: str) -> None:
    """Raises `UsageError` for a name that an engine can't hold."""
    try:
        Spec(symbol, tick="1", step="1")
    except ValueError as error:
        raise UsageError(str(error), do="leave it out: choose others with --symbols") from None


def _first(
    symbol: str,
    of: VenueProtocol,
    settings: Mapping[str, Rules],
    known: Sequence[SpecRules],
    seen: Printed | None,
    quote: str,
    *,
    leads: bool,
) -> tuple[SpecRules, str]:
    """A symbol's rules from the first source that knows it, and that source."""
    if symbol in settings:
        given = settings[symbol]
        return {
            "tick": given.tick, "step": given.step, "quote": given.quote or quote, "min_qty": given.min_qty,
            "max_qty": given.max_qty, "min_notional": given.min_notional,
        }, "settings"
    for rules in known[:1] if leads else known:
        if leads or _holds(rules["tick"], rules["step"], of, seen):
            return rules, "exchangeInfo"
    row = of.symbols.get(symbol)
    if row and _holds(row.tick, row.step, of, seen):
        return {
            "tick": row.tick, "step": row.step, "quote": row.quote, "min_qty": row.min_qty, "max_qty": row.max_qty,
            "min_notional": row.min_notional, "contract": row.contract,
        }, f"table of {row.as_of}"
    if seen:
        tick, step = Decimal(1).scaleb(-seen.price), Decimal(1).scaleb(-seen.qty)
        return {"tick": tick, "step": step, "quantum": step, "quote": quote}, "printed decimals"
    key = f"[feed.symbols.{toml_key(symbol)}]"
    raise UsageError("no source knows its tick and step", where=symbol, do=f"set {key} tick and step")


def _holds(tick: Text, step: Text, of: VenueProtocol, seen: Printed | None) -> bool:
    """Whether tick and step fit the numbers seen, as a recording of another year may have another tick."""
    if seen is None:
        return True
    price, qty = _decimals(tick), _decimals(step)
    if of.instrument == "spot":
        qty += 3                # spot books have quantities of a thousandth of the step (SEMANTICS 29)
    return seen.price <= price and seen.qty <= qty

