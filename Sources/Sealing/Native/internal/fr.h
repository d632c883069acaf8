/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CSEALING_INTERNAL_FR_H
#define CSEALING_INTERNAL_FR_H

#include <stdint.h>
#include <string.h>

/* The BLS12-381 scalar field, four 64-bit limbs, least significant first. Elements are kept in
 * Montgomery form (x * 2^256 mod r) except where a name says canonical. */
typedef struct fr {
    uint64_t w[4];
} fr;

typedef unsigned __int128 u128;

static const fr fr_modulus = {{0xffffffff00000001ULL, 0x53bda402fffe5bfeULL,
                               0x3339d80809a1d805ULL, 0x73eda753299d7d48ULL}};
static const fr fr_one = {{0x00000001fffffffeULL, 0x5884b7fa00034802ULL, 0x998c4fefecbc4ff5ULL,
                           0x1824b159acc5056fULL}};
static const fr fr_r2 = {{0xc999e990f3f29c6dULL, 0x2b6cedcb87925c23ULL, 0x05d314967254398fULL,
                          0x0748d9d99f59ff11ULL}};
#define FR_INVERSE 0xfffffffeffffffffULL

/* out = a - b, returns the borrow. */
static inline uint64_t fr_sub_raw(fr *out, const fr *a, const fr *b) {
    u128 t = (u128)a->w[0] - b->w[0];
    out->w[0] = (uint64_t)t;
    t = (u128)a->w[1] - b->w[1] - ((uint64_t)(t >> 64) & 1);
    out->w[1] = (uint64_t)t;
    t = (u128)a->w[2] - b->w[2] - ((uint64_t)(t >> 64) & 1);
    out->w[2] = (uint64_t)t;
    t = (u128)a->w[3] - b->w[3] - ((uint64_t)(t >> 64) & 1);
    out->w[3] = (uint64_t)t;
    return (uint64_t)(t >> 64) & 1;
}

static inline void fr_reduce_once(fr *a) {
    fr t;
    if (!fr_sub_raw(&t, a, &fr_modulus)) {
        *a = t;
    }
}

/* The sum of two elements is below 2^256, so no carry leaves the top limb. */
static inline void fr_add(fr *out, const fr *a, const fr *b) {
    u128 t = (u128)a->w[0] + b->w[0];
    fr s;
    s.w[0] = (uint64_t)t;
    t = (u128)a->w[1] + b->w[1] + (uint64_t)(t >> 64);
    s.w[1] = (uint64_t)t;
    t = (u128)a->w[2] + b->w[2] + (uint64_t)(t >> 64);
    s.w[2] = (uint64_t)t;
    s.w[3] = a->w[3] + b->w[3] + (uint64_t)(t >> 64);
    fr_reduce_once(&s);
    *out = s;
}

static inline void fr_sub(fr *out, const fr *a, const fr *b) {
    fr s;
    if (fr_sub_raw(&s, a, b)) {
        u128 t = (u128)s.w[0] + fr_modulus.w[0];
        s.w[0] = (uint64_t)t;
        t = (u128)s.w[1] + fr_modulus.w[1] + (uint64_t)(t >> 64);
        s.w[1] = (uint64_t)t;
        t = (u128)s.w[2] + fr_modulus.w[2] + (uint64_t)(t >> 64);
        s.w[2] = (uint64_t)t;
        s.w[3] = s.w[3] + fr_modulus.w[3] + (uint64_t)(t >> 64);
    }
    *out = s;
}

/* lo = t + a * b + carry; the sum never exceeds 2^128 - 1. */
#define FR_MAC(lo, carry, t, a, b)                                                               \
    do {                                                                                         \
        u128 fr_mac_ = (u128)(a) * (b) + (t) + (carry);                                          \
        (lo) = (uint64_t)fr_mac_;                                                                \
        (carry) = (uint64_t)(fr_mac_ >> 64);                                                     \
    } while (0)

/* Montgomery product. The modulus leaves the top bit of its top limb free, so the two carries of
 * a row can be added without a fifth limb. */
static inline void fr_mul(fr *out, const fr *a, const fr *b) {
    uint64_t t0 = 0, t1 = 0, t2 = 0, t3 = 0;
    for (int i = 0; i < 4; i++) {
        uint64_t high = 0, low = 0, ignored;
        const uint64_t x = b->w[i];
        FR_MAC(t0, high, t0, a->w[0], x);
        const uint64_t m = t0 * FR_INVERSE;
        FR_MAC(ignored, low, t0, m, fr_modulus.w[0]);
        (void)ignored;
        FR_MAC(t1, high, t1, a->w[1], x);
        FR_MAC(t0, low, t1, m, fr_modulus.w[1]);
        FR_MAC(t2, high, t2, a->w[2], x);
        FR_MAC(t1, low, t2, m, fr_modulus.w[2]);
        FR_MAC(t3, high, t3, a->w[3], x);
        FR_MAC(t2, low, t3, m, fr_modulus.w[3]);
        t3 = high + low;
    }
    fr r = {{t0, t1, t2, t3}};
    fr_reduce_once(&r);
    *out = r;
}

/* A sum of products that is reduced only once: 512 bits and a limb for the overflow. */
typedef struct fr_wide {
    uint64_t w[9];
} fr_wide;

static inline void fr_wide_mac(fr_wide *acc, const fr *a, const fr *b) {
    for (int i = 0; i < 4; i++) {
        uint64_t carry = 0;
        const uint64_t x = b->w[i];
        FR_MAC(acc->w[i], carry, acc->w[i], a->w[0], x);
        FR_MAC(acc->w[i + 1], carry, acc->w[i + 1], a->w[1], x);
        FR_MAC(acc->w[i + 2], carry, acc->w[i + 2], a->w[2], x);
        FR_MAC(acc->w[i + 3], carry, acc->w[i + 3], a->w[3], x);
        for (int k = i + 4; k < 9; k++) {
            u128 t = (u128)acc->w[k] + carry;
            acc->w[k] = (uint64_t)t;
            carry = (uint64_t)(t >> 64);
        }
    }
}

/* Montgomery reduction of a sum of at most 37 products: what is left is below 18 moduli, so a
 * short loop of subtractions ends it. */
static inline void fr_wide_reduce(fr *out, fr_wide *acc) {
    for (int i = 0; i < 4; i++) {
        uint64_t carry = 0, ignored;
        const uint64_t m = acc->w[i] * FR_INVERSE;
        FR_MAC(ignored, carry, acc->w[i], m, fr_modulus.w[0]);
        (void)ignored;
        FR_MAC(acc->w[i + 1], carry, acc->w[i + 1], m, fr_modulus.w[1]);
        FR_MAC(acc->w[i + 2], carry, acc->w[i + 2], m, fr_modulus.w[2]);
        FR_MAC(acc->w[i + 3], carry, acc->w[i + 3], m, fr_modulus.w[3]);
        for (int k = i + 4; k < 9; k++) {
            u128 t = (u128)acc->w[k] + carry;
            acc->w[k] = (uint64_t)t;
            carry = (uint64_t)(t >> 64);
        }
    }
    fr r = {{acc->w[4], acc->w[5], acc->w[6], acc->w[7]}};
    uint64_t top = acc->w[8];
    for (;;) {
        fr t;
        const uint64_t borrow = fr_sub_raw(&t, &r, &fr_modulus);
        if (borrow > top) {
            break;
        }
        top -= borrow;
        r = t;
    }
    *out = r;
}

static inline uint64_t csealing_load64le(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

static inline void csealing_store64le(uint8_t *p, uint64_t v) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    memcpy(p, &v, 8);
}

static inline void fr_load_canonical(fr *out, const uint8_t *node) {
    for (int i = 0; i < 4; i++) {
        out->w[i] = csealing_load64le(node + 8 * i);
    }
}

static inline void fr_store_canonical(uint8_t *node, const fr *a) {
    for (int i = 0; i < 4; i++) {
        csealing_store64le(node + 8 * i, a->w[i]);
    }
}

static inline int fr_is_canonical(const fr *a) {
    fr t;
    return (int)fr_sub_raw(&t, a, &fr_modulus);
}

/* Reads a node into Montgomery form; returns 0 when it is not below the modulus. */
static inline int fr_load(fr *out, const uint8_t *node) {
    fr t;
    fr_load_canonical(&t, node);
    if (!fr_is_canonical(&t)) {
        return 0;
    }
    fr_mul(out, &t, &fr_r2);
    return 1;
}

static inline void fr_store(uint8_t *node, const fr *a) {
    static const fr one = {{1, 0, 0, 0}};
    fr t;
    fr_mul(&t, a, &one);
    fr_store_canonical(node, &t);
}

static inline void fr_from_u64(fr *out, uint64_t value) {
    const fr t = {{value, 0, 0, 0}};
    fr_mul(out, &t, &fr_r2);
}

/* out = a^-1 by Fermat; a must not be zero. */
static inline void fr_invert(fr *out, const fr *a) {
    fr exponent = fr_modulus;
    exponent.w[0] -= 2;
    fr base = *a, result = fr_one;
    for (int i = 0; i < 255; i++) {
        if ((exponent.w[i / 64] >> (i % 64)) & 1) {
            fr_mul(&result, &result, &base);
        }
        fr_mul(&base, &base, &base);
    }
    *out = result;
}

#endif
