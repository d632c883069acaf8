/* SPDX-License-Identifier: Apache-2.0 */
#include "CSealing.h"
#include "internal/label.h"

/* Labels this many nodes ahead have their parents fetched: some microseconds, enough for memory. */
#define PREFETCH_DISTANCE 6

/* Layers begin on a page, so a label lies in one cache line. */
static inline void prefetch_label(const uint8_t *layer, uint64_t parent, uint64_t nodes) {
    __builtin_prefetch(layer + 32 * (parent < nodes ? parent : 0));
}

static inline void prefetch(const uint32_t *parents, uint64_t nodes, const uint8_t *current,
                            const uint8_t *previous) {
    for (int j = 0; j < CSEALING_BASE_DEGREE; j++) {
        prefetch_label(current, parents[j], nodes);
    }
    for (int j = CSEALING_BASE_DEGREE; previous != NULL && j < CSEALING_DEGREE; j++) {
        prefetch_label(previous, parents[j], nodes);
    }
}

csealing_status csealing_sdr_labels(csealing_path path, const uint8_t replica_id[32],
                                    uint32_t layer, uint64_t nodes, const uint32_t *parents,
                                    uint64_t first, size_t count, const uint8_t *previous,
                                    uint8_t *current) {
    if (layer < 1 || first > nodes || count > nodes - first) {
        return CSEALING_INVALID_ARGUMENT;
    }
    const csealing_chain_function chain = csealing_chain_for(path);
    label_state s;
    label_begin(&s, replica_id, layer);
    for (size_t i = 0; i < count; i++, parents += CSEALING_DEGREE) {
        const uint64_t v = first + i;
        if (v == 0) {
            label_end(&s, chain, 0, 0, current);
            continue;
        }
        if (i + PREFETCH_DISTANCE < count) {
            prefetch(parents + PREFETCH_DISTANCE * CSEALING_DEGREE, nodes, current,
                     layer == 1 ? NULL : previous);
        }
        for (int j = 0; j < CSEALING_BASE_DEGREE; j++) {
            if (parents[j] >= v) {
                return CSEALING_INVALID_ARGUMENT;
            }
            memcpy(s.parents + 32 * j, current + 32 * (uint64_t)parents[j], 32);
        }
        if (layer == 1) {
            label_end(&s, chain, v, CSEALING_BASE_DEGREE, current + 32 * v);
            continue;
        }
        for (int j = CSEALING_BASE_DEGREE; j < CSEALING_DEGREE; j++) {
            if (parents[j] >= nodes) {
                return CSEALING_INVALID_ARGUMENT;
            }
            memcpy(s.parents + 32 * j, previous + 32 * (uint64_t)parents[j], 32);
        }
        label_end(&s, chain, v, CSEALING_DEGREE, current + 32 * v);
    }
    return CSEALING_OK;
}

csealing_status csealing_sdr_label(csealing_path path, const uint8_t replica_id[32],
                                   uint32_t layer, uint64_t node, const uint8_t *parent_labels,
                                   size_t parent_count, uint8_t label[32]) {
    const size_t wanted = node == 0 ? 0 : layer == 1 ? CSEALING_BASE_DEGREE : CSEALING_DEGREE;
    if (layer < 1 || parent_count != wanted) {
        return CSEALING_INVALID_ARGUMENT;
    }
    label_state s;
    label_begin(&s, replica_id, layer);
    memcpy(s.parents, parent_labels, 32 * parent_count);
    label_end(&s, csealing_chain_for(path), node, parent_count, label);
    return CSEALING_OK;
}
