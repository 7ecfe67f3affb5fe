"""Frames from memory through an engine, the loop in C: for backtests, benchmarks and tests."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.list cimport PyList_GET_ITEM
from libc.stdint cimport INT64_MAX, int64_t, uint64_t

from hft._core.base.cycles cimport cycles_now
from hft._core.base.histogram cimport Histogram, HistogramState, histogram_add
from hft._core.base.types cimport MSG_AGG_TRADE, MSG_DEPTH, MSG_KINDS, MSG_BOOK_TICKER, MSG_TRADE
from hft._core.engine.engine cimport Engine
from hft._core.engine.tick cimport engine_makes_room, engine_since
from hft._core.wire.decode cimport decoder_message
from hft._core.wire.sink cimport FRAME_CHECK, FRAME_NEEDS_PYTHON

KINDS = {"depth": MSG_DEPTH, "bookTicker": MSG_BOOK_TICKER, "trade": MSG_TRADE, "aggTrade": MSG_AGG_TRADE}


def replay(Engine engine not None, list frames not None, const int64_t[::1] stamps not None, *,
           Py_ssize_t start=0, stop=None, until_ns=None, int64_t room=0, Histogram histogram=None, dict by_kind=None) -> int:
    """Feed frames to an engine until all are handled or something wants a look from Python.

    Parameters
    ----------
    frames : list of bytes
    stamps : buffer of int64
        `now` of each frame, nanoseconds.
    start, stop : int
        Index of the first one, and of the one to stop before. Default: all.
    until_ns : int, optional
        Stop before the first frame whose stamp is this or later.
    room : int
        Stop while the journal has room for fewer records than this, or than an input may cause: whoever drains it does so, and
        goes on.
    histogram : Histogram, optional
        Gets the time of each frame, from its bytes to the end of its work.
    by_kind : dict of str to Histogram, optional
        The same, apart by kind of message (`KINDS`).

    Returns the index after the last frame handled. That is short of `stop`, and of `until_ns`, after `on_check` was called,
    and where the journal is to be drained.
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
        raise ValueError(f"frames {start} to {end} are not among {n}")
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
