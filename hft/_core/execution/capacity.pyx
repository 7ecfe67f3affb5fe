"""What fixed memory must hold, derived from the settings."""

from hft._core.base.checks import whole


def worst_cases(intents=2, max_open_orders=256, order_channel_size=1000) -> dict:
    """The worst cases of these settings, by name.

    Parameters
    ----------
    intents : int
        That the strategy may put at one instant, 1 to 1,000,000 (`StrategyPort.most_intents`).
    max_open_orders : int
        1 to 65,536.
    order_channel_size : int
        1 to 1,000,000.

    Returns
    -------
    dict
        ``event_reports`` (that one input can make), ``delivery_reports`` (under way to the trader), ``new_orders`` (and
        amends, that one input can send), ``order_records`` (of the journal, that one order can cause), ``journal_least``
        (records; with less, no order could ever be sent), ``journal_orders`` (records; with so many, orders are sent until
        all that may be open are) and ``journal_most`` (records; with so many an input finds room whatever is under way).

    >>> worst_cases(2, max_open_orders=1, order_channel_size=16)["journal_least"]
    405
    """
    cdef Capacity found = capacity_of(
        whole("intents", intents, 1, 1_000_000), whole("max_open_orders", max_open_orders, 1, 65_536),
        whole("order_channel_size", order_channel_size, 1, 1_000_000),
    )
    return {**found, "order_records": ORDER_RECORDS}
