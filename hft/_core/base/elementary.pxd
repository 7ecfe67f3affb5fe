# exp, log, log1p, pow and the cosine of a turn, with the same bits on every machine (SEMANTICS 35).
#
# IEEE 754 defines the exact result of + - * / and sqrt only; the result of exp depends on the machine's libm. The functions here
# use only those operations, in a fixed order; the build's -ffp-contract=off keeps a compiler from fusing them. Each result is
# within one unit in the last place of the exact value.
#
# An argument is reduced to a small number exactly, then a series of known fractions is summed. If one double is too short for
# that, the code uses a pair, hi + lo with |lo| at most half a unit of hi's last place (Dekker 1971; Hida, Li, Bailey 2001):
#
#     exp(x)    x = k ln 2 + r                 e^r = 1 + 2r / (r coth(r/2) - r), the series of r coth(r/2) in r^2
#     log(x)    x = 2^k m, sqrt(1/2) < m < sqrt(2)   ln m = 2 artanh(s), s = (m - 1) / (m + 1), as a pair
#     pow(x, y)                                exp of the pair y ln x
#     cos(2 pi u)                              4u = n + r exactly; sine or cosine of r pi/2, the product as a pair

cdef extern from *:
    """
    #ifndef HFT_ELEMENTARY
    #define HFT_ELEMENTARY
    #include <stdint.h>
    #include <string.h>

    typedef struct { double hi, lo; } hft_pair;

    static inline uint64_t hft_bits_of(double x) { uint64_t u; memcpy(&u, &x, 8); return u; }
    static inline double hft_of_bits(uint64_t u) { double x; memcpy(&x, &u, 8); return x; }
    static inline double hft_two_to(int k) { return hft_of_bits((uint64_t)(k + 1023) << 52); }     /* -1022 to 1023 */

    #define HFT_INF hft_of_bits(0x7FF0000000000000u)
    #define HFT_NAN hft_of_bits(0x7FF8000000000000u)
    #define HFT_LN2_HI 0x1.62e42fee00000p-1         /* 32 bits: k times it is exact */
    #define HFT_LN2_LO 0x1.a39ef35793c76p-33
    #define HFT_LN2_INVERSE 0x1.71547652b82fep+0

    /* -- pairs */

    static inline hft_pair hft_quick_sum(double a, double b) {          /* |a| >= |b|, or a = 0 */
        hft_pair r;
        r.hi = a + b;
        r.lo = b - (r.hi - a);
        return r;
    }
    static inline hft_pair hft_sum(double a, double b) {
        hft_pair r;
        r.hi = a + b;
        double c = r.hi - a;
        r.lo = (a - (r.hi - c)) + (b - c);
        return r;
    }
    static inline hft_pair hft_product(double a, double b) {            /* both far from overflow */
        hft_pair r;
        double t = 134217729.0 * a, a1 = t - (t - a), a2 = a - a1;
        double u = 134217729.0 * b, b1 = u - (u - b), b2 = b - b1;
        r.hi = a * b;
        r.lo = ((a1 * b1 - r.hi) + a1 * b2 + a2 * b1) + a2 * b2;
        return r;
    }
    static inline hft_pair hft_pair_add(hft_pair a, hft_pair b) {
        hft_pair r = hft_sum(a.hi, b.hi);
        return hft_quick_sum(r.hi, r.lo + (a.lo + b.lo));
    }
    static inline hft_pair hft_pair_multiply(hft_pair a, hft_pair b) {
        hft_pair r = hft_product(a.hi, b.hi);
        return hft_quick_sum(r.hi, r.lo + (a.hi * b.lo + a.lo * b.hi));
    }
    static inline hft_pair hft_pair_divide(hft_pair a, hft_pair b) {
        double q = a.hi / b.hi;
        hft_pair p = hft_product(q, b.hi);
        double rest = (((a.hi - p.hi) - p.lo) + a.lo) - q * b.lo;
        return hft_quick_sum(q, rest / b.hi);
    }

    /* -- logarithms */

    /* ln(x + rest): x positive and finite, `rest` is below the last place of x. */
    static inline hft_pair hft_log_pair(double x, double rest) {
        static const hft_pair third = {0x1.5555555555555p-2, 0x1.5555555555555p-56};
        static const hft_pair fifth = {0x1.999999999999ap-3, -0x1.999999999999ap-57};
        int k = 0;
        if (x < 0x1p-1022) {
            x *= 0x1p54;                            /* subnormal */
            k = -54;
        }
        uint64_t bits = hft_bits_of(x), fraction = bits & 0xFFFFFFFFFFFFFu;
        int e = (int)(bits >> 52) - 1023 + (fraction > 0x6A09E667F3BCCu);       /* sqrt(2) */
        k += e;
        double m = hft_of_bits(bits - ((uint64_t)(int64_t)e << 52));
        double low = e < 1023 ? rest * hft_two_to(-e) : 0.0;
        hft_pair s = hft_pair_divide(hft_sum(m - 1.0, low), hft_pair_add(hft_sum(m, 1.0), (hft_pair){low, 0.0}));
        hft_pair z = hft_pair_multiply(s, s);
        double w = z.hi, tail = 1.0 / 29.0;
        tail = 1.0 / 27.0 + w * tail;
        tail = 1.0 / 25.0 + w * tail;
        tail = 1.0 / 23.0 + w * tail;
        tail = 1.0 / 21.0 + w * tail;
        tail = 1.0 / 19.0 + w * tail;
        tail = 1.0 / 17.0 + w * tail;
        tail = 1.0 / 15.0 + w * tail;
        tail = 1.0 / 13.0 + w * tail;
        tail = 1.0 / 11.0 + w * tail;
        tail = 1.0 / 9.0 + w * tail;
        tail = 1.0 / 7.0 + w * tail;
        hft_pair sum = hft_pair_add(fifth, hft_pair_multiply(z, (hft_pair){tail, 0.0}));
        sum = hft_pair_add(third, hft_pair_multiply(z, sum));
        sum = hft_pair_multiply(hft_pair_multiply(s, z), sum);
        hft_pair ln_m = hft_pair_add(s, sum);       /* half of ln m */
        hft_pair shift = {k * HFT_LN2_HI, k * HFT_LN2_LO};
        return hft_pair_add(hft_quick_sum(shift.hi, shift.lo), (hft_pair){2.0 * ln_m.hi, 2.0 * ln_m.lo});
    }

    static inline double hft_log(double x) {
        if (!(x > 0.0)) return x == 0.0 ? -HFT_INF : HFT_NAN;
        return x == HFT_INF ? x : hft_log_pair(x, 0.0).hi;
    }

    static inline double hft_log1p(double x) {
        if (!(x > -1.0)) return x == -1.0 ? -HFT_INF : HFT_NAN;
        if (x == HFT_INF || (x < 0x1p-53 && x > -0x1p-53)) return x;
        hft_pair u = hft_sum(1.0, x);
        return hft_log_pair(u.hi, u.lo).hi;
    }

    /* -- exponentials */

    /* e^(x + rest); `rest` is below the last place of x. */
    static inline double hft_exp_pair(double x, double rest) {
        if (x > 709.8) return HFT_INF;
        if (x < -746.0) return 0.0;
        if (x != x) return x;
        int k = (int)(x * HFT_LN2_INVERSE + (x < 0.0 ? -0.5 : 0.5));
        double hi = x - k * HFT_LN2_HI, lo = k * HFT_LN2_LO - rest, r = hi - lo, t = r * r;
        /* r coth(r/2) = 2 + r^2/6 - r^4/360 + … (Bernoulli's numbers); |r| < 0.35 */
        double c = 1.0 / 74724249600.0;
        c = -691.0 / 1307674368000.0 + t * c;
        c = 1.0 / 47900160.0 + t * c;
        c = -1.0 / 1209600.0 + t * c;
        c = 1.0 / 30240.0 + t * c;
        c = -1.0 / 720.0 + t * c;
        c = 1.0 / 12.0 + t * c;
        c = r - t * (2.0 * c);
        double y = 1.0 - ((lo - r * c / (2.0 - c)) - hi);
        if (k > 1023) return y * 2.0 * 0x1p1023;
        return k >= -1021 ? y * hft_two_to(k) : y * hft_two_to(k + 1000) * 0x1p-1000;
    }

    static inline double hft_exp(double x) { return hft_exp_pair(x, 0.0); }

    /* x to the power of y; NaN for x below 0. */
    static inline double hft_pow(double x, double y) {
        if (y == 0.0 || x == 1.0) return 1.0;
        if (!(x >= 0.0) || y != y) return HFT_NAN;
        if (x == 0.0 || x == HFT_INF || y > 0x1p64 || y < -0x1p64) return (x > 1.0) == (y > 0.0) ? HFT_INF : 0.0;
        hft_pair l = hft_log_pair(x, 0.0), p = hft_product(l.hi, y);
        p = hft_quick_sum(p.hi, p.lo + l.lo * y);
        return hft_exp_pair(p.hi, p.lo);
    }

    /* -- the cosine of u turns, 0 <= u <= 1 */

    static inline double hft_cos_turn(double u) {
        double t = 4.0 * u;
        int n = (int)(t + 0.5);
        double r = t - n;
        hft_pair a = hft_product(r, 0x1.921fb54442d18p+0);
        double x = a.hi, low = a.lo + r * 0x1.1a62633145c07p-54, z = x * x, y;
        if (n & 1) {
            double s = 1.0 / 355687428096000.0;
            s = -1.0 / 1307674368000.0 + z * s;
            s = 1.0 / 6227020800.0 + z * s;
            s = -1.0 / 39916800.0 + z * s;
            s = 1.0 / 362880.0 + z * s;
            s = -1.0 / 5040.0 + z * s;
            s = 1.0 / 120.0 + z * s;
            s = -1.0 / 6.0 + z * s;
            y = x + (z * x * s + (low - 0.5 * z * low));
            return (n & 3) == 1 ? -y : y;
        }
        double c = -1.0 / 6402373705728000.0;
        c = 1.0 / 20922789888000.0 + z * c;
        c = -1.0 / 87178291200.0 + z * c;
        c = 1.0 / 479001600.0 + z * c;
        c = -1.0 / 3628800.0 + z * c;
        c = 1.0 / 40320.0 + z * c;
        c = -1.0 / 720.0 + z * c;
        c = 1.0 / 24.0 + z * c;
        double half = 0.5 * z, w = 1.0 - half;
        y = w + (((1.0 - w) - half) + (z * z * c - x * low));
        return (n & 3) == 2 ? -y : y;
    }
    #endif
    """
    double exp "hft_exp"(double x) noexcept nogil
    double log "hft_log"(double x) noexcept nogil
    double log1p "hft_log1p"(double x) noexcept nogil
    double power "hft_pow"(double x, double y) noexcept nogil
    double cos_turn "hft_cos_turn"(double u) noexcept nogil
