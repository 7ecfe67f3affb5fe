"""Synchronisation, naively: the venue's page on how a local book is kept, word for word, on update ids alone."""


def apply_by_the_page(protocol, events, snapshot_id):
    """The ids that a correct client has applied, with all events, as (U, u, pu), at hand at once.

    Returns None when the snapshot is too old, and "gap" when an event is missing after it.
    """
    applied, book_id = [], snapshot_id
    for first, last, prev in events:
        if not applied:
            if last <= snapshot_id if protocol == "binance-spot" else last < snapshot_id:
                continue
            if protocol == "binance-spot" and not first <= snapshot_id + 1 <= last:
                return None
            if protocol == "binance-usdm" and not (first <= snapshot_id <= last or prev == snapshot_id):
                return None
        elif last <= book_id:
            continue
        elif first > book_id + 1 if protocol == "binance-spot" else prev != book_id:
            return "gap"
        applied.append(last)
        book_id = last
    return applied
