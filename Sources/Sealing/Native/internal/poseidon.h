/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CSEALING_INTERNAL_POSEIDON_H
#define CSEALING_INTERNAL_POSEIDON_H

#include <stddef.h>

#include "fr.h"

/* Where each part of an instance's constants starts, in field elements. */
typedef struct csealing_poseidon_offsets {
    size_t compressed, matrix, pre_sparse, sparse, rounds, end;
    /* Behind them, the elements before `rounds` again in limbs of 52 bits, five words each. */
    size_t words52, word_end;
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
    o.word_end = o.words52 + 5 * o.rounds;
    return o;
}

/* Hashes eight groups or columns: input j of lane i is at inputs + j * input_stride +
 * i * lane_stride. `words52` starts at the section of 52-bit limbs, `tag` is the domain tag in that
 * form. Returns 0 when a node is not below the modulus. */
typedef int (*csealing_hash_eight_function)(uint32_t arity, uint32_t partial,
                                            const uint64_t *words52,
                                            csealing_poseidon_offsets o, const uint64_t tag[5],
                                            const uint8_t *inputs, size_t input_stride,
                                            size_t lane_stride, uint8_t *digests);

/* The function for arities 2, 8 and 11, or NULL where the processor has no AVX-512 IFMA. */
csealing_hash_eight_function csealing_poseidon_hash_eight(void);

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
