# Atomics for memory that two threads or two processes share.
#
# Relaxed loads and stores of aligned 64-bit words are plain moves on every supported machine; they are explicit so
# that the compiler may neither tear nor repeat them, and so that a race detector knows the intent.
#
# A seqlock protects a few words that one writer replaces and any number of readers copy without blocking the writer:
#
#     writer   sequence -> odd | words | sequence -> even          reader   copy; again if odd or changed meanwhile

from libc.stdint cimport int64_t, uint64_t

cdef extern from *:
    """
    #ifndef HFT_ATOMIC
    #define HFT_ATOMIC
    #include <stddef.h>
    #include <stdint.h>
    static inline uint64_t hft_load_relaxed(const uint64_t *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
    static inline uint64_t hft_load_acquire(const uint64_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
    static inline void hft_store_relaxed(uint64_t *p, uint64_t v) { __atomic_store_n(p, v, __ATOMIC_RELAXED); }
    static inline void hft_store_release(uint64_t *p, uint64_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }

    /* After the loads before it: did the value change during the copy? */
    static inline uint64_t hft_load_fenced(const uint64_t *p) {
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        return hft_load_relaxed(p);
    }

    static inline void hft_fence_release(void) { __atomic_thread_fence(__ATOMIC_RELEASE); }

    /* Any number of writers, each of which changes other bits. */
    static inline void hft_or_release(uint64_t *p, uint64_t bits) { __atomic_fetch_or(p, bits, __ATOMIC_RELEASE); }
    static inline void hft_and_release(uint64_t *p, uint64_t bits) { __atomic_fetch_and(p, bits, __ATOMIC_RELEASE); }

    /* One writer: a load and a store suffice, without a locked instruction. */
    static inline void hft_add_relaxed(uint64_t *p, uint64_t n) { hft_store_relaxed(p, hft_load_relaxed(p) + n); }

    static inline void hft_words_store(void *to, const void *from, size_t words) {
        for (size_t i = 0; i < words; i++) hft_store_relaxed((uint64_t *)to + i, ((const uint64_t *)from)[i]);
    }
    static inline void hft_words_load(void *to, const void *from, size_t words) {
        for (size_t i = 0; i < words; i++) ((uint64_t *)to)[i] = hft_load_relaxed((const uint64_t *)from + i);
    }

    static inline void hft_seqlock_write(uint64_t *sequence, void *to, const void *from, size_t words) {
        uint64_t s = hft_load_relaxed(sequence);
        hft_store_relaxed(sequence, s + 1);
        hft_fence_release();                          /* readers see the odd value before any new word */
        hft_words_store(to, from, words);
        hft_store_release(sequence, s + 2);           /* readers see the even value after all new words */
    }
    /* 0: `to` is one consistent state. 1: the writer was active (or died) during every try: the words may be from two states. */
    static inline int hft_seqlock_read(const uint64_t *sequence, void *to, const void *from, size_t words, int tries) {
        while (tries-- > 0) {
            uint64_t s = hft_load_acquire(sequence);
            hft_words_load(to, from, words);
            if (s & 1) continue;
            if (hft_load_fenced(sequence) == s) return 0;
        }
        return 1;
    }
    #endif
    """
    uint64_t load_relaxed "hft_load_relaxed"(const uint64_t* p) noexcept nogil
    uint64_t load_acquire "hft_load_acquire"(const uint64_t* p) noexcept nogil
    uint64_t load_fenced "hft_load_fenced"(const uint64_t* p) noexcept nogil
    void store_relaxed "hft_store_relaxed"(uint64_t* p, uint64_t v) noexcept nogil
    void store_release "hft_store_release"(uint64_t* p, uint64_t v) noexcept nogil
    void or_release "hft_or_release"(uint64_t* p, uint64_t bits) noexcept nogil
    void and_release "hft_and_release"(uint64_t* p, uint64_t bits) noexcept nogil
    void add_relaxed "hft_add_relaxed"(uint64_t* p, uint64_t n) noexcept nogil
    void fence_release "hft_fence_release"() noexcept nogil
    void words_store "hft_words_store"(void* to, const void* words, size_t n) noexcept nogil
    void words_load "hft_words_load"(void* to, const void* words, size_t n) noexcept nogil
    void seqlock_write "hft_seqlock_write"(uint64_t* sequence, void* to, const void* words, size_t n) noexcept nogil
    int seqlock_read "hft_seqlock_read"(const uint64_t* sequence, void* to, const void* words, size_t n, int tries) noexcept nogil
