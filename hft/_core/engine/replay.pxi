# A part of `engine`: runs frames and event records from memory through an engine, the loop in C. Compiled with the tick, once.

from array import array
from decimal import Decimal

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.list cimport PyList_GET_ITEM
from libc.stdint cimport INT64_MAX, int32_t, int64_t, uint64_t, uintptr_t

from hft._core.base.cycles cimport cycles_now
from hft._core.base.histogram cimport Histogram, HistogramState, histogram_add
from hft._core.base.types cimport (
    MSG_AGG_TRADE, MSG_DEPTH, MSG_KINDS, MSG_BOOK_TICKER, MSG_TRADE, Level, Message, Spec, likely, unlikely,
)
from hft._core.engine.events cimport EVENT_CONNECT, EVENT_NOT_MARKET, EVENT_RESYNC, EVENT_RULES, EventRecord, event_message
from hft._core.engine.tick cimport EngineState, engine_connect, engine_makes_room, engine_message, engine_resync, engine_since
from hft._core.wire.decode cimport decoder_clear, decoder_levels, decoder_message
from hft._core.wire.sink cimport FRAME_CHECK, FRAME_NEEDS_PYTHON

KINDS = {"depth": MSG_DEPTH, "bookTicker": MSG_BOOK_TICKER, "trade": MSG_TRADE, "aggTrade": MSG_AGG_TRADE}


def replay(Engine engine not None, list frames not None, const int64_t[::1] stamps not None, *,
           Py_ssize_t start=0, stop=None, until_ns=None, int64_t room=0, Histogram histogram=None, dict by_kind=None) -> int:
    """Feed frames to an engine until all are handled or a check in Python is needed.

    Parameters
    ----------
    frames : list of bytes
    stamps : buffer of int64
        `now` of each frame, nanoseconds.
    start, stop : int
        Index of the first frame, and of the one to stop before. Default: all.
    until_ns : int, optional
        Stop before the first frame whose stamp is this or later.
    room : int
        Stop while the journal has room for fewer records than this, or than an input may need: the caller then drains it and
        continues.
    histogram : Histogram, optional
        Records the time of each frame, from its bytes to the end of its work.
    by_kind : dict of str to Histogram, optional
        The same, by kind of message (`KINDS`).

    Returns the index after the last frame handled. That is before `stop` and `until_ns` if `on_check` was called,
    or if the journal must be drained.
    """
    cdef HistogramState* kinds[7]     # MSG_KINDS
    cdef HistogramState* all_kinds = histogram.c if histogram is not None else NULL
    cdef Py_ssize_t i, n = len(frames), end = n if stop is None else stop
    cdef int64_t until = INT64_MAX if until_ns is None else until_ns
    cdef uint64_t cycles
    cdef int64_t took
    cdef int result, kind
    cdef object frame
    if stamps.shape[0] != n:
        raise ValueError(f"{n} frames, {stamps.shape[0]} stamps")
    if not 0 <= start <= end <= n:
        raise ValueError(f"frames {start} to {end} are out of range, there are {n}")
    for kind in range(<int>MSG_KINDS):
        kinds[kind] = NULL
    for name, each in (by_kind or {}).items():
        kinds[KINDS[name]] = (<Histogram?>each).c
    for i in range(start, end):
        if stamps[i] >= until or not engine_makes_room(engine.c, room):
            return i
        frame = <object>PyList_GET_ITEM(frames, i)
        cycles = cycles_now()
        result = engine.fn(engine.ctx, PyBytes_AS_STRING(frame), PyBytes_GET_SIZE(frame), stamps[i], cycles)
        if all_kinds != NULL:
            took = engine_since(engine.c, cycles)
            histogram_add(all_kinds, took)
            kind = decoder_message(engine.c.decoder).kind
            if kinds[kind] != NULL:
                histogram_add(kinds[kind], took)
        if result & FRAME_NEEDS_PYTHON:
            result = engine.on_other(frame, stamps[i])
        if result & FRAME_CHECK:
            engine.on_check()
            return i + 1
    return end


cdef int64_t _replay(EngineState* e, const EventRecord* records, int64_t n, int64_t at, int64_t until_ns, int64_t room,
                     const int32_t* index, int64_t n_index) noexcept nogil:
    """The loop: returns the next record to handle, or -1 - its number if no message begins there."""
    cdef Message* m = decoder_message(e.decoder)
    cdef Level* levels = decoder_levels(e.decoder)
    cdef int64_t taken
    while at < n and records[at].recv_ns < until_ns and not e.needs_check and engine_makes_room(e, room):
        taken = event_message(&records[at], n - at, m, levels)
        if unlikely(taken == 0) or unlikely(m.symbol >= n_index):
            return -1 - at
        at += taken
        m.symbol = index[m.symbol]
        if m.symbol < 0:
            continue
        if unlikely(m.kind == EVENT_RULES):
            return at - taken           # handled in Python
        if likely(m.kind < EVENT_CONNECT):
            engine_message(e, m, levels, cycles_now())
        elif m.kind == EVENT_RESYNC:
            engine_resync(e, m.symbol, m.recv_ns)
        else:
            engine_connect(e, m.symbol, m.kind == EVENT_CONNECT, m.recv_ns)
    return at


cdef bint _is_rules(const EventRecord* r, EngineState* e, int64_t until_ns, int64_t room) noexcept:
    """Whether the loop stopped for rules, which Python handles, and for no other reason."""
    return r.kind == EVENT_RULES and r.recv_ns < until_ns and not e.needs_check and engine_makes_room(e, room)


cdef int _set_rules(Engine engine, const EventRecord* r, int32_t i) except -1:
    cdef Spec spec = engine.symbols.all[i]
    try:
        engine.set_rules(
            spec.name, r.recv_ns, tick=spec.price(r.price), step=spec.qty(r.qty), quantum=spec.quantum,
            min_qty=spec.qty(r.first_id), max_qty=spec.qty(r.last_id), min_notional=Decimal(r.venue_ns).scaleb(-8),
            trading=not r.flags & EVENT_NOT_MARKET,
        )
    except ValueError as error:
        raise ValueError(f"rules of {spec.name} at {r.recv_ns} that can't be applied: {error}") from None
    return 0


def replay_events(Engine engine not None, records, *, int64_t start=0, symbols=None, until_ns=None, int64_t room=0) -> int:
    """Feed records to an engine, without the GIL, until all are handled or a check in Python is needed.

    Parameters
    ----------
    records : buffer
        Whole records of 64 bytes: an array of `hft.data.events.EVENT`, or a part of one that ends with a message.
    start : int
        Number of the first record.
    symbols : sequence of int, optional
        For each symbol of the records its index in the engine, or -1 to omit it. Default: the same index.
    until_ns : int, optional
        Stop before the first message received at this time or later.
    room : int
        Stop while the journal has room for fewer records than this, or than an input may need: the caller then drains it and
        continues.

    Returns the number of the next record. That is before the end and `until_ns` if `on_check` was called, or if the journal
    must be drained. ValueError, with its number, for a record where no message begins.
    """
    cdef bytes places
    cdef const int32_t* index
    cdef int64_t at, n, n_index, stop = INT64_MAX if until_ns is None else until_ns
    cdef Py_buffer view
    chosen = range(engine.symbols.count) if symbols is None else symbols
    n_index = len(chosen)
    for place in chosen:
        if not -1 <= place < engine.symbols.count:
            raise ValueError(f"symbol {place} is not one of the engine's {engine.symbols.count}")
    places = array("i", chosen).tobytes()
    index = <const int32_t*>PyBytes_AS_STRING(places)
    PyObject_GetBuffer(records, &view, PyBUF_SIMPLE)
    try:
        n = view.len // <Py_ssize_t>sizeof(EventRecord)
        if view.len % sizeof(EventRecord) or <uintptr_t>view.buf % 8:
            raise ValueError(f"records must have {sizeof(EventRecord)} bytes each, on a boundary of 8; given: {view.len} bytes")
        if not 0 <= start <= n:
            raise ValueError(f"record {start} is out of range, there are {n}")
        at = start
        while True:
            with nogil:
                at = _replay(engine.c, <const EventRecord*>view.buf, n, at, stop, room, index, n_index)
            if at < 0 or at >= n or not _is_rules(<const EventRecord*>view.buf + at, engine.c, stop, room):
                break
            _set_rules(engine, <const EventRecord*>view.buf + at, index[(<const EventRecord*>view.buf + at).symbol])
            at += 1
    finally:
        PyBuffer_Release(&view)
    decoder_clear(engine.c.decoder)
    if at < 0:
        raise ValueError(f"no message begins at record {-1 - at}")
    if engine.c.needs_check:
        engine.on_check()
    return at
