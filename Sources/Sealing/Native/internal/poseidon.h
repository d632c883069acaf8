/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CSEALING_INTERNAL_POSEIDON_H
#define CSEALING_INTERNAL_POSEIDON_H

#include <stddef.h>

#include "CSealing.h"
#include "fr.h"

/* Where each part of an instance's constants starts, in field elements. */
typedef struct csealing_poseidon_offsets {
    size_t compressed, matrix, pre_sparse, sparse, rounds, end;
    /* Behind them, the elements before `rounds` again in limbs of 52 bits, five words each, and the
     * same limbs as numbers of type double. */
    size_t words52, doubles, word_end;
} csealing_poseidon_offsets;

static inline csealing_poseidon_offsets csealing_poseidon_offsets_for(uint32_t arity,
                                                                      uint32_t partial) {
    const size_t t = (size_t)arity + 1;
    csealing_poseidon_offsets o;
    o.compressed = 0;
    o.matrix = 8 * t + partial;
    o.pre_sparse = o.matrix + t * t;
    o.sparse = o.pre_sparse + t * t;
    o.rounds = o.sparse + partial * (2 * t - 1);
    o.end = o.rounds + (8 + (size_t)partial) * t;
    o.words52 = 4 * o.end;
    o.doubles = o.words52 + 5 * o.rounds;
    o.word_end = o.doubles + 5 * o.rounds;
    return o;
}

/* Hashes as many groups or columns as there are lanes: input j of lane i is at inputs +
 * j * input_stride + i * lane_stride. `words` are all constants of the instance, `tag52` is the domain
 * tag in limbs of 52 bits. Returns 0 when a node is not below the modulus. */
typedef int (*csealing_hash_lanes_function)(uint32_t arity, uint32_t partial,
                                            const uint64_t *words, csealing_poseidon_offsets o,
                                            const uint64_t tag52[5], const uint8_t *inputs,
                                            size_t input_stride, size_t lane_stride,
                                            uint8_t *digests);

typedef struct csealing_poseidon_lanes {
    size_t lanes;
    csealing_hash_lanes_function hash;
} csealing_poseidon_lanes;

/* Arities 2, 8 and 11. No function where the build has none, or the processor lacks FMA or IFMA; all
 * else is for csealing_path_has to say. */
csealing_poseidon_lanes csealing_poseidon_avx2(void);
csealing_poseidon_lanes csealing_poseidon_avx512(void);

/* What hashes of these arities use on a path. */
const char *csealing_poseidon_name(csealing_path path);

/* The modulus p, R^2 modulo p and -1 / p modulo 2^52, for limbs of 52 bits and R = 2^260. */
static const uint64_t csealing_p52[5] = {0xfffff00000001ULL, 0x02fffe5bfefffULL,
                                         0x9a1d80553bda4ULL, 0x7d483339d8080ULL,
                                         0x073eda753299dULL};
static const uint64_t csealing_r2_52[5] = {0x99103f29c6cf0ULL, 0x57927663d999eULL,
                                           0xa1c0ed631138bULL, 0x3c829f7715f1bULL,
                                           0x009ff646cc027ULL};
#define CSEALING_P_INVERSE52 0xffffeffffffffULL

#define CSEALING_LIMB_MASK 0xfffffffffffffULL

/* Cuts a number into five limbs of 52 bits. */
static inline void csealing_split52(uint64_t out[5], const fr *a) {
    out[0] = a->w[0] & CSEALING_LIMB_MASK;
    out[1] = (a->w[0] >> 52 | a->w[1] << 12) & CSEALING_LIMB_MASK;
    out[2] = (a->w[1] >> 40 | a->w[2] << 24) & CSEALING_LIMB_MASK;
    out[3] = (a->w[2] >> 28 | a->w[3] << 36) & CSEALING_LIMB_MASK;
    out[4] = a->w[3] >> 16;
}

/* The Montgomery form for 52-bit limbs, x * 2^260, from the form x * 2^256. */
static inline void csealing_montgomery52(uint64_t out[5], const fr *a) {
    fr x = *a;
    for (int i = 0; i < 4; i++) {
        fr_add(&x, &x, &x);
    }
    csealing_split52(out, &x);
}

#endif
