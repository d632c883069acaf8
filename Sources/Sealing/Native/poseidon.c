/* SPDX-License-Identifier: Apache-2.0 */
#include "CSealing.h"
#include "internal/path.h"
#include "internal/poseidon.h"

/* The Poseidon permutation, width arity + 1, 8 full rounds, x^5, and the choice of other ways. */

#define WIDTH_MAX CSEALING_POSEIDON_WIDTH_MAX

static inline void fifth_power(fr *x) {
    fr square;
    fr_mul(&square, x, x);
    fr_mul(&square, &square, &square);
    fr_mul(x, x, &square);
}

/* x = x * m (row vector): column j of m meets x. */
static inline void dense(fr *x, const fr *m, size_t t) {
    fr y[WIDTH_MAX];
    for (size_t j = 0; j < t; j++) {
        fr_wide acc = {{0}};
        for (size_t i = 0; i < t; i++) {
            fr_wide_mac(&acc, &x[i], &m[i * t + j]);
        }
        fr_wide_reduce(&y[j], &acc);
    }
    memcpy(x, y, t * sizeof(fr));
}

static inline __attribute__((always_inline)) void permute_inline(fr *x, const fr *c, const fr *m,
                                                                 const fr *pre_sparse,
                                                                 const fr *sparse, size_t t,
                                                                 size_t partial) {
    for (size_t j = 0; j < t; j++) {
        fr_add(&x[j], &x[j], c++);
    }
    for (int round = 0; round < 4; round++) {
        for (size_t j = 0; j < t; j++) {
            fifth_power(&x[j]);
            fr_add(&x[j], &x[j], c++);
        }
        dense(x, round == 3 ? pre_sparse : m, t);
    }
    for (size_t round = 0; round < partial; round++, sparse += 2 * t - 1) {
        fifth_power(&x[0]);
        fr_add(&x[0], &x[0], c++);
        fr_wide acc = {{0}};
        for (size_t j = 0; j < t; j++) {
            fr_wide_mac(&acc, &x[j], &sparse[j]);
        }
        for (size_t j = 1; j < t; j++) {
            fr product;
            fr_mul(&product, &x[0], &sparse[t + j - 1]);
            fr_add(&x[j], &x[j], &product);
        }
        fr_wide_reduce(&x[0], &acc);
    }
    for (int round = 0; round < 4; round++) {
        for (size_t j = 0; j < t; j++) {
            fifth_power(&x[j]);
            if (round < 3) {
                fr_add(&x[j], &x[j], c++);
            }
        }
        dense(x, m, t);
    }
}

/* One body per width that sealing uses, so that the loops over the width unroll. */
static void permute(fr *x, const fr *words, csealing_poseidon_offsets o, size_t t,
                    size_t partial) {
    const fr *c = words + o.compressed, *m = words + o.matrix, *p = words + o.pre_sparse;
    const fr *s = words + o.sparse;
    switch (t) {
    case 3:
        permute_inline(x, c, m, p, s, 3, partial);
        break;
    case 9:
        permute_inline(x, c, m, p, s, 9, partial);
        break;
    case 12:
        permute_inline(x, c, m, p, s, 12, partial);
        break;
    default:
        permute_inline(x, c, m, p, s, t, partial);
    }
}

static void permute_reference(fr *x, const fr *words, csealing_poseidon_offsets o, size_t t,
                              size_t partial) {
    const fr *c = words + o.rounds;
    for (size_t round = 0; round < 8 + partial; round++) {
        for (size_t j = 0; j < t; j++) {
            fr_add(&x[j], &x[j], c++);
        }
        const size_t powers = round < 4 || round >= 4 + partial ? t : 1;
        for (size_t j = 0; j < powers; j++) {
            fifth_power(&x[j]);
        }
        dense(x, words + o.matrix, t);
    }
}

csealing_status csealing_poseidon_permute(uint32_t arity, uint32_t partial_rounds,
                                          const uint64_t *words, uint32_t reference,
                                          uint8_t *state) {
    if (csealing_poseidon_words(arity, partial_rounds) == 0) {
        return CSEALING_INVALID_ARGUMENT;
    }
    const csealing_poseidon_offsets o = csealing_poseidon_offsets_for(arity, partial_rounds);
    const size_t t = (size_t)arity + 1;
    fr x[WIDTH_MAX];
    for (size_t j = 0; j < t; j++) {
        if (!fr_load(&x[j], state + 32 * j)) {
            return CSEALING_NOT_CANONICAL;
        }
    }
    (reference != 0 ? permute_reference : permute)(x, (const fr *)(const void *)words, o, t,
                                                   partial_rounds);
    for (size_t j = 0; j < t; j++) {
        fr_store(state + 32 * j, &x[j]);
    }
    return CSEALING_OK;
}

/* The widest way of a path; `name` becomes what it is called. */
static csealing_poseidon_lanes lanes_for(csealing_path path, const char **name) {
    csealing_poseidon_lanes found = {0, NULL};
    *name = "portable";
    if (csealing_path_has(path, CSEALING_PATH_AVX512)) {
        found = csealing_poseidon_avx512();
        *name = "avx512-ifma";
    }
    if (found.hash == NULL && csealing_path_has(path, CSEALING_PATH_AVX2)) {
        found = csealing_poseidon_avx2();
        *name = "avx2";
    }
    if (found.hash == NULL) {
        *name = "portable";
    }
    return found;
}

const char *csealing_poseidon_name(csealing_path path) {
    const char *name;
    (void)lanes_for(path, &name);
    return name;
}

/* Input j of hash v is at inputs + j * input_stride + v * lane_stride. */
static csealing_status hash_strided(csealing_path path, uint32_t arity,
                                    uint32_t partial_rounds, const uint64_t *words,
                                    const uint8_t *inputs, size_t input_stride,
                                    size_t lane_stride, uint8_t *digests, size_t count) {
    if (csealing_poseidon_words(arity, partial_rounds) == 0) {
        return CSEALING_INVALID_ARGUMENT;
    }
    const csealing_poseidon_offsets o = csealing_poseidon_offsets_for(arity, partial_rounds);
    const char *name;
    csealing_poseidon_lanes wide = lanes_for(path, &name);
    if (arity != 2 && arity != 8 && arity != 11) {
        wide.hash = NULL;
    }
    fr tag, x[WIDTH_MAX];
    uint64_t tag52[5];
    fr_from_u64(&tag, ((uint64_t)1 << arity) - 1);
    csealing_montgomery52(tag52, &tag);
    size_t v = 0;
    for (; wide.hash != NULL && count - v >= wide.lanes; v += wide.lanes) {
        if (!wide.hash(arity, partial_rounds, words, o, tag52, inputs + lane_stride * v,
                       input_stride, lane_stride, digests + 32 * v)) {
            return CSEALING_NOT_CANONICAL;
        }
    }
    for (; v < count; v++) {
        x[0] = tag;
        for (size_t j = 0; j < arity; j++) {
            if (!fr_load(&x[j + 1], inputs + j * input_stride + lane_stride * v)) {
                return CSEALING_NOT_CANONICAL;
            }
        }
        permute(x, (const fr *)(const void *)words, o, (size_t)arity + 1, partial_rounds);
        fr_store(digests + 32 * v, &x[1]);
    }
    return CSEALING_OK;
}

csealing_status csealing_poseidon_columns(csealing_path path, uint32_t arity,
                                          uint32_t partial_rounds, const uint64_t *words,
                                          const uint8_t *inputs, size_t row_stride_bytes,
                                          uint8_t *digests, size_t count) {
    return hash_strided(path, arity, partial_rounds, words, inputs, row_stride_bytes, 32,
                        digests, count);
}

csealing_status csealing_poseidon_hash(csealing_path path, uint32_t arity,
                                       uint32_t partial_rounds, const uint64_t *words,
                                       const uint8_t *inputs, uint8_t *digests, size_t count) {
    return hash_strided(path, arity, partial_rounds, words, inputs, 32, 32 * (size_t)arity,
                        digests, count);
}
