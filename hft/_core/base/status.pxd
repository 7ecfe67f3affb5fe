# All codes that compiled verbs return. 0 is success, above 0 a reject or skip with a reason, below 0 a fault.
# `status.pyx` holds the one table of code, name and text; counters, metrics, database and docs use those names.

cdef enum Status:
    OK = 0

    # decode: why a message was not applied
    DECODE_FALLBACK = 1         # the scanner does not know this shape; msgspec decodes it
    BAD_JSON = 2
    BAD_SHAPE = 3               # a field is missing or of the wrong kind
    BAD_NUMBER = 4              # negative, NaN, too long, or not on the tick or quantum
    UNKNOWN_EVENT = 5
    UNKNOWN_SYMBOL = 6
    TOO_LARGE = 7               # frame or level count beyond capacity
    IGNORED_EVENT = 8           # well formed, but of a kind that is not used for trading (kline …)

    # sync and book: why an update was not applied
    STALE_UPDATE = 16           # old or duplicate
    SEQUENCE_GAP = 17
    BUFFERED = 18
    BUFFER_FULL = 19
    SNAPSHOT_TOO_OLD = 20
    CROSSED_BOOK = 21
    LEVEL_DROPPED = 22          # beyond the far store's capacity
    DUPLICATE_TRADE = 23
    OTHER_TRADE_SOURCE = 24     # aggTrade beside trade: only one of them is the source of volume
    NOT_CONNECTED = 25
    BOOK_MISMATCH = 26          # the fresh snapshot replaced the book
    SNAPSHOT_AHEAD = 27
    REFRESH_DROPPED = 28
    OTHER_BOOK_SOURCE = 29      # a whole book beside a stream of updates: only one of them is the source of the book
    CROSSED_LEVELS = 30         # removed, since a newer level of the other side crossed it
    NO_SNAPSHOT = 31            # an update before the snapshot that its stream sends, or after a gap

    # risk: why an order was not sent
    RISK_KILL_SWITCH = 32
    RISK_NOT_SYNCED = 33
    RISK_STALE_DATA = 34
    RISK_ORDER_SIZE = 35
    RISK_POSITION = 36
    RISK_NOTIONAL = 37
    RISK_RATE = 38
    RISK_LOSS = 39
    RISK_DRAWDOWN = 40
    RISK_PRICE_COLLAR = 41
    RISK_NO_SHORT = 42          # spot
    RISK_JOURNAL_FULL = 43
    RISK_STOPPING = 44
    RISK_BELOW_MIN = 45         # `below_min`: less than the venue's minimum notional or quantity
    RISK_BAD_PRICE = 46         # not positive
    RISK_BAD_QTY = 47           # not a positive multiple of the lot, or above the venue's maximum
    RISK_NO_ORDER_SLOT = 48
    RISK_REDUCE_ONLY = 49       # would not reduce the position
    RISK_NO_PRICE = 50          # the side that the order needs is empty
    RISK_CHANNEL_FULL = 51      # the order channel is full
    RISK_NOT_TRADING = 52       # the venue reports that the symbol is not traded now
    RISK_NO_ORDER = 53          # a cancel or an amend of an order that is not open
    RISK_ORDER_PENDING = 54     # a cancel or an amend of an order that is already being cancelled or amended
    RISK_INTENTS_FULL = 55      # the intent queue is full

    # broker: why the exchange refused or ended an order
    VENUE_POST_ONLY = 64        # would have crossed (spot -2010, USD-M -5022)
    VENUE_UNKNOWN_ORDER = 65    # cancel or amend of an order that is final (-2011)
    VENUE_IOC_REST = 66         # the rest of an IOC or market order
    VENUE_FOK = 67              # could not be filled whole
    VENUE_REDUCE_ONLY = 68      # nothing left to reduce (-2022)
    VENUE_NO_LIQUIDITY = 69     # market order, but the other side is empty
    VENUE_USER_CANCEL = 70
    VENUE_BOOK_FULL = 71        # no slot for another resting order
    VENUE_RULES = 72            # violates the symbol's current rules (-1013, -4014)
    VENUE_AMEND_FILLED = 73     # amended to at most the filled quantity: cancelled

    # why the kill switch changed
    KILL_REQUEST = 80           # on request of a user: `hft kill`, `Engine.kill`
    KILL_FAULT = 81             # a fault halted trading
    KILL_BANKRUPT = 82          # equity at or below zero
    KILL_LATCHED = 83           # it was on before the run began
    KILL_FILES_GONE = 84        # a file of the run was deleted or replaced
    KILL_RELEASED = 85          # off again, on request of a user

    STATUS_CODES = 96           # number of counters

    # faults: a bug or lack of memory; trading halts
    FAULT_ILLEGAL_MOVE = -1     # order state table
    FAULT_OVERFLOW = -2         # money exceeds 64 bits
    FAULT_UNKNOWN_ORDER = -3
    FAULT_NO_MEMORY = -4
    FAULT_REPORTS_FULL = -5
    FAULT_JOURNAL_FULL = -6
    FAULT_CHANNEL_FULL = -7     # more commands under way than the trader may send
