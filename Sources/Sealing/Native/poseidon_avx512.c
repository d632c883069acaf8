/* SPDX-License-Identifier: Apache-2.0 */
#include "CSealing.h"
#include "internal/poseidon.h"

/* Poseidon for eight inputs at once with AVX-512 IFMA, which multiplies 52-bit limbs.
 *
 * An element is five limbs, each a vector of eight lanes, in Montgomery form with R = 2^260. R is
 * 35 times the modulus p, and that room makes conditional subtractions needless: a product of
 * factors below a*p and b*p comes out below (a*b/35 + 1)*p. Sums of products are reduced once.
 * In the partial rounds each element gains up to 1.1*p a round, so it is brought back below 3*p
 * every 16 rounds; bounds in multiples of p stand beside the code. */

#if defined(__x86_64__)

#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512vl,avx512dq,avx512ifma")))
#define INLINE TARGET static inline __attribute__((always_inline))

typedef struct v5 {
    __m512i limb[5];
} v5;

INLINE __m512i splat(uint64_t x) { return _mm512_set1_epi64((long long)x); }

/* t += a * b for constants b that are the same in all lanes. */
INLINE void accumulate(__m512i t[10], const v5 *a, const uint64_t b[5]) {
#pragma clang loop unroll(full)
    for (int i = 0; i < 5; i++) {
        const __m512i x = splat(b[i]);
#pragma clang loop unroll(full)
        for (int j = 0; j < 5; j++) {
            t[i + j] = _mm512_madd52lo_epu64(t[i + j], a->limb[j], x);
            t[i + j + 1] = _mm512_madd52hi_epu64(t[i + j + 1], a->limb[j], x);
        }
    }
}

INLINE void accumulate_lanes(__m512i t[10], const v5 *a, const v5 *b) {
#pragma clang loop unroll(full)
    for (int i = 0; i < 5; i++) {
        const __m512i x = b->limb[i];
#pragma clang loop unroll(full)
        for (int j = 0; j < 5; j++) {
            t[i + j] = _mm512_madd52lo_epu64(t[i + j], a->limb[j], x);
            t[i + j + 1] = _mm512_madd52hi_epu64(t[i + j + 1], a->limb[j], x);
        }
    }
}

/* Lets carries run so that every limb is below 2^52; the value is below 2^260 by our bounds. */
INLINE void normalize(v5 *out, const __m512i t[5]) {
    const __m512i mask = splat(CSEALING_LIMB_MASK);
    __m512i carry = _mm512_setzero_si512();
#pragma clang loop unroll(full)
    for (int i = 0; i < 5; i++) {
        const __m512i v = _mm512_add_epi64(t[i], carry);
        out->limb[i] = _mm512_and_si512(v, mask);
        carry = _mm512_srli_epi64(v, 52);
    }
}

/* t becomes t / R modulo p, in t[5] to t[9], limbs not normalized. */
INLINE void montgomery(__m512i t[10]) {
    const __m512i inverse = splat(CSEALING_P_INVERSE52);
#pragma clang loop unroll(full)
    for (int i = 0; i < 5; i++) {
        const __m512i m = _mm512_madd52lo_epu64(_mm512_setzero_si512(), t[i], inverse);
#pragma clang loop unroll(full)
        for (int j = 0; j < 5; j++) {
            t[i + j] = _mm512_madd52lo_epu64(t[i + j], m, splat(csealing_p52[j]));
            t[i + j + 1] = _mm512_madd52hi_epu64(t[i + j + 1], m, splat(csealing_p52[j]));
        }
        t[i + 1] = _mm512_add_epi64(t[i + 1], _mm512_srli_epi64(t[i], 52));
    }
}

INLINE void clear(__m512i t[10]) {
#pragma clang loop unroll(full)
    for (int i = 0; i < 10; i++) {
        t[i] = _mm512_setzero_si512();
    }
}

INLINE void multiply(v5 *out, const v5 *a, const v5 *b) {
    __m512i t[10];
    clear(t);
    accumulate_lanes(t, a, b);
    montgomery(t);
    normalize(out, t + 5);
}

/* x = x^5, and plus a constant unless it is NULL. */
INLINE void fifth_power(v5 *x, const uint64_t *constant) {
    v5 square;
    multiply(&square, x, x);
    multiply(&square, &square, &square);
    __m512i t[10];
    clear(t);
    accumulate_lanes(t, x, &square);
    montgomery(t);
    for (int i = 0; constant != NULL && i < 5; i++) {
        t[5 + i] = _mm512_add_epi64(t[5 + i], splat(constant[i]));
    }
    normalize(x, t + 5);
}

INLINE void dense(v5 *x, const uint64_t *m, size_t t) {
    v5 y[12];
    for (size_t j = 0; j < t; j++) {
        __m512i acc[10];
        clear(acc);
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
 * small. 2^52 / csealing_p52[4] is 35.3. */
INLINE void weak_reduce(v5 *x) {
    const __m512i zero = _mm512_setzero_si512();
    const __m512i mask = splat(CSEALING_LIMB_MASK);
    const __m512i quotient = _mm512_madd52hi_epu64(zero, x->limb[4], splat(35));
    __m512i high = zero, borrow = zero;
    for (int i = 0; i < 5; i++) {
        const __m512i low = _mm512_madd52lo_epu64(high, quotient, splat(csealing_p52[i]));
        high = _mm512_madd52hi_epu64(zero, quotient, splat(csealing_p52[i]));
        const __m512i v = _mm512_add_epi64(_mm512_sub_epi64(x->limb[i], low), borrow);
        x->limb[i] = _mm512_and_si512(v, mask);
        borrow = _mm512_srai_epi64(v, 52);
    }
}

INLINE void permute_lanes(v5 *x, const uint64_t *c, const uint64_t *m,
                          const uint64_t *pre_sparse, const uint64_t *sparse, size_t t,
                          size_t partial) {
    for (size_t j = 0; j < t; j++, c += 5) {
        for (int i = 0; i < 5; i++) {
            x[j].limb[i] = _mm512_add_epi64(x[j].limb[i], splat(c[i]));
        }
        normalize(&x[j], x[j].limb);
    }
    for (int round = 0; round < 4; round++) {
        for (size_t j = 0; j < t; j++, c += 5) {
            fifth_power(&x[j], c);
        }
        dense(x, round == 3 ? pre_sparse : m, t);
    }
    /* Every x[j] is below 2.1p here; the dot product stays below 8p and x[0] after it too. */
    for (size_t round = 0; round < partial; round++, c += 5, sparse += 5 * (2 * t - 1)) {
        fifth_power(&x[0], c);
        __m512i dot[10];
        clear(dot);
        for (size_t j = 0; j < t; j++) {
            accumulate(dot, &x[j], sparse + 5 * j);
        }
        for (size_t j = 1; j < t; j++) {
            __m512i acc[10];
            clear(acc);
            accumulate(acc, &x[0], sparse + 5 * (t + j - 1));
            montgomery(acc);
            for (int i = 0; i < 5; i++) {
                acc[5 + i] = _mm512_add_epi64(acc[5 + i], x[j].limb[i]);
            }
            normalize(&x[j], acc + 5);
        }
        montgomery(dot);
        normalize(&x[0], dot + 5);
        for (size_t j = 1; (round & 15) == 15 && j < t; j++) {
            weak_reduce(&x[j]);
        }
    }
    for (int round = 0; round < 4; round++) {
        for (size_t j = 0; j < t; j++) {
            fifth_power(&x[j], round < 3 ? c : NULL);
            c += round < 3 ? 5 : 0;
        }
        dense(x, m, t);
    }
}

TARGET static void permute3(v5 *x, const uint64_t *w, csealing_poseidon_offsets o, size_t r) {
    permute_lanes(x, w, w + 5 * o.matrix, w + 5 * o.pre_sparse, w + 5 * o.sparse, 3, r);
}

TARGET static void permute9(v5 *x, const uint64_t *w, csealing_poseidon_offsets o, size_t r) {
    permute_lanes(x, w, w + 5 * o.matrix, w + 5 * o.pre_sparse, w + 5 * o.sparse, 9, r);
}

TARGET static void permute12(v5 *x, const uint64_t *w, csealing_poseidon_offsets o, size_t r) {
    permute_lanes(x, w, w + 5 * o.matrix, w + 5 * o.pre_sparse, w + 5 * o.sparse, 12, r);
}

/* Eight nodes, `stride` bytes apart, to lanes of R form; 0 if one is not below the modulus. */
TARGET static int load_lanes(v5 *out, const uint8_t *node, size_t stride) {
    uint64_t lanes[5][8];
    for (int lane = 0; lane < 8; lane++) {
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
        a.limb[i] = _mm512_loadu_si512(lanes[i]);
    }
    __m512i t[10];
    clear(t);
    accumulate(t, &a, csealing_r2_52);
    montgomery(t);
    normalize(out, t + 5);
    return 1;
}

/* Lanes of R form to eight canonical nodes. */
TARGET static void store_lanes(uint8_t *nodes, const v5 *a) {
    __m512i t[10];
    clear(t);
    for (int i = 0; i < 5; i++) {
        t[i] = a->limb[i];
    }
    montgomery(t);
    v5 b;
    normalize(&b, t + 5);
    uint64_t lanes[5][8];
    for (int i = 0; i < 5; i++) {
        _mm512_storeu_si512(lanes[i], b.limb[i]);
    }
    for (int lane = 0; lane < 8; lane++) {
        const uint64_t l0 = lanes[0][lane], l1 = lanes[1][lane], l2 = lanes[2][lane];
        const uint64_t l3 = lanes[3][lane], l4 = lanes[4][lane];
        fr x = {{l0 | l1 << 52, l1 >> 12 | l2 << 40, l2 >> 24 | l3 << 28, l3 >> 36 | l4 << 16}};
        fr_reduce_once(&x);
        fr_store_canonical(nodes + 32 * lane, &x);
    }
}

TARGET static int hash_eight(uint32_t arity, uint32_t partial, const uint64_t *words,
                             csealing_poseidon_offsets o, const uint64_t tag[5],
                             const uint8_t *inputs, size_t input_stride, size_t lane_stride,
                             uint8_t *digests) {
    const uint64_t *words52 = words + o.words52;
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
        permute3(x, words52, o, partial);
        break;
    case 8:
        permute9(x, words52, o, partial);
        break;
    default:
        permute12(x, words52, o, partial);
    }
    store_lanes(digests, &x[1]);
    return 1;
}

csealing_poseidon_lanes csealing_poseidon_avx512(void) {
    const csealing_poseidon_lanes found = {
        8, __builtin_cpu_supports("avx512ifma") ? hash_eight : NULL};
    return found;
}

#else

csealing_poseidon_lanes csealing_poseidon_avx512(void) {
    const csealing_poseidon_lanes none = {0, NULL};
    return none;
}

#endif
