/* SPDX-License-Identifier: Apache-2.0 */
#include "CSealing.h"
#include "internal/sha256.h"

#include <string.h>

/* Labels of several sectors of one graph, node by node side by side. The labels of a node lie next
 * to each other, so a parent of all sectors is fetched in one place. */

#define MESSAGE_BITS (1248 * 8)

static void streams_portable(const csealing_streams *m, csealing_chain_function chain,
                             size_t width, size_t distinct, uint8_t *nodes) {
    for (size_t s = 0; s < width; s++) {
        const uint8_t *order[20];
        order[0] = m->header[s];
        for (size_t i = 0; i < 18; i++) {
            order[1 + i] = m->parents[s] + 64 * (i % distinct);
        }
        order[19] = m->tail[s];
        chain(order, 20, nodes + 32 * s);
    }
}

static void node_zero(csealing_streams *m, csealing_chain_function chain, size_t width,
                      uint8_t *nodes) {
    uint8_t padding[64] = {0x80};
    csealing_store64be(padding + 56, 64 * 8);
    for (size_t s = 0; s < width; s++) {
        const uint8_t *const blocks[2] = {m->header[s], padding};
        csealing_store64be(m->header[s] + 36, 0);
        chain(blocks, 2, nodes + 32 * s);
    }
}

/* Labels this many nodes ahead have their parents fetched. */
#define PREFETCH_DISTANCE 6

static inline void prefetch_node(const uint8_t *layer, uint64_t parent, uint64_t nodes,
                                 size_t width) {
    const uint8_t *at = layer + 32 * (uint64_t)width * (parent < nodes ? parent : 0);
    __builtin_prefetch(at);
    if (width > 2) {
        __builtin_prefetch(at + 64);
    }
    __builtin_prefetch(at + 32 * width - 1);
}

/* Copies the labels of a parent to where each stream has them; 0 when there is no such parent. */
static inline int gather(csealing_streams *m, size_t slot, const uint8_t *layer, uint64_t parent,
                         uint64_t below, size_t width) {
    if (parent >= below) {
        return 0;
    }
    const uint8_t *from = layer + 32 * (uint64_t)width * parent;
    for (size_t s = 0; s < width; s++) {
        memcpy(m->parents[s] + 32 * slot, from + 32 * s, 32);
    }
    return 1;
}

csealing_status csealing_sdr_labels_batch(csealing_isa isa, size_t width,
                                          const uint8_t *replica_ids, uint32_t layer,
                                          uint64_t nodes, const uint32_t *parents, uint64_t first,
                                          size_t count, const uint8_t *previous,
                                          uint8_t *current) {
    if (layer < 1 || first > nodes || count > nodes - first || width < 1 ||
        width > CSEALING_STREAMS_MAX) {
        return CSEALING_INVALID_ARGUMENT;
    }
    const csealing_chain_function chain = csealing_chain_for(isa);
    const csealing_streams_function fast = csealing_streams_for(isa);
    const size_t degree = layer == 1 ? CSEALING_BASE_DEGREE : CSEALING_DEGREE;
    csealing_streams m;
    memset(&m, 0, sizeof m);
    for (size_t s = 0; s < width; s++) {
        memcpy(m.header[s], replica_ids + 32 * s, 32);
        csealing_store32be(m.header[s] + 32, layer);
        m.tail[s][32] = 0x80;
        csealing_store64be(m.tail[s] + 56, MESSAGE_BITS);
    }
    for (size_t i = 0; i < count; i++, parents += CSEALING_DEGREE) {
        const uint64_t v = first + i;
        uint8_t *out = current + 32 * width * v;
        if (v == 0) {
            node_zero(&m, chain, width, out);
            continue;
        }
        if (i + PREFETCH_DISTANCE < count) {
            const uint32_t *ahead = parents + PREFETCH_DISTANCE * CSEALING_DEGREE;
            for (size_t j = 0; j < degree; j++) {
                prefetch_node(j < CSEALING_BASE_DEGREE ? current : previous, ahead[j], nodes,
                              width);
            }
        }
        for (size_t j = 0; j < degree; j++) {
            const int same = j < CSEALING_BASE_DEGREE;
            if (!gather(&m, j, same ? current : previous, parents[j], same ? v : nodes, width)) {
                return CSEALING_INVALID_ARGUMENT;
            }
        }
        for (size_t s = 0; s < width; s++) {
            csealing_store64be(m.header[s] + 36, v);
            memcpy(m.tail[s], m.parents[s] + (layer == 1 ? 0 : 8 * 32), 32);
        }
        if (fast != NULL) {
            fast(&m, width, degree / 2, out);
        } else {
            streams_portable(&m, chain, width, degree / 2, out);
        }
    }
    return CSEALING_OK;
}

void csealing_split(size_t width, size_t stream, const uint8_t *together, uint8_t *alone,
                    size_t count) {
    for (size_t i = 0; i < count; i++) {
        memcpy(alone + 32 * i, together + 32 * (width * i + stream), 32);
    }
}

void csealing_join(size_t width, size_t stream, const uint8_t *alone, uint8_t *together,
                   size_t count) {
    for (size_t i = 0; i < count; i++) {
        memcpy(together + 32 * (width * i + stream), alone + 32 * i, 32);
    }
}
