"""Digests as their formulas say, in plain Python, of levels and entries one by one."""

from collections.abc import Iterable

BITS = (1 << 64) - 1
KEY_FIRST, EDGE_NONE = -(1 << 63), (1 << 63) - 1


def hash_pair(a: int, b: int) -> int:
    product = (((a ^ 0xA0761D6478BD642F) & BITS) * 0x9E3779B97F4A7C15 & BITS) * ((b ^ 0xE7037ED1A0B428DB) & BITS)
    return (product & BITS) ^ (product >> 64)


def hash_word(h: int, word: int) -> int:
    h = (h ^ word) & BITS
    h = (h ^ (h >> 33)) * 0xFF51AFD7ED558CCD & BITS
    h = (h ^ (h >> 33)) * 0xC4CEB9FE1A85EC53 & BITS
    return h ^ (h >> 33)


def hash_words(h: int, words: list[int]) -> int:
    lanes = [h, ~h & BITS, (h + 1) & BITS, (h - 1) & BITS]
    whole = len(words) // 4 * 4
    for n, word in enumerate(words[:whole]):
        lane = (lanes[n % 4] + word * 0xC2B2AE3D27D4EB4F) & BITS
        lanes[n % 4] = ((lane << 31) | (lane >> 33)) * 0x9E3779B185EBCA87 & BITS
    if whole:
        h = hash_word(hash_word(hash_word(lanes[0], lanes[1]), lanes[2]), lanes[3])
    for word in words[whole:]:
        h = hash_word(h, word)
    return h


def levels(pairs: Iterable[tuple[int, int]]) -> int:
    """The digest of levels: (key, quantity) each."""
    return sum(hash_pair(key, qty) - hash_pair(key, 0) for key, qty in pairs) & BITS


def book(bids: dict[int, int], asks: dict[int, int], base_id: int, ticker: tuple[int, int, int, int, int] | None) -> int:
    """Of a book that knows no edge, as `OrderBook.hash` has it; prices in ticks. `ticker`: id, bid, quantity, ask, quantity."""
    book_ticker_id, *overlay = ticker or (0, ~KEY_FIRST, 0, KEY_FIRST, 0)
    h = hash_word(hash_word(0, base_id), book_ticker_id)
    for n, (flip, side) in enumerate(((-1, bids), (0, asks))):
        h = hash_word(hash_word(h, EDGE_NONE), KEY_FIRST)
        own = hash_word(0, levels((price ^ flip, qty) for price, qty in side.items()))
        h = hash_word(h, hash_word(hash_word(own, overlay[2 * n] ^ flip), overlay[2 * n + 1]))
    return h


def touch(mid2: int, ts_ns: int, squares: int, ofi: int) -> int:
    """Of an entry of the features' ring."""
    folded = [(value ^ (value >> 64)) & BITS for value in (squares, ofi)]
    return hash_pair((ts_ns + mid2 * 0x9FB21C651E98DF25) & BITS, (folded[0] + folded[1] * 0xD6E8FEB86659FD93) & BITS)


def flow(ts_ns: int, venue_ns: int, qty: int, continued: int) -> int:
    """Of an entry of the trade flow's ring."""
    return hash_pair(hash_pair(ts_ns, venue_ns), hash_pair(qty, continued))
