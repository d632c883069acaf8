/* SPDX-License-Identifier: Apache-2.0 */
#include "CSealing.h"
#include "internal/poseidon.h"

/* Poseidon for four inputs at once with AVX2 and FMA. Elements, bounds and rounds are those of
 * poseidon_avx512.c; a product of 52-bit limbs, which AVX2 has not, is made of doubles. With rounding
 * towards zero,
 *
 *     high = fma(a, b, 2^104)                   2^104 + floor(a * b / 2^52) * 2^52
 *     low  = fma(a, b, 2^104 + 2^52 - high)     2^52 + a * b mod 2^52
 *
 * are exact, and the 52 bits of each mantissa are the half of the product. Bit patterns are summed as
 * integers; the exponents in them are taken off beforehand, in the value that a sum starts from.
 *
 * The modulus begins with the limb p0 = 2^52 - 2^32 + 1, and -1 / p0 = -(2^32 + 1) modulo 2^52, so a
 * step of the Montgomery reduction finds its factor m = -(t0 + (t0 << 32)) and the carry
 * (t0 + m * p0) / 2^52 = m - (m >> 20) + ((m << 32) mod 2^52 < m) with shifts. */

#if defined(__x86_64__)

#include <immintrin.h>

#define TARGET __attribute__((target("avx2,fma")))
#define INLINE TARGET static inline __attribute__((always_inline))

#define TWO52 0x4330000000000000ULL
#define TWO104 0x4670000000000000ULL

/* Limbs as integers below 2^52, and as doubles. */
typedef struct v5 {
    __m256i limb[5];
    __m256d number[5];
} v5;

INLINE __m256i splat(uint64_t x) { return _mm256_set1_epi64x((long long)x); }

INLINE __m256d number_of(__m256i limb) {
    const __m256i two52 = splat(TWO52);
    return _mm256_sub_pd(_mm256_castsi256_pd(_mm256_or_si256(limb, two52)),
                         _mm256_castsi256_pd(two52));
}

/* *low and *high += the halves of a * b, and the exponents. */
INLINE void add_product(__m256i *low, __m256i *high, __m256d a, __m256d b) {
    const __m256d two104 = _mm256_set1_pd(0x1p104), both = _mm256_set1_pd(0x1p104 + 0x1p52);
    const __m256d h = _mm256_fmadd_pd(a, b, two104);
    const __m256d l = _mm256_fmadd_pd(a, b, _mm256_sub_pd(both, h));
    *high = _mm256_add_epi64(*high, _mm256_castpd_si256(h));
    *low = _mm256_add_epi64(*low, _mm256_castpd_si256(l));
}

/* What t starts from, so that the exponents of `count` products of elements and of one reduction
 * vanish: column k gets a low half for each i + j = k and a high half for each i + j = k - 1, and from
 * the reduction the same without j = 0. */
INLINE void begin(__m256i t[10], uint64_t count) {
#pragma clang loop unroll(full)
    for (uint64_t k = 0; k < 10; k++) {
        const uint64_t lows = k < 5 ? k + 1 : 9 - k, highs = k < 6 ? k : 10 - k;
        const uint64_t lows_p = k < 5 ? k : 9 - k, highs_p = k < 2 ? 0 : k < 6 ? k - 1 : 10 - k;
        t[k] = splat(0 - (lows * count + lows_p) * TWO52 - (highs * count + highs_p) * TWO104);
    }
}

/* t += a * b for constants b that are the same in all lanes. */
INLINE void accumulate(__m256i t[10], const v5 *a, const double b[5]) {
#pragma clang loop unroll(full)
    for (int i = 0; i < 5; i++) {
        const __m256d x = _mm256_set1_pd(b[i]);
#pragma clang loop unroll(full)
        for (int j = 0; j < 5; j++) {
            add_product(&t[i + j], &t[i + j + 1], a->number[j], x);
        }
    }
}

INLINE void accumulate_lanes(__m256i t[10], const v5 *a, const v5 *b) {
#pragma clang loop unroll(full)
    for (int i = 0; i < 5; i++) {
#pragma clang loop unroll(full)
        for (int j = 0; j < 5; j++) {
            add_product(&t[i + j], &t[i + j + 1], a->number[j], b->number[i]);
        }
    }
}

/* Lets carries run so that every limb is below 2^52; the value is below 2^260 by our bounds. */
INLINE void normalize(v5 *out, const __m256i t[5]) {
    const __m256i mask = splat(CSEALING_LIMB_MASK);
    __m256i carry = _mm256_setzero_si256();
#pragma clang loop unroll(full)
    for (int i = 0; i < 5; i++) {
        const __m256i v = _mm256_add_epi64(t[i], carry);
        out->limb[i] = _mm256_and_si256(v, mask);
        out->number[i] = number_of(out->limb[i]);
        carry = _mm256_srli_epi64(v, 52);
    }
}

/* t becomes t / R modulo p, in t[5] to t[9], limbs not normalized. */
INLINE void montgomery(__m256i t[10]) {
    const __m256i mask = splat(CSEALING_LIMB_MASK), zero = _mm256_setzero_si256();
#pragma clang loop unroll(full)
    for (int i = 0; i < 5; i++) {
        const __m256i m = _mm256_and_si256(
            _mm256_sub_epi64(zero, _mm256_add_epi64(t[i], _mm256_slli_epi64(t[i], 32))), mask);
        const __m256i shifted = _mm256_and_si256(_mm256_slli_epi64(m, 32), mask);
        const __m256i carry =
            _mm256_sub_epi64(_mm256_sub_epi64(m, _mm256_srli_epi64(m, 20)),
                             _mm256_cmpgt_epi64(m, shifted));
        t[i + 1] = _mm256_add_epi64(
            t[i + 1], _mm256_add_epi64(carry, _mm256_srli_epi64(t[i], 52)));
        const __m256d x = number_of(m);
#pragma clang loop unroll(full)
        for (int j = 1; j < 5; j++) {
            add_product(&t[i + j], &t[i + j + 1], x, _mm256_set1_pd((double)csealing_p52[j]));
        }
    }
}

INLINE void multiply(v5 *out, const v5 *a, const v5 *b) {
    __m256i t[10];
    begin(t, 1);
    accumulate_lanes(t, a, b);
    montgomery(t);
    normalize(out, t + 5);
}

/* x = x^5, and plus a constant unless it is NULL. */
INLINE void fifth_power(v5 *x, const uint64_t *constant) {
    v5 square;
    multiply(&square, x, x);
    multiply(&square, &square, &square);
    __m256i t[10];
    begin(t, 1);
    accumulate_lanes(t, x, &square);
    montgomery(t);
    for (int i = 0; constant != NULL && i < 5; i++) {
        t[5 + i] = _mm256_add_epi64(t[5 + i], splat(constant[i]));
    }
    normalize(x, t + 5);
}

INLINE void dense(v5 *x, const double *m, size_t t) {
    v5 y[12];
    for (size_t j = 0; j < t; j++) {
        __m256i acc[10];
        begin(acc, t);
#pragma clang loop unroll(disable)
        for (size_t i = 0; i < t; i++) {
            accumulate(acc, &x[i], m + 5 * (i * t + j));
        }
        montgomery(acc);
        normalize(&y[j], acc + 5);
    }
    for (size_t j = 0; j < t; j++) {
        x[j] = y[j];
    }
}

/* Brings a value below 35p to below 3p: the quotient by p, from the top limb, is at most one too
 * small. 2^52 / p52[4] is 35.3. A quotient is below 35, so its products are below 2^58 and the half of
 * a product above 52 bits comes from shifts. */
INLINE void weak_reduce(v5 *x) {
    const __m256i mask = splat(CSEALING_LIMB_MASK);
    /* floor(limb * 35 / 2^52) from the upper 26 bits: at most one smaller again. */
    const __m256i top = _mm256_srli_epi64(x->limb[4], 26);
    const __m256i quotient = _mm256_srli_epi64(_mm256_mul_epu32(top, splat(35)), 26);
    const __m256i lower = splat(0x3ffffff);
    __m256i carry = _mm256_setzero_si256();
    __m256i t[5];
    for (int i = 0; i < 5; i++) {
        const __m256i limb = splat(csealing_p52[i]);
        const __m256i low = _mm256_mul_epu32(quotient, _mm256_and_si256(limb, lower));
        const __m256i high = _mm256_mul_epu32(quotient, _mm256_srli_epi64(limb, 26));
        /* The product, below 2^58, is taken off as a whole: a limb goes below zero by less than
         * 2^58, and the sign travels in the carry. */
        const __m256i product = _mm256_add_epi64(low, _mm256_slli_epi64(high, 26));
        const __m256i v = _mm256_add_epi64(_mm256_sub_epi64(x->limb[i], product), carry);
        t[i] = _mm256_and_si256(v, mask);
        /* AVX2 has no arithmetic shift of 64 bits. */
        const __m256i bias = splat(1ULL << 62);
        carry = _mm256_sub_epi64(_mm256_srli_epi64(_mm256_add_epi64(v, bias), 52),
                                 splat(1ULL << 10));
    }
    for (int i = 0; i < 5; i++) {
        x->limb[i] = t[i];
        x->number[i] = number_of(t[i]);
    }
}

/* Constants as integers (to add) and as doubles (to multiply with). */
typedef struct constants {
    const uint64_t *compressed;
    const double *matrix, *pre_sparse, *sparse;
} constants;

INLINE void permute_lanes(v5 *x, const constants *k, size_t t, size_t partial) {
    const uint64_t *c = k->compressed;
    const double *sparse = k->sparse;
    for (size_t j = 0; j < t; j++, c += 5) {
        __m256i sum[5];
        for (int i = 0; i < 5; i++) {
            sum[i] = _mm256_add_epi64(x[j].limb[i], splat(c[i]));
        }
        normalize(&x[j], sum);
    }
#pragma clang loop unroll(disable)
    for (int round = 0; round < 4; round++) {
#pragma clang loop unroll(disable)
        for (size_t j = 0; j < t; j++, c += 5) {
            fifth_power(&x[j], c);
        }
        dense(x, round == 3 ? k->pre_sparse : k->matrix, t);
    }
    /* Every x[j] is below 2.1p here; the dot product stays below 8p and x[0] after it too. */
#pragma clang loop unroll(disable)
    for (size_t round = 0; round < partial; round++, c += 5, sparse += 5 * (2 * t - 1)) {
        fifth_power(&x[0], c);
        __m256i dot[10];
        begin(dot, t);
#pragma clang loop unroll(disable)
        for (size_t j = 0; j < t; j++) {
            accumulate(dot, &x[j], sparse + 5 * j);
        }
#pragma clang loop unroll(disable)
        for (size_t j = 1; j < t; j++) {
            __m256i acc[10];
            begin(acc, 1);
            accumulate(acc, &x[0], sparse + 5 * (t + j - 1));
            montgomery(acc);
            for (int i = 0; i < 5; i++) {
                acc[5 + i] = _mm256_add_epi64(acc[5 + i], x[j].limb[i]);
            }
            normalize(&x[j], acc + 5);
        }
        montgomery(dot);
        normalize(&x[0], dot + 5);
        for (size_t j = 1; (round & 15) == 15 && j < t; j++) {
            weak_reduce(&x[j]);
        }
    }
#pragma clang loop unroll(disable)
    for (int round = 0; round < 4; round++) {
#pragma clang loop unroll(disable)
        for (size_t j = 0; j < t; j++) {
            fifth_power(&x[j], round < 3 ? c : NULL);
            c += round < 3 ? 5 : 0;
        }
        dense(x, k->matrix, t);
    }
}

/* Four nodes, `stride` bytes apart, to lanes of R form; 0 if one is not below the modulus. */
TARGET static int load_lanes(v5 *out, const uint8_t *node, size_t stride) {
    uint64_t lanes[5][4];
    double r2[5];
    for (int lane = 0; lane < 4; lane++) {
        fr a;
        uint64_t limbs[5];
        fr_load_canonical(&a, node + stride * (size_t)lane);
        if (!fr_is_canonical(&a)) {
            return 0;
        }
        csealing_split52(limbs, &a);
        for (int i = 0; i < 5; i++) {
            lanes[i][lane] = limbs[i];
        }
    }
    v5 a;
    for (int i = 0; i < 5; i++) {
        a.limb[i] = _mm256_loadu_si256((const __m256i *)(const void *)lanes[i]);
        a.number[i] = number_of(a.limb[i]);
        r2[i] = (double)csealing_r2_52[i];
    }
    __m256i t[10];
    begin(t, 1);
    accumulate(t, &a, r2);
    montgomery(t);
    normalize(out, t + 5);
    return 1;
}

/* Lanes of R form to four canonical nodes. */
TARGET static void store_lanes(uint8_t *nodes, const v5 *a) {
    __m256i t[10];
    begin(t, 0);
    for (int i = 0; i < 5; i++) {
        t[i] = _mm256_add_epi64(t[i], a->limb[i]);
    }
    montgomery(t);
    v5 b;
    normalize(&b, t + 5);
    uint64_t lanes[5][4];
    for (int i = 0; i < 5; i++) {
        _mm256_storeu_si256((__m256i *)(void *)lanes[i], b.limb[i]);
    }
    for (int lane = 0; lane < 4; lane++) {
        const uint64_t l0 = lanes[0][lane], l1 = lanes[1][lane], l2 = lanes[2][lane];
        const uint64_t l3 = lanes[3][lane], l4 = lanes[4][lane];
        fr x = {{l0 | l1 << 52, l1 >> 12 | l2 << 40, l2 >> 24 | l3 << 28, l3 >> 36 | l4 << 16}};
        fr_reduce_once(&x);
        fr_store_canonical(nodes + 32 * lane, &x);
    }
}

/* Runs with rounding towards zero; not inlined, so that no sum of doubles leaves it. */
TARGET static __attribute__((noinline)) int
hash_truncating(uint32_t arity, uint32_t partial, const constants *k, const uint64_t tag[5],
                const uint8_t *inputs, size_t input_stride, size_t lane_stride,
                uint8_t *digests) {
    v5 x[12];
    for (int i = 0; i < 5; i++) {
        x[0].limb[i] = splat(tag[i]);
    }
    for (size_t j = 0; j < arity; j++) {
        if (!load_lanes(&x[j + 1], inputs + j * input_stride, lane_stride)) {
            return 0;
        }
    }
    switch (arity) {
    case 2:
        permute_lanes(x, k, 3, partial);
        break;
    case 8:
        permute_lanes(x, k, 9, partial);
        break;
    default:
        permute_lanes(x, k, 12, partial);
    }
    store_lanes(digests, &x[1]);
    return 1;
}

TARGET static int hash_four(uint32_t arity, uint32_t partial, const uint64_t *words,
                            csealing_poseidon_offsets o, const uint64_t tag[5],
                            const uint8_t *inputs, size_t input_stride, size_t lane_stride,
                            uint8_t *digests) {
    const double *numbers = (const double *)(const void *)(words + o.doubles);
    const constants k = {words + o.words52, numbers + 5 * o.matrix, numbers + 5 * o.pre_sparse,
                         numbers + 5 * o.sparse};
    const unsigned control = _mm_getcsr();
    _mm_setcsr(control | _MM_ROUND_TOWARD_ZERO);
    const int status = hash_truncating(arity, partial, &k, tag, inputs, input_stride, lane_stride,
                                       digests);
    _mm_setcsr(control);
    return status;
}

csealing_poseidon_lanes csealing_poseidon_avx2(void) {
    const csealing_poseidon_lanes found = {4, __builtin_cpu_supports("fma") ? hash_four : NULL};
    return found;
}

#else

csealing_poseidon_lanes csealing_poseidon_avx2(void) {
    const csealing_poseidon_lanes none = {0, NULL};
    return none;
}

#endif
