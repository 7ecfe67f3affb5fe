# CRC-32C (Castagnoli, RFC 3720 B.4): the last field of a journal record, which detects a torn or damaged record.
# Uses the processor's CRC instruction if there is one (about 10 ns a record), else eight table look-ups a word.

from libc.stdint cimport uint32_t

cdef extern from *:
    """
    #ifndef HFT_CRC32C
    #define HFT_CRC32C
    #include <stddef.h>
    #include <stdint.h>
    #include <string.h>

    static uint32_t hft_crc_table[8][256];            /* [k][b]: byte b, followed by k zero bytes */

    __attribute__((constructor)) static void hft_crc_fill(void) {
        for (int b = 0; b < 256; b++) {
            uint32_t c = (uint32_t)b;
            for (int i = 0; i < 8; i++) c = (c >> 1) ^ (0x82F63B78u & (0u - (c & 1)));
            hft_crc_table[0][b] = c;
        }
        for (int k = 1; k < 8; k++)
            for (int b = 0; b < 256; b++) {
                uint32_t c = hft_crc_table[k - 1][b];
                hft_crc_table[k][b] = (c >> 8) ^ hft_crc_table[0][c & 255];
            }
    }

    static inline uint32_t hft_crc_soft(const void *data, size_t n) {
        const uint8_t *p = (const uint8_t *)data;
        uint32_t c = 0xFFFFFFFFu;
        for (; n >= 8; n -= 8, p += 8) {
            c ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
            c = hft_crc_table[7][c & 255] ^ hft_crc_table[6][c >> 8 & 255] ^ hft_crc_table[5][c >> 16 & 255]
              ^ hft_crc_table[4][c >> 24] ^ hft_crc_table[3][p[4]] ^ hft_crc_table[2][p[5]]
              ^ hft_crc_table[1][p[6]] ^ hft_crc_table[0][p[7]];
        }
        while (n--) c = (c >> 8) ^ hft_crc_table[0][(c ^ *p++) & 255];
        return ~c;
    }

    #if defined(__x86_64__)
    __attribute__((target("sse4.2"))) static uint32_t hft_crc_hard(const void *data, size_t n) {
        const uint8_t *p = (const uint8_t *)data;
        uint64_t c = 0xFFFFFFFFu, word;
        for (; n >= 8; n -= 8, p += 8) { memcpy(&word, p, 8); c = __builtin_ia32_crc32di(c, word); }
        while (n--) c = __builtin_ia32_crc32qi((uint32_t)c, *p++);
        return ~(uint32_t)c;
    }
    #define HFT_CRC_HAS_HARD __builtin_cpu_supports("sse4.2")
    #elif defined(__ARM_FEATURE_CRC32)
    #include <arm_acle.h>
    static uint32_t hft_crc_hard(const void *data, size_t n) {
        const uint8_t *p = (const uint8_t *)data;
        uint64_t word;
        uint32_t c = 0xFFFFFFFFu;
        for (; n >= 8; n -= 8, p += 8) { memcpy(&word, p, 8); c = __crc32cd(c, word); }
        while (n--) c = __crc32cb(c, *p++);
        return ~c;
    }
    #define HFT_CRC_HAS_HARD 1
    #else
    #define hft_crc_hard hft_crc_soft
    #define HFT_CRC_HAS_HARD 0
    #endif

    static inline uint32_t hft_crc32c(const void *data, size_t n) {
        return HFT_CRC_HAS_HARD ? hft_crc_hard(data, n) : hft_crc_soft(data, n);
    }
    #endif
    """
    uint32_t crc32c "hft_crc32c"(const void* data, size_t n) noexcept nogil
    uint32_t crc32c_soft "hft_crc_soft"(const void* data, size_t n) noexcept nogil
