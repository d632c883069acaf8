/* SPDX-License-Identifier: Apache-2.0 */
#include "CSealing.h"
#include "internal/poseidon.h"

/* The constants of a Poseidon instance: round constants from the Grain generator, the Cauchy
 * matrix M[i][j] = 1 / (i + j + t), and from both the equivalent sparse form, in which a partial
 * round multiplies by a matrix with 2t - 1 entries that matter instead of t^2.
 *
 * The idea of the sparse form: a partial round raises only x[0] to the fifth power, so whatever
 * acts on the rest alone may be moved through it. M = M' * M'' with M' acting on the rest alone
 * and M'' sparse; M' is pushed into the round before, and so on down to the first partial round,
 * where the remainder is the pre-sparse matrix. Round constants of elements other than x[0]
 * move the same way through the inverse of M. */

/* An 80-bit shift register: bit 79 - i of the pair (high 16 bits, low 64 bits) is s[i]. */
typedef struct grain {
    uint64_t low;
    uint64_t high;
} grain;

static uint64_t grain_bit(const grain *g, int i) {
    const int k = 79 - i;
    return k >= 64 ? (g->high >> (k - 64)) & 1 : (g->low >> k) & 1;
}

static uint64_t grain_step(grain *g) {
    const uint64_t bit = grain_bit(g, 62) ^ grain_bit(g, 51) ^ grain_bit(g, 38) ^
                         grain_bit(g, 23) ^ grain_bit(g, 13) ^ grain_bit(g, 0);
    g->high = (g->high << 1 | g->low >> 63) & 0xffff;
    g->low = g->low << 1 | bit;
    return bit;
}

static void grain_push(grain *g, uint64_t value, int bits) {
    for (int i = bits - 1; i >= 0; i--) {
        g->high = (g->high << 1 | g->low >> 63) & 0xffff;
        g->low = g->low << 1 | ((value >> i) & 1);
    }
}

/* Self-shrinking: of each pair of bits the second counts only when the first is 1. */
static uint64_t grain_output(grain *g) {
    while (grain_step(g) == 0) {
        (void)grain_step(g);
    }
    return grain_step(g);
}

static void grain_element(grain *g, fr *out) {
    fr value;
    do {
        memset(&value, 0, sizeof value);
        for (int i = 254; i >= 0; i--) {
            value.w[i / 64] |= grain_output(g) << (i % 64);
        }
    } while (!fr_is_canonical(&value));
    fr_mul(out, &value, &fr_r2);
}

/* Inverts the n x n matrix `a` (destroyed) into `out` by Gauss and Jordan. The matrices here are
 * minors of products of Cauchy matrices; 0 is returned if one were singular. */
static int invert_matrix(fr *a, fr *out, size_t n) {
    for (size_t i = 0; i < n * n; i++) {
        memset(&out[i], 0, sizeof out[i]);
    }
    for (size_t i = 0; i < n; i++) {
        out[i * n + i] = fr_one;
    }
    static const fr zero = {{0, 0, 0, 0}};
    for (size_t col = 0; col < n; col++) {
        size_t pivot = col;
        while (pivot < n && memcmp(&a[pivot * n + col], &zero, sizeof zero) == 0) {
            pivot++;
        }
        if (pivot == n) {
            return 0;
        }
        for (size_t j = 0; pivot != col && j < n; j++) {
            const fr x = a[pivot * n + j], y = out[pivot * n + j];
            a[pivot * n + j] = a[col * n + j];
            out[pivot * n + j] = out[col * n + j];
            a[col * n + j] = x;
            out[col * n + j] = y;
        }
        fr inverse;
        fr_invert(&inverse, &a[col * n + col]);
        for (size_t j = 0; j < n; j++) {
            fr_mul(&a[col * n + j], &a[col * n + j], &inverse);
            fr_mul(&out[col * n + j], &out[col * n + j], &inverse);
        }
        for (size_t i = 0; i < n; i++) {
            const fr factor = a[i * n + col];
            if (i == col || memcmp(&factor, &zero, sizeof zero) == 0) {
                continue;
            }
            for (size_t j = 0; j < n; j++) {
                fr t;
                fr_mul(&t, &factor, &a[col * n + j]);
                fr_sub(&a[i * n + j], &a[i * n + j], &t);
                fr_mul(&t, &factor, &out[col * n + j]);
                fr_sub(&out[i * n + j], &out[i * n + j], &t);
            }
        }
    }
    return 1;
}

/* out = m * x for a column vector; for the symmetric matrices here also x * m. */
static void apply(const fr *m, const fr *x, fr *out, size_t n) {
    for (size_t i = 0; i < n; i++) {
        fr_wide acc = {{0}};
        for (size_t j = 0; j < n; j++) {
            fr_wide_mac(&acc, &m[i * n + j], &x[j]);
        }
        fr_wide_reduce(&out[i], &acc);
    }
}

uint32_t csealing_poseidon_partial_rounds(uint32_t arity) {
    switch (arity) {
    case 2:
        return 55;
    case 4:
        return 56;
    case 8:
    case 11:
        return 57;
    case 16:
    case 24:
        return 59;
    case 36:
        return 60;
    default:
        return 0;
    }
}

size_t csealing_poseidon_words(uint32_t arity, uint32_t partial_rounds) {
    if (arity < 2 || arity >= CSEALING_POSEIDON_WIDTH_MAX || partial_rounds < 1 ||
        partial_rounds > 255) {
        return 0;
    }
    return csealing_poseidon_offsets_for(arity, partial_rounds).word_end;
}

size_t csealing_poseidon_scratch_words(uint32_t arity) {
    const size_t t = (size_t)arity + 1;
    return 4 * 5 * t * t;
}

/* Compressed constants, consumed in this order by the optimised rounds. */
static void compress_constants(fr *words, csealing_poseidon_offsets o, const fr *inverse,
                               size_t t, size_t partial) {
    const fr *k = words + o.rounds;
    fr *out = words + o.compressed;
    fr acc[CSEALING_POSEIDON_WIDTH_MAX], w[CSEALING_POSEIDON_WIDTH_MAX];
    memcpy(out, k, t * sizeof(fr));
    for (size_t round = 1; round < 4; round++) {
        apply(inverse, k + round * t, out + round * t, t);
    }
    memcpy(acc, k + (4 + partial) * t, t * sizeof(fr));
    fr *scalars = out + 5 * t;
    for (size_t i = 0; i < partial; i++) {
        apply(inverse, acc, w, t);
        scalars[partial - 1 - i] = w[0];
        memset(&w[0], 0, sizeof w[0]);
        for (size_t j = 0; j < t; j++) {
            fr_add(&acc[j], &k[(3 + partial - i) * t + j], &w[j]);
        }
    }
    apply(inverse, acc, out + 4 * t, t);
    for (size_t round = 1; round < 4; round++) {
        apply(inverse, k + (4 + partial + round) * t, out + (4 + round) * t + partial, t);
    }
}

/* Splits the matrix of every partial round, last one first. */
static int sparse_matrices(fr *words, csealing_poseidon_offsets o, fr *scratch, size_t t,
                           size_t partial) {
    const fr *m = words + o.matrix;
    const size_t n = t - 1;
    fr *cur = scratch, *next = scratch + t * t, *minor = scratch + 2 * t * t;
    fr *minor_inverse = scratch + 3 * t * t;
    memcpy(cur, m, t * t * sizeof(fr));
    for (size_t i = 0; i < partial; i++) {
        fr *sparse = words + o.sparse + (partial - 1 - i) * (2 * t - 1);
        for (size_t row = 0; row < n; row++) {
            memcpy(minor + row * n, cur + (row + 1) * t + 1, n * sizeof(fr));
        }
        if (!invert_matrix(minor, minor_inverse, n)) {
            return 0;
        }
        fr column[CSEALING_POSEIDON_WIDTH_MAX];
        for (size_t row = 0; row < n; row++) {
            column[row] = cur[(row + 1) * t];
        }
        sparse[0] = cur[0];
        apply(minor_inverse, column, sparse + 1, n);
        memcpy(sparse + t, cur + 1, n * sizeof(fr));
        /* next = M * M', M' = identity corner and the minor. */
        for (size_t row = 0; row < t; row++) {
            next[row * t] = m[row * t];
            for (size_t col = 1; col < t; col++) {
                fr_wide acc = {{0}};
                for (size_t x = 1; x < t; x++) {
                    fr_wide_mac(&acc, &m[row * t + x], &cur[x * t + col]);
                }
                fr_wide_reduce(&next[row * t + col], &acc);
            }
        }
        fr *swap = cur;
        cur = next;
        next = swap;
    }
    memcpy(words + o.pre_sparse, cur, t * t * sizeof(fr));
    return 1;
}

csealing_status csealing_poseidon_generate(uint32_t arity, uint32_t partial_rounds,
                                           uint64_t *words, size_t word_count, uint64_t *scratch,
                                           size_t scratch_count) {
    const size_t needed = csealing_poseidon_words(arity, partial_rounds);
    if (needed == 0 || word_count != needed ||
        scratch_count < csealing_poseidon_scratch_words(arity)) {
        return CSEALING_INVALID_ARGUMENT;
    }
    const size_t t = (size_t)arity + 1, partial = partial_rounds;
    const csealing_poseidon_offsets o = csealing_poseidon_offsets_for(arity, partial_rounds);
    fr *all = (fr *)(void *)words, *room = (fr *)(void *)scratch;

    grain g = {0, 0};
    grain_push(&g, 1, 2);   /* prime field */
    grain_push(&g, 1, 4);   /* the code of x^5 */
    grain_push(&g, 255, 12);
    grain_push(&g, t, 12);
    grain_push(&g, 8, 10);
    grain_push(&g, partial, 10);
    grain_push(&g, 0x3fffffff, 30);
    for (int i = 0; i < 160; i++) {
        (void)grain_step(&g);
    }
    for (size_t i = 0; i < (8 + partial) * t; i++) {
        grain_element(&g, &all[o.rounds + i]);
    }
    for (size_t i = 0; i < t; i++) {
        for (size_t j = 0; j < t; j++) {
            fr x;
            fr_from_u64(&x, i + j + t);
            fr_invert(&all[o.matrix + i * t + j], &x);
        }
    }
    fr *copy = room, *inverse = room + 4 * t * t;
    memcpy(copy, all + o.matrix, t * t * sizeof(fr));
    if (!invert_matrix(copy, inverse, t)) {
        return CSEALING_INVALID_ARGUMENT;
    }
    compress_constants(all, o, inverse, t, partial);
    if (!sparse_matrices(all, o, room, t, partial)) {
        return CSEALING_INVALID_ARGUMENT;
    }
    for (size_t i = 0; i < o.rounds; i++) {
        uint64_t *limbs = words + o.words52 + 5 * i;
        csealing_montgomery52(limbs, &all[i]);
        for (size_t j = 0; j < 5; j++) {
            const double number = (double)limbs[j];
            memcpy(words + o.doubles + 5 * i + j, &number, sizeof number);
        }
    }
    return CSEALING_OK;
}
