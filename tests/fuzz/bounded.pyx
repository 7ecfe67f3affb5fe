"""The compiled scanner as the fuzzer drives it: built with sanitizers, on memory that ends where the frame ends."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from hft._core.decode cimport Decoder, DecoderState, decode_frame
from hft._core.form cimport form_init


cdef class BoundedDecoder(Decoder):
    """A Decoder whose scanner ends the process when it reads a byte outside of a frame, or does what C leaves undefined."""

    def clear(self):
        """Hold no message, and forget how levels were printed: what an input does hangs on that input alone."""
        cdef DecoderState* d = self.d
        cdef int i
        Decoder.clear(self)
        for i in range(d.symbols.count):
            form_init(&d.symbols.table[i].price_form, d.symbols.table[i].spec.price_exp)
            form_init(&d.symbols.table[i].qty_form, d.symbols.table[i].spec.qty_exp)

    def decode_frame(self, bytes frame not None, int64_t recv_ns=0):
        cdef size_t n = PyBytes_GET_SIZE(frame)
        cdef char* p = <char*>malloc(n)
        cdef int code
        if p == NULL:
            raise MemoryError
        memcpy(p, PyBytes_AS_STRING(frame), n)
        code = decode_frame(self.d, p, n, recv_ns)
        free(p)
        return code
