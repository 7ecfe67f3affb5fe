"""The names of the numbers in records, as used in the database, the metrics and the terminal view."""

from hft._core.base.types cimport (
    BUY, CANCELED, EXPIRED, FILLED, FOK, GTC, GTX, IOC, LIMIT, MARKET, MSG_AGG_TRADE, MSG_BOOK, MSG_DEPTH, MSG_SNAPSHOT,
    MSG_BOOK_TICKER, MSG_TRADE, OPEN, ORDER_NONE, PARTIALLY_FILLED, PENDING_AMEND, PENDING_CANCEL, PENDING_NEW, RECORD_FILL,
    RECORD_KILL, RECORD_ORDER, RECORD_POSITION, RECORD_RULES, REDUCE_ONLY, REJECTED, SELL, BOOK_SUSPECT, BOOK_SYNCED,
    BOOK_SYNCING)
from hft._core.record.journal cimport FILL_FEE_IN_BASE

SIDE = {BUY: "buy", SELL: "sell"}
TYPE = {LIMIT: "limit", MARKET: "market"}
TIME_IN_FORCE = {GTC: "gtc", IOC: "ioc", FOK: "fok", GTX: "gtx"}
ORDER_STATUS = {
    ORDER_NONE: "none", PENDING_NEW: "pending_new", OPEN: "open", PARTIALLY_FILLED: "partially_filled",
    PENDING_CANCEL: "pending_cancel", PENDING_AMEND: "pending_amend", FILLED: "filled", CANCELED: "canceled",
    REJECTED: "rejected", EXPIRED: "expired",
}
BOOK_STATUS = {BOOK_SYNCED: "synced", BOOK_SUSPECT: "suspect", BOOK_SYNCING: "syncing"}
MESSAGE_KIND = {
    MSG_DEPTH: "depth", MSG_BOOK_TICKER: "bookTicker", MSG_TRADE: "trade", MSG_AGG_TRADE: "aggTrade", MSG_SNAPSHOT: "snapshot",
    MSG_BOOK: "book",
}
RECORD_KIND = {RECORD_ORDER: "order", RECORD_FILL: "fill", RECORD_POSITION: "position", RECORD_KILL: "kill",
               RECORD_RULES: "rules"}

ORDER_REDUCE_ONLY = REDUCE_ONLY
"""Bit of an order's `flags`."""

FILL_BASE_FEE = FILL_FEE_IN_BASE
"""Bit of a fill's `flags`: the fee is in the base asset."""
