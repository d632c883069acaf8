/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CSEALING_INTERNAL_LABEL_H
#define CSEALING_INTERNAL_LABEL_H

#include "../include/CSealing.h"
#include "sha256.h"

#include <string.h>

/* Labels of the stacked graph. A label hashes a header block and 37 parent labels, which are the
 * node's 6 or 14 parents over and over:
 *
 *     layer 1     header | 3 distinct blocks x 6 | slot 0 and padding      20 compressions
 *     layer >= 2  header | 7 distinct blocks x 2, 4 of them | slot 8 and padding     20
 *     node 0      header | padding                                          2
 *
 * so the parents are gathered once and the message is never laid out whole. */

typedef struct label_state {
    uint8_t header[64];
    uint8_t parents[14 * 32];
    uint8_t tail[64];
    uint8_t padding[64];
    /* Addresses of the message's blocks, in the order of the picture above. */
    const uint8_t *order[20];
} label_state;

/* Makes the message take its parents from `parents` instead of the state's own. */
static inline void label_point(label_state *s, const uint8_t *parents, uint32_t layer) {
    for (int i = 0; i < 18; i++) {
        s->order[1 + i] = parents + 64 * (i % (layer == 1 ? 3 : 7));
    }
}

static inline void label_begin(label_state *s, const uint8_t replica_id[32], uint32_t layer) {
    memset(s, 0, sizeof *s);
    memcpy(s->header, replica_id, 32);
    csealing_store32be(s->header + 32, layer);
    s->tail[32] = 0x80;
    csealing_store64be(s->tail + 56, CSEALING_LABEL_BITS);
    s->padding[0] = 0x80;
    csealing_store64be(s->padding + 56, 64 * 8);
    s->order[0] = s->header;
    label_point(s, s->parents, layer);
    s->order[19] = s->tail;
}

/* The label of `node` whose `parent_count` parents lie where the order says. */
static inline void label_end(label_state *s, csealing_chain_function chain, uint64_t node,
                             size_t parent_count, uint8_t label[32]) {
    csealing_store64be(s->header + 36, node);
    if (parent_count == 0) {
        const uint8_t *const blocks[2] = {s->header, s->padding};
        chain(blocks, 2, label);
    } else {
        memcpy(s->tail, s->order[parent_count == CSEALING_BASE_DEGREE ? 1 : 5], 32);
        chain(s->order, 20, label);
    }
}

#endif
