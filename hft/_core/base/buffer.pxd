# The address of memory that a Python object owns (an mmap, shared memory). The caller keeps a memoryview of the object, which
# pins the memory, while it uses the address.

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uintptr_t


cdef inline void* buffer_address(object memory, size_t size, bint writable) except NULL:
    """Address of `memory`; ValueError if it is smaller than `size`, not on a cache line, or read-only although `writable`."""
    cdef Py_buffer b
    try:
        PyObject_GetBuffer(memory, &b, PyBUF_WRITABLE if writable else PyBUF_SIMPLE)
    except BufferError:
        raise ValueError("the memory must be writable") from None
    cdef void* address = b.buf
    cdef size_t n = b.len
    PyBuffer_Release(&b)
    if n < size:
        raise ValueError(f"the memory has {n} bytes, {size} are needed")
    if <uintptr_t>address % 64:
        raise ValueError("the memory must begin on a cache line (64 bytes); an mmap does")
    return address
