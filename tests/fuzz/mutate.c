/* Changes that leave JSON nearly whole. Bytes changed at random mostly break it, and what is broken is refused early: so most
 * inputs have one value left out, repeated, exchanged with another or for a telling one, and a sixth of them come of one that
 * was taken. Loaded before libFuzzer, which then asks here for its mutations. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { SPANS = 512, KEPT = 256, LONGEST = 2048 };

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

static const char *const NUMBERS[] = {
    "0", "1", "00", "9", "10", "-1", "1e5", "999999999999999999", "1000000000000000000", "1000000000000000", "9223372036854775",
    "9223372036854776", "null", "true", "1.5", "1.0", "\"\"",
};
static const char *const DECIMALS[] = {
    "\"0\"", "\"0.0\"", "\"0.00000000\"", "\"1\"", "\"1.0\"", "\"61800.25\"", "\"0.05\"", "\"12345678.05\"", "\"123456789.1\"",
    "\"00000001.50\"", "\"1000\"", "\"2000.000\"", "\"9.22337203685477580\"", "\"9.22337203685477581\"", "\"0.000000000000000001\"",
    "\"999999999999999999\"", "\"1e5\"", "\"\"", "\"1234567890.00000001\"", "\"1.\"", "\".1\"", "\"1.00000000000000\"",
    "\"1.000000000000000\"", "\"12345678901234.1234\"", "\"-1\"", "\"BTCUSDT\"", "\"X\"", "\"FINE\"", "\"COARSE\"", "\"NA\"",
};
#define COUNT(table) (sizeof(table) / sizeof(table)[0])

typedef struct { size_t from, to; } Span;     /* a string with its quotes, or digits */

static struct { size_t size; uint8_t data[LONGEST]; } kept[KEPT];
static size_t keeps;

/* An input that was taken; the newest are kept. */
__attribute__((visibility("default"))) void keep(const uint8_t *data, size_t size) {
    if (size > LONGEST) return;
    memcpy(kept[keeps % KEPT].data, data, size);
    kept[keeps % KEPT].size = size;
    keeps++;
}

static size_t below(uint64_t *state, size_t n) {      /* xorshift */
    *state ^= *state << 13, *state ^= *state >> 7, *state ^= *state << 17;
    return n ? *state % n : 0;
}

static size_t spans_of(const uint8_t *data, size_t size, Span *spans) {
    size_t n = 0;
    for (size_t at = 0; at < size && n < SPANS; n++) {
        while (at < size && data[at] != '"' && (data[at] < '0' || data[at] > '9')) at++;
        if (at == size) break;
        spans[n].from = at;
        if (data[at++] == '"') {
            while (at < size && data[at] != '"') at++;
            at += at < size;
        } else {
            while (at < size && data[at] >= '0' && data[at] <= '9') at++;
        }
        spans[n].to = at;
    }
    return n;
}

/* Other bytes for those from..to; the size after it, or before where there is no room. */
static size_t put(uint8_t *data, size_t size, size_t max, size_t from, size_t to, const void *bytes, size_t n) {
    if (size - (to - from) + n > max) return size;
    memmove(data + from + n, data + to, size - to);
    memcpy(data + from, bytes, n);
    return size - (to - from) + n;
}

__attribute__((visibility("default")))
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed) {
    static Span spans[SPANS];
    static uint8_t some[LONGEST];
    uint64_t state = seed * 0x9E3779B97F4A7C15ULL + 1;
    if (keeps && below(&state, 6) == 0) {
        const size_t which = below(&state, keeps < KEPT ? keeps : KEPT);
        if (kept[which].size <= max) memcpy(data, kept[which].data, size = kept[which].size);
    }
    const size_t n = below(&state, 4) ? spans_of(data, size, spans) : 0;
    if (n == 0) return LLVMFuzzerMutate(data, size, max);
    const Span a = spans[below(&state, n)], b = spans[below(&state, n)];
    const size_t how = below(&state, 8);
    if (how < 4 && (a.to == size || data[a.to] != ':')) {       /* another value */
        const char *value = data[a.from] == '"' ? DECIMALS[below(&state, COUNT(DECIMALS))] : NUMBERS[below(&state, COUNT(NUMBERS))];
        return put(data, size, max, a.from, a.to, value, strlen(value));
    }
    if (how == 4) return put(data, size, max, a.from, a.to, "", 0);
    const size_t length = how == 5 ? a.to - a.from : b.from > a.from ? b.from - a.from : 0;
    if (length == 0 || length > LONGEST) return LLVMFuzzerMutate(data, size, max);
    memcpy(some, data + a.from, length);
    if (how == 5) return put(data, size, max, b.from, b.to, some, length);      /* one value in two places */
    if (how == 6) return put(data, size, max, a.from, b.from, "", 0);           /* fields left out */
    const size_t at = spans[below(&state, n)].from;
    return put(data, size, max, at, at, some, length);                          /* fields repeated elsewhere */
}
