"""Sizes of fixed memory, derived from the settings."""

from hft._core.base.checks import whole


def worst_cases(intents=2, max_open_orders=256, order_channel_size=1000) -> dict:
    """The worst cases of these settings, by name.

    Parameters
    ----------
    intents : int
        Most intents of the strategy at one instant, 1 to 1,000,000 (`StrategyPort.most_intents`).
    max_open_orders : int
        1 to 65,536.
    order_channel_size : int
        1 to 1,000,000.

    Returns
    -------
    dict
        ``event_reports`` (of one input), ``delivery_reports`` (under way to the trader), ``new_orders`` (new orders and
        amends of one input), ``order_records`` (journal records of one order), ``journal_least``
        (records; with fewer, no order could ever be sent), ``journal_orders`` (records; with these, orders are sent until
        the maximum is open) and ``journal_most`` (records; with these, an input always finds room).

    >>> worst_cases(2, max_open_orders=1, order_channel_size=16)["journal_least"]
    405
    """
    cdef Capacity found = capacity_of(
        whole("intents", intents, 1, 1_000_000), whole("max_open_orders", max_open_orders, 1, 65_536),
        whole("order_channel_size", order_channel_size, 1, 1_000_000),
    )
    return {**found, "order_records": ORDER_RECORDS}
