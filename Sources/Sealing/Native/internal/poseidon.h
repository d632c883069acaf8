/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CSEALING_INTERNAL_POSEIDON_H
#define CSEALING_INTERNAL_POSEIDON_H

#include <stddef.h>

#include "fr.h"

/* Where each part of an instance's constants starts, in field elements. */
typedef struct csealing_poseidon_offsets {
    size_t compressed, matrix, pre_sparse, sparse, rounds, end;
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
    return o;
}

#endif
