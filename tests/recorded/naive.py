"""Event records as plain messages, and a book of them: what the readers' tests compare with."""

from typing import NamedTuple

import numpy as np

from hft._core.engine import events as words

NAMES = {value: name for name, value in words.KINDS.items()}


class Message(NamedTuple):
    kind: str
    symbol: int
    recv_ns: int
    venue_ns: int
    bids: tuple = ()
    asks: tuple = ()
    price: int = 0
    qty: int = 0
    buyer_maker: bool = False
    not_market: bool = False
    ids: tuple = ()


def messages(records, *, ids=False):
    """The messages, each checked to be whole and in form."""
    found, at = [], 0
    while at < len(records):
        head = records[at]
        part = records[at : at + int(head["rest"]) + 1]
        assert part["rest"].tolist() == list(range(len(part)))[::-1]
        assert (part["flags"] & words.LAST > 0).tolist() == [False] * (len(part) - 1) + [True]
        for field in ("kind", "symbol", "recv_ns", "venue_ns", "first_id", "last_id", "prev_id"):
            assert len(set(part[field].tolist())) == 1
        kind = NAMES[int(head["kind"])]
        sides = {}
        for flag in (words.BID, words.ASK):
            mask = part["flags"] & flag > 0
            sides[flag] = tuple(zip(part["price"][mask].tolist(), part["qty"][mask].tolist(), strict=True))
        asks = part["flags"] & words.ASK > 0
        assert not np.any(asks[:-1] & ~asks[1:]), "bids come first"
        trade = kind in ("trade", "aggTrade")
        found.append(Message(
            kind, int(head["symbol"]), int(head["recv_ns"]), int(head["venue_ns"]), sides[words.BID], sides[words.ASK],
            int(head["price"]) if trade else 0, int(head["qty"]) if trade else 0,
            bool(head["flags"] & words.BUYER_MAKER), bool(head["flags"] & words.NOT_A_MARKET_TRADE),
            (int(head["first_id"]), int(head["last_id"]), int(head["prev_id"])) if ids else (),
        ))
        at += len(part)
    return found


def book(found):
    """Both sides after the messages of one symbol, by price."""
    sides = ({}, {})
    for message in found:
        if message.kind in ("snapshot", "book"):
            sides = ({}, {})
        if message.kind in ("snapshot", "book", "depth"):
            for side, levels in zip(sides, (message.bids, message.asks), strict=True):
                for price, qty in levels:
                    if qty:
                        side[price] = qty
                    else:
                        side.pop(price, None)
    return sides
