"""The names of the numbers in records, as used in the database, the metrics and the terminal view."""

SIDE: dict[int, str]
TYPE: dict[int, str]
TIME_IN_FORCE: dict[int, str]
ORDER_STATUS: dict[int, str]
BOOK_STATUS: dict[int, str]
MESSAGE_KIND: dict[int, str]
RECORD_KIND: dict[int, str]
ORDER_REDUCE_ONLY: int
FILL_BASE_FEE: int
