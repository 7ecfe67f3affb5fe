"""Journal records as database rows: integers become the exact decimals that were traded, codes become names.

Running a statement again with the same record, or then with older ones, changes nothing, so a batch that was committed but
not yet acknowledged can be written twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from hft._core.base import status
from hft._core.base.types import Spec
from hft._core.record import names

Row = dict[str, Any]

ORDER = """
    INSERT INTO orders VALUES (:order_id, :run, :seq, :symbol, :side, :type, :time_in_force, :reduce_only, :price, :qty, :leaves,
        :status, :reason, :ts_ns, :ts_ns, :sent_ns, :due_ns, :exch_ts_ns, :price_ticks, :qty_quanta, :leaves_quanta)
    ON CONFLICT (order_id) DO UPDATE SET
        seq = excluded.seq, price = excluded.price, qty = excluded.qty, leaves = excluded.leaves, status = excluded.status,
        reason = excluded.reason, updated_ns = excluded.updated_ns, sent_ns = excluded.sent_ns, due_ns = excluded.due_ns,
        exch_ts_ns = excluded.exch_ts_ns, price_ticks = excluded.price_ticks, qty_quanta = excluded.qty_quanta,
        leaves_quanta = excluded.leaves_quanta
    WHERE excluded.seq > orders.seq
"""

FILL = """
    INSERT INTO trades VALUES (:run, :seq, :order_id, :symbol, :side, :price, :qty, :leaves, :fee, :fee_asset, :maker,
        :book_status, :exch_ts_ns, :local_ts_ns, :price_ticks, :qty_quanta, :fee_e8)
    ON CONFLICT DO NOTHING
"""

POSITION = """
    INSERT INTO positions VALUES (:run, :symbol, :seq, :qty, :cash, :cost, :realised, :fees, :fees_base, :ts_ns, :qty_quanta,
        :cash_gross, :cost_gross, :realised_gross)
    ON CONFLICT (run, symbol) DO UPDATE SET
        seq = excluded.seq, qty = excluded.qty, cash = excluded.cash, cost = excluded.cost, realised = excluded.realised,
        fees = excluded.fees, fees_base = excluded.fees_base, updated_ns = excluded.updated_ns, qty_quanta = excluded.qty_quanta,
        cash_gross = excluded.cash_gross, cost_gross = excluded.cost_gross, realised_gross = excluded.realised_gross
    WHERE excluded.seq > positions.seq
"""

KILL = "INSERT INTO kill_switch VALUES (:run, :seq, :ts_ns, :is_on, :reason) ON CONFLICT DO NOTHING"

METRIC = """
    INSERT INTO performance_metrics VALUES (:run, :ts_ns, :name, :value)
    ON CONFLICT (run, ts_ns, name) DO UPDATE SET value = excluded.value
"""

SNAPSHOT = """
    INSERT INTO strategy_snapshots VALUES (:run, :ts_ns, :symbol, :features, :signal, :position, :open_orders, :state_hash)
    ON CONFLICT (run, ts_ns, symbol) DO UPDATE SET
        features = excluded.features, signal = excluded.signal, position = excluded.position,
        open_orders = excluded.open_orders, state_hash = excluded.state_hash
"""


RULES = "UPDATE runs SET symbols = :symbols WHERE run = :run"


def _scaled(mantissa: int, exponent: int) -> Decimal:
    return Decimal(mantissa).scaleb(-exponent)


def text(value: Decimal) -> str:
    """A decimal as plain digits, never with an exponent.

    >>> text(Decimal("1E-8"))
    '0.00000001'
    """
    return format(value, "f")


def money(e8: int) -> str:
    """An amount in 1e-8 of an asset as decimal text.

    >>> money(-12345678)
    '-0.12345678'
    """
    return text(Decimal(e8).scaleb(-8))


def base_asset(spec: Spec) -> str:
    """The base asset of a symbol, from its name: BTCUSDT quoted in USDT trades BTC."""
    return spec.name.removesuffix(spec.quote) or spec.name


def scales(specs: Sequence[Spec]) -> list[dict[str, Any]]:
    """The units of the integers beside the decimals, for `runs.symbols`."""
    return [
        {
            "symbol": s.name, "quote": s.quote, "instrument": s.instrument, "tick": text(s.tick),
            "price_unit": text(s.price_unit), "step": text(s.step), "quantum": text(s.quantum), "contract": s.contract,
            "min_qty": text(s.min_qty), "max_qty": text(s.max_qty),
            "min_notional": text(s.min_notional), "maker_fee": text(s.maker_fee), "taker_fee": text(s.taker_fee),
            "fee_asset": s.fee_asset,
        }
        for s in specs
    ]  # fmt: skip


class Rows:
    """Makes rows for records whose symbol is an index into `specs`.

    >>> from hft._core.record.journal import Journal, records
    >>> journal = Journal(10, run=1)
    >>> _ = journal.append_fill(side=1, price=618002, qty=500)
    >>> sql, row = Rows([Spec("BTCUSDT", tick="0.1", step="0.001")]).of(records(journal.drain(1))[0])
    >>> sql is FILL, row["price"], row["qty"]
    (True, '61800.2', '0.500')
    """

    def __init__(self, specs: Sequence[Spec]) -> None:
        self._specs = list(specs)
        self._makers: dict[str, tuple[str, Callable[[Row], Row]]] = {
            "order": (ORDER, self._order),
            "fill": (FILL, self._fill),
            "position": (POSITION, self._position),
            "kill": (KILL, self._kill),
            "rules": (RULES, self._rules),
        }
        self._scales = scales(specs)

    def of(self, record: Row) -> tuple[str, Row]:
        """The statement for one record and its bindings. KeyError or IndexError: not a record of these symbols."""
        sql, make = self._makers[names.RECORD_KIND[record["kind"]]]
        return sql, make(record)

    def _order(self, r: Row) -> Row:
        spec = self._specs[r["symbol"]]
        return {
            **_common(r, spec),
            "type": names.TYPE[r["type"]],
            "time_in_force": names.TIME_IN_FORCE[r["tif"]],
            "reduce_only": bool(r["flags"] & names.ORDER_REDUCE_ONLY),
            "price": text(spec.price(r["price"])) if r["price"] else None,
            "status": names.ORDER_STATUS[r["status"]],
            "reason": status.name(r["reason"]) if r["reason"] else "",
            "ts_ns": r["ts_ns"],
            "sent_ns": r["sent_ns"],
            "due_ns": r["due_ns"],
            "leaves_quanta": r["leaves"],
        }

    def _fill(self, r: Row) -> Row:
        spec = self._specs[r["symbol"]]
        return {
            **_common(r, spec),
            "fee": money(r["fee"]),
            "fee_asset": base_asset(spec) if r["flags"] & names.FILL_BASE_FEE else spec.quote,
            "maker": bool(r["maker"]),
            "book_status": names.BOOK_STATUS[r["book_status"]],
            "local_ts_ns": r["due_ns"] or r["ts_ns"],
            "fee_e8": r["fee"],
        }

    def _position(self, r: Row) -> Row:
        spec = self._specs[r["symbol"]]
        return {
            "run": r["run"],
            "seq": r["seq"],
            "symbol": spec.name,
            "qty": text(spec.qty(r["qty"])),
            "cash": text(spec.value(r["cash"])),
            "cost": text(spec.value(r["cost"])),
            "realised": text(spec.value(r["realised"])),
            "fees": money(r["fee"]),
            "fees_base": money(r["leaves"]),
            "ts_ns": r["ts_ns"],
            "qty_quanta": r["qty"],
            "cash_gross": r["cash"],
            "cost_gross": r["cost"],
            "realised_gross": r["realised"],
        }

    def _rules(self, r: Row) -> Row:
        """From this record on the symbol's integers are in other units; adds these to `runs.symbols`."""
        old = self._specs[r["symbol"]]
        unit, quantum = _scaled(r["price"], r["leaves"]), _scaled(r["qty"], r["fee"])
        new = Spec(
            old.name, tick=unit * r["cash"], step=quantum * r["cost"], quantum=quantum, price_unit=unit, quote=old.quote,
            instrument=old.instrument, contract=old.contract, min_qty=quantum * r["sent_ns"], max_qty=quantum * r["realised"],
            min_notional=_scaled(r["due_ns"], 8), maker_fee=old.maker_fee, taker_fee=old.taker_fee, fee_asset=old.fee_asset,
        )
        self._specs[r["symbol"]] = new
        self._scales.append({**scales([new])[0], "from_seq": r["seq"], "trading": bool(r["status"])})
        return {"symbols": msgspec.json.encode(self._scales).decode(), "run": r["run"]}

    def _kill(self, r: Row) -> Row:
        return {
            "run": r["run"],
            "seq": r["seq"],
            "ts_ns": r["ts_ns"],
            "is_on": bool(r["status"]),
            "reason": status.name(r["reason"]) if r["reason"] else "",
        }


def _common(r: Row, spec: Spec) -> Row:
    """The columns that the rows of orders and fills share."""
    return {
        "run": r["run"],
        "seq": r["seq"],
        "order_id": r["order_id"],
        "symbol": spec.name,
        "side": names.SIDE[r["side"]],
        "price": text(spec.price(r["price"])),
        "qty": text(spec.qty(r["qty"])),
        "leaves": text(spec.qty(r["leaves"])),
        "exch_ts_ns": r["exch_ns"],
        "price_ticks": r["price"],
        "qty_quanta": r["qty"],
    }
