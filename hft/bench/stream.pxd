# Decoded messages of one symbol, in the order in which its book takes them: the input of a loop over one stage.

from hft._core.base.types cimport Level, Message, Spec


cdef class Stream:
    cdef Message* messages      # owned
    cdef Level* levels          # owned: of the first message, then of the second …
    cdef Py_ssize_t room        # messages that fit
    cdef Py_ssize_t level_room
    cdef readonly Py_ssize_t count
    cdef readonly Py_ssize_t level_count
    cdef readonly Spec spec

    cdef int keep(self, const Message* m, const Level* levels) except -1
