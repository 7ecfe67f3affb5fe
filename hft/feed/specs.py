"""Symbol specifications: where tick, step and the rules for orders come from. One function for every command.

The order of sources is SEMANTICS 28: the settings; exchangeInfo, recorded or fetched; the shipped, dated table; the decimals
as printed. Never a greatest common divisor of the prices seen: a book that happened to move in twos would double its tick.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from hft._core.types import Spec
from hft.errors import UsageError
from hft.feed.survey import Printed
from hft.feed.symbol_table import TABLE

Text = str | Decimal


class Rules(Protocol):
    """What the settings say of a symbol: `hft.config.SymbolRules`."""

    tick: Text
    step: Text
    quote: str
    min_qty: Text
    max_qty: Text
    min_notional: Text


class ResolvedSpec(msgspec.Struct, frozen=True):
    """A specification and where it came from, e.g. ``"exchangeInfo"`` or ``"table of 2024-08-08"``."""

    spec: Spec
    source: str


class _Filter(msgspec.Struct):
    filterType: str             # noqa: N815, the venue's names
    tickSize: str = "0"         # noqa: N815
    stepSize: str = "0"         # noqa: N815
    minQty: str = "0"           # noqa: N815
    maxQty: str = "0"           # noqa: N815
    minNotional: str = "0"      # noqa: N815, spot
    notional: str = "0"         # USD-M


class _Symbol(msgspec.Struct):
    """One symbol of exchangeInfo, or the short form that another recorder keeps (`tickSize`, `stepSize` alone)."""

    symbol: str
    quoteAsset: str             # noqa: N815
    contractSize: int = 1       # noqa: N815, COIN-M
    filters: list[_Filter] = []
    tickSize: str = "0"         # noqa: N815
    stepSize: str = "0"         # noqa: N815


class _Info(msgspec.Struct):
    symbols: list[_Symbol]


_info = msgspec.json.Decoder(_Info).decode
_short = msgspec.json.Decoder(_Symbol).decode


def listed(body: bytes) -> dict[str, dict[str, object]]:
    """The rules in an exchangeInfo body, as keyword arguments of `Spec` by symbol; `msgspec.DecodeError` when it is none.

    >>> body = b'{"symbol":"BTCUSDT","tickSize":"0.10","stepSize":"0.001","quoteAsset":"USDT"}'
    >>> listed(body)["BTCUSDT"]["tick"]
    '0.10'
    """
    try:
        symbols = _info(body).symbols
    except msgspec.ValidationError:     # no `symbols`: the short form
        symbols = [_short(body)]
    return {symbol.symbol: _rules(symbol) for symbol in symbols}


def _rules(symbol: _Symbol) -> dict[str, object]:
    # By type, not by place: a venue adds filters as it likes.
    filters = {each.filterType: each for each in symbol.filters}
    none = _Filter("")
    price, lot = filters.get("PRICE_FILTER", none), filters.get("LOT_SIZE", none)
    value = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL") or none
    return {
        "tick": price.tickSize if symbol.filters else symbol.tickSize,
        "step": lot.stepSize if symbol.filters else symbol.stepSize,
        "quote": symbol.quoteAsset,
        "min_qty": lot.minQty,
        "max_qty": lot.maxQty,
        "min_notional": value.notional if Decimal(value.minNotional) == 0 else value.minNotional,
        "contract": symbol.contractSize,
    }


def resolve(
    symbols: Sequence[str],
    dialect: str,
    *,
    fees: tuple[Text, Text],
    fee_asset: str = "quote",
    settings: Mapping[str, Rules] | None = None,
    exchange_info: Iterable[bytes] = (),
    printed: Mapping[str, Printed] | None = None,
) -> list[ResolvedSpec]:
    """The specification of each symbol, from the first source that knows it.

    Parameters
    ----------
    symbols : sequence of str
        Upper case, the venue's names.
    dialect : ``"spot"``, ``"usdm"`` or ``"coinm"``
    fees : pair
        Maker and taker rate, as fractions of the notional.
    fee_asset : ``"quote"`` or ``"received"``
    settings : mapping, optional
        ``[feed.symbols.*]``, by symbol.
    exchange_info : iterable of bytes
        exchangeInfo bodies, recorded or fetched; a later one wins.
    printed : mapping, optional
        Decimals seen in a recording, see `hft.feed.survey`; the last resort.

    Raises `UsageError` for a symbol that no source knows, or whose rules make no sense.

    >>> resolve(["BTCUSDT"], "usdm", fees=("0.0002", "0.0005"))[0].source
    'table of 2024-08-08'
    """
    known: dict[str, dict[str, object]] = {}
    for body in exchange_info:
        try:
            known.update(listed(body))
        except (msgspec.DecodeError, ArithmeticError) as error:
            raise UsageError(f"exchangeInfo can't be read: {error}", do="set [feed.symbols.<symbol>] tick and step") from None
    found = []
    for symbol in symbols:
        rules, source = _first(symbol, dialect, settings or {}, known, printed or {})
        try:
            spec = Spec(symbol, dialect=dialect, maker_fee=fees[0], taker_fee=fees[1], fee_asset=fee_asset, **rules)
        except ValueError as error:
            raise UsageError(f"{error} ({source})", where=symbol, do=f"set [feed.symbols.{symbol}] tick and step") from None
        found.append(ResolvedSpec(spec, source))
    return found


def _first(
    symbol: str,
    dialect: str,
    settings: Mapping[str, Rules],
    known: Mapping[str, dict[str, object]],
    printed: Mapping[str, Printed],
) -> tuple[dict[str, object], str]:
    """What the first source that knows a symbol says of it, and that source."""
    if symbol in settings:
        names = "tick", "step", "quote", "min_qty", "max_qty", "min_notional"
        return {name: getattr(settings[symbol], name) for name in names}, "settings"
    if symbol in known:
        return known[symbol], "exchangeInfo"
    if row := TABLE.get((dialect, symbol)):
        rules = msgspec.structs.asdict(row)
        return rules, f"table of {rules.pop('as_of')}"
    if decimals := printed.get(symbol):
        tick, step = Decimal(1).scaleb(-decimals.price), Decimal(1).scaleb(-decimals.qty)
        return {"tick": tick, "step": step, "quantum": step, "quote": quote_of(symbol)}, "printed decimals"
    raise UsageError("no source knows its tick and step", where=symbol, do=f"set [feed.symbols.{symbol}] tick and step")


_QUOTES = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "USD", "BTC", "ETH", "BNB", "EUR", "TRY", "GBP", "BRL", "JPY")


def quote_of(symbol: str) -> str:
    """The quote asset that a symbol's name ends in, or its last three letters where none is known.

    >>> quote_of("BTCUSDT"), quote_of("RUNEEUR"), quote_of("BTCUSD_PERP")
    ('USDT', 'EUR', 'USD')
    """
    pair = symbol.partition("_")[0]
    return next((quote for quote in _QUOTES if pair.endswith(quote) and pair != quote), pair[-3:])
