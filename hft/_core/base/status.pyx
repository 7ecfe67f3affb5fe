"""Reason codes: one table of code, name and text."""

_TEXT = {
    OK: ("ok", "done"),
    DECODE_FALLBACK: ("decode_fallback", "not one of the hot shapes; decoded by msgspec"),
    BAD_JSON: ("bad_json", "not valid JSON"),
    BAD_SHAPE: ("bad_shape", "a field is missing or of the wrong kind"),
    BAD_NUMBER: ("bad_number", "a number is negative, not finite, too long, or off the symbol's tick or quantum"),
    UNKNOWN_EVENT: ("unknown_event", "an event type that the engine does not know"),
    UNKNOWN_SYMBOL: ("unknown_symbol", "a symbol that was not subscribed to"),
    TOO_LARGE: ("too_large", "larger than the largest message that the engine accepts"),
    IGNORED_EVENT: ("ignored_event", "well formed, of a kind that is not used for trading"),
    STALE_UPDATE: ("stale_update", "an old or duplicate update"),
    SEQUENCE_GAP: ("sequence_gap", "updates are missing; the book is built again"),
    BUFFERED: ("buffered", "kept until the snapshot arrives"),
    BUFFER_FULL: ("buffer_full", "more updates before the snapshot than the buffer holds; it is fetched again"),
    SNAPSHOT_TOO_OLD: ("snapshot_too_old", "the snapshot ends before the first buffered update; it is fetched again"),
    CROSSED_BOOK: ("crossed_book", "bid at or above ask after an update; the book is built again"),
    LEVEL_DROPPED: ("level_dropped", "a level far from the touch exceeded the book's capacity"),
    DUPLICATE_TRADE: ("duplicate_trade", "a trade id seen before"),
    OTHER_TRADE_SOURCE: ("other_trade_source", "a second source of the same volume"),
    NOT_CONNECTED: ("not_connected", "no connection for this symbol"),
    BOOK_MISMATCH: ("book_mismatch", "the book differed from a fresh snapshot, which replaced it"),
    SNAPSHOT_AHEAD: ("snapshot_ahead", "a fresh snapshot is newer than the book; it is used once the book has reached its id"),
    REFRESH_DROPPED: ("refresh_dropped", "more updates than the buffer holds before the fresh snapshot; tried again later"),
    OTHER_BOOK_SOURCE: ("other_book_source", "a whole book beside a stream of updates, which is the source of the book"),
    CROSSED_LEVELS: ("crossed_levels", "a level was removed, as a newer one of the other side crossed it; it is then unknown"),
    NO_SNAPSHOT: ("no_snapshot", "an update before the first snapshot of its stream, or after a gap in it"),
    RISK_KILL_SWITCH: ("kill_switch", "the kill switch is on"),
    RISK_NOT_SYNCED: ("not_synced", "the book is not in sync"),
    RISK_STALE_DATA: ("stale_data", "the newest market data is older than allowed"),
    RISK_ORDER_SIZE: ("order_size", "above max_order_size"),
    RISK_POSITION: ("position_limit", "could take the position beyond max_position_size"),
    RISK_NOTIONAL: ("notional_limit", "could take the exposure beyond max_notional_exposure"),
    RISK_RATE: ("rate_limit", "above max_orders_per_second"),
    RISK_LOSS: ("loss_limit", "the loss is at or beyond max_loss"),
    RISK_DRAWDOWN: ("drawdown_limit", "the fall from the highest equity is at or beyond max_drawdown"),
    RISK_PRICE_COLLAR: ("price_collar", "the price is too far from the mid"),
    RISK_NO_SHORT: ("no_short", "a spot venue can't be sold short"),
    RISK_JOURNAL_FULL: ("journal_full", "the journal is low on room; the writer is behind"),
    RISK_STOPPING: ("stopping", "the engine is stopping"),
    RISK_BELOW_MIN: ("below_min", "under the venue's minimum quantity or notional"),
    RISK_BAD_PRICE: ("bad_price", "not a positive price on the tick"),
    RISK_BAD_QTY: ("bad_qty", "not a positive multiple of the lot, or above the venue's maximum"),
    RISK_NO_ORDER_SLOT: ("no_order_slot", "the open-order table is full"),
    RISK_REDUCE_ONLY: ("reduce_only", "would not reduce the position"),
    RISK_NO_PRICE: ("no_price", "the side of the book that the order needs is empty"),
    RISK_CHANNEL_FULL: ("order_channel_full", "more orders under way than order_channel_size"),
    RISK_NOT_TRADING: ("not_trading", "the venue reports that the symbol is not traded now (BREAK, HALT, CANCEL_ONLY …)"),
    RISK_NO_ORDER: ("no_open_order", "a cancel or amend of an order that is not open"),
    RISK_ORDER_PENDING: ("order_pending", "a cancel or amend of an order that is already being cancelled or amended"),
    RISK_INTENTS_FULL: ("intents_full", "the strategy put more intents at one instant than its intent queue holds"),
    VENUE_POST_ONLY: ("post_only_would_cross", "a post-only order would have matched at once"),
    VENUE_UNKNOWN_ORDER: ("unknown_order", "a cancel or amend of an order that is final"),
    VENUE_IOC_REST: ("ioc_rest", "the rest of an immediate-or-cancel or market order"),
    VENUE_FOK: ("fok_unfilled", "a fill-or-kill order could not be filled whole"),
    VENUE_REDUCE_ONLY: ("venue_reduce_only", "no position left to reduce when the order took effect"),
    VENUE_NO_LIQUIDITY: ("no_liquidity", "the other side of the book was empty"),
    VENUE_USER_CANCEL: ("user_cancel", "cancelled on request"),
    VENUE_BOOK_FULL: ("resting_full", "no slot for another resting order"),
    VENUE_RULES: ("venue_rules", "off the symbol's tick or lot, or above its largest order, by the venue's present rules"),
    VENUE_AMEND_FILLED: ("amend_filled", "amended to at most the filled quantity: cancelled"),
    KILL_REQUEST: ("kill_requested", "a user tripped the kill switch"),
    KILL_FAULT: ("kill_fault", "a fault halted trading"),
    KILL_BANKRUPT: ("kill_bankrupt", "equity is at or below zero"),
    KILL_LATCHED: ("kill_latched", "the kill switch was on before the run began; `hft kill --release` turns it off"),
    KILL_FILES_GONE: ("kill_files_gone", "a file of the run was deleted or replaced while it ran"),
    KILL_RELEASED: ("kill_released", "a user released the kill switch"),
    FAULT_ILLEGAL_MOVE: ("illegal_move", "an order moved between states that the table forbids"),
    FAULT_OVERFLOW: ("overflow", "a money sum exceeded 64 bits"),
    FAULT_UNKNOWN_ORDER: ("fault_unknown_order", "a report for an order that the table does not hold"),
    FAULT_NO_MEMORY: ("no_memory", "no memory was available"),
    FAULT_REPORTS_FULL: ("reports_full", "more reports under way than the capacity"),
    FAULT_CHANNEL_FULL: ("fault_channel_full", "more commands under way to the exchange than the trader may send"),
    FAULT_JOURNAL_FULL: ("fault_journal_full", "the journal had no room for a record that may not be lost"),
}

NAMES = {code: name for code, (name, _) in _TEXT.items()}
CODES = {name: code for code, name in NAMES.items()}
CODE_COUNT = STATUS_CODES
FIRST_ORDER_CODE = RISK_KILL_SWITCH      # codes below it are about messages


def name(code: int) -> str:
    """The name of a code, as used in counters, metrics, database and docs.

    >>> name(37)
    'notional_limit'
    """
    return NAMES.get(code, f"code_{code}")


def text(code: int) -> str:
    """What a code means, in a few words.

    >>> text(0)
    'done'
    """
    return _TEXT[code][1] if code in _TEXT else "no such code"
