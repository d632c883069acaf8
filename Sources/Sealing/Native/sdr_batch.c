/* SPDX-License-Identifier: Apache-2.0 */
#include "CSealing.h"
#include "internal/sha256.h"

#include <string.h>

/* Labels of several sectors of one graph, node by node side by side. The labels of a node lie in one
 * place, so a parent of all sectors is fetched at once. Two orders of them:
 *
 *     nodes   sector 0's 32 bytes | sector 1's | ...           streams of the SHA extensions, portable
 *     words   word 0 of sector 0, 1, ... | word 1 of ... | ... 8           lanes of vectors
 *
 * Words are in the processor's byte order: a parent is then 8 plain loads of vectors for all sectors. */

/* Labels this many nodes ahead have their parents fetched. */
#define PREFETCH_DISTANCE 6

static inline void prefetch_node(const uint8_t *layer, uint64_t parent, uint64_t nodes,
                                 size_t width) {
    const uint8_t *at = layer + 32 * (uint64_t)width * (parent < nodes ? parent : 0);
    for (size_t offset = 0; offset < 32 * width; offset += 64) {
        __builtin_prefetch(at + offset);
    }
    __builtin_prefetch(at + 32 * width - 1);
}

/* What both orders need to know. */
typedef struct batch {
    size_t width;
    const uint8_t *replica_ids;
    uint32_t layer;
    uint64_t nodes;
    const uint8_t *previous;
    uint8_t *current;
} batch;

/* Address of each parent of node v; 0 when one is out of place. */
static int find_parents(const batch *b, uint64_t v, const uint32_t *parents,
                        const uint8_t *found[CSEALING_DEGREE]) {
    const size_t degree = b->layer == 1 ? CSEALING_BASE_DEGREE : CSEALING_DEGREE;
    for (size_t j = 0; j < degree; j++) {
        const int same = j < CSEALING_BASE_DEGREE;
        if (parents[j] >= (same ? v : b->nodes)) {
            return 0;
        }
        found[j] = (same ? b->current : b->previous) + 32 * (uint64_t)b->width * parents[j];
    }
    return 1;
}

/* ---- Lanes ----------------------------------------------------------------------------- */

typedef struct lane_work {
    const csealing_lane_kernels *kernels;
    /* The replica identifiers of each group of lanes, word by word. */
    uint32_t replica_words[2][8 * CSEALING_LANES_MAX];
    csealing_lane_label label;
} lane_work;

static void lanes_begin(lane_work *work, const batch *b) {
    for (size_t s = 0; s < b->width; s++) {
        for (size_t i = 0; i < 8; i++) {
            work->replica_words[s / work->kernels->lanes]
                               [CSEALING_LANES_MAX * i + s % work->kernels->lanes] =
                csealing_load32be(b->replica_ids + 32 * s + 4 * i);
        }
    }
    work->label.layer = b->layer;
    work->label.width = b->width;
}

static void lanes_node(lane_work *work, const batch *b, uint64_t v,
                       const uint8_t *const parents[CSEALING_DEGREE]) {
    const size_t lanes = work->kernels->lanes;
    csealing_lane_label *m = &work->label;
    m->node = v;
    m->distinct = v == 0 ? 0 : b->layer == 1 ? 3 : 7;
    for (size_t first = 0; first < b->width; first += lanes) {
        const size_t left = b->width - first;
        m->replica_words = work->replica_words[first / lanes];
        for (size_t j = 0; j < 2 * m->distinct; j++) {
            m->parents[j] = parents[j] + 4 * first;
        }
        m->label = b->current + 32 * b->width * v + 4 * first;
        work->kernels->label(m, left < lanes ? left : lanes);
    }
}

/* ---- Streams --------------------------------------------------------------------------- */

#define GROUPS_MAX (CSEALING_BATCH_MAX / 2)

typedef struct stream_work {
    csealing_chain_function chain;
    csealing_streams_function fast;
    /* The first sector of each group, and of one behind the last. */
    size_t group_count;
    size_t first[GROUPS_MAX + 1];
    csealing_streams groups[GROUPS_MAX];
} stream_work;

/* Groups of four at most, and as even as can be: three streams do nearly as well as four, one does not. */
static void streams_begin(stream_work *work, const batch *b) {
    work->group_count = (b->width + CSEALING_STREAMS_MAX - 1) / CSEALING_STREAMS_MAX;
    for (size_t k = 0; k <= work->group_count; k++) {
        work->first[k] = k * b->width / work->group_count;
    }
    for (size_t k = 0; k < work->group_count; k++) {
        csealing_streams *m = &work->groups[k];
        memset(m, 0, sizeof *m);
        for (size_t s = work->first[k]; s < work->first[k + 1]; s++) {
            uint8_t *header = m->header[s - work->first[k]], *tail = m->tail[s - work->first[k]];
            memcpy(header, b->replica_ids + 32 * s, 32);
            csealing_store32be(header + 32, b->layer);
            tail[32] = 0x80;
            csealing_store64be(tail + 56, CSEALING_LABEL_BITS);
        }
    }
}

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

static void streams_zero(csealing_streams *m, csealing_chain_function chain, size_t width,
                         uint8_t *nodes) {
    uint8_t padding[64] = {0x80};
    csealing_store64be(padding + 56, 64 * 8);
    for (size_t s = 0; s < width; s++) {
        const uint8_t *const blocks[2] = {m->header[s], padding};
        chain(blocks, 2, nodes + 32 * s);
    }
}

static void streams_node(stream_work *work, const batch *b, uint64_t v,
                         const uint8_t *const parents[CSEALING_DEGREE]) {
    const size_t degree = b->layer == 1 ? CSEALING_BASE_DEGREE : CSEALING_DEGREE;
    for (size_t k = 0; k < work->group_count; k++) {
        csealing_streams *m = &work->groups[k];
        const size_t first = work->first[k], width = work->first[k + 1] - first;
        uint8_t *out = b->current + 32 * (b->width * v + first);
        for (size_t s = 0; s < width; s++) {
            csealing_store64be(m->header[s] + 36, v);
        }
        if (v == 0) {
            streams_zero(m, work->chain, width, out);
            continue;
        }
        for (size_t j = 0; j < degree; j++) {
            for (size_t s = 0; s < width; s++) {
                memcpy(m->parents[s] + 32 * j, parents[j] + 32 * (first + s), 32);
            }
        }
        for (size_t s = 0; s < width; s++) {
            memcpy(m->tail[s], m->parents[s] + (b->layer == 1 ? 0 : 8 * 32), 32);
        }
        if (work->fast != NULL) {
            work->fast(m, width, degree / 2, out);
        } else {
            streams_portable(m, work->chain, width, degree / 2, out);
        }
    }
}

/* ---- Both ------------------------------------------------------------------------------ */

csealing_status csealing_sdr_labels_batch(csealing_path path, size_t width,
                                          const uint8_t *replica_ids, uint32_t layer,
                                          uint64_t nodes, const uint32_t *parents, uint64_t first,
                                          size_t count, const uint8_t *previous,
                                          uint8_t *current) {
    if (layer < 1 || first > nodes || count > nodes - first || width < 1 ||
        width > CSEALING_BATCH_MAX) {
        return CSEALING_INVALID_ARGUMENT;
    }
    const batch b = {width, replica_ids, layer, nodes, previous, current};
    const size_t degree = layer == 1 ? CSEALING_BASE_DEGREE : CSEALING_DEGREE;
    lane_work lanes = {.kernels = csealing_label_lanes_for(path, width)};
    stream_work streams = {.chain = csealing_chain_for(path), .fast = csealing_streams_for(path)};
    if (lanes.kernels != NULL) {
        lanes_begin(&lanes, &b);
    } else {
        streams_begin(&streams, &b);
    }
    for (size_t i = 0; i < count; i++, parents += CSEALING_DEGREE) {
        const uint64_t v = first + i;
        const uint8_t *found[CSEALING_DEGREE] = {NULL};
        for (size_t j = 0; i + PREFETCH_DISTANCE < count && j < degree; j++) {
            prefetch_node(j < CSEALING_BASE_DEGREE ? current : previous,
                          parents[PREFETCH_DISTANCE * CSEALING_DEGREE + j], nodes, width);
        }
        if (v != 0 && !find_parents(&b, v, parents, found)) {
            return CSEALING_INVALID_ARGUMENT;
        }
        if (lanes.kernels != NULL) {
            lanes_node(&lanes, &b, v, found);
        } else {
            streams_node(&streams, &b, v, found);
        }
    }
    return CSEALING_OK;
}

csealing_status csealing_split(csealing_path path, size_t width, const uint8_t *together,
                               uint8_t *alone, size_t count) {
    if (width < 1 || width > CSEALING_BATCH_MAX) {
        return CSEALING_INVALID_ARGUMENT;
    }
    const csealing_lane_kernels *lanes = csealing_label_lanes_for(path, width);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *labels = together + 32 * width * i;
        for (size_t s = 0; lanes == NULL && s < width; s++) {
            memcpy(alone + 32 * (count * s + i), labels + 32 * s, 32);
        }
        for (size_t s = 0; lanes != NULL && s < width; s += lanes->lanes) {
            lanes->split(labels + 4 * s, width,
                         width - s < lanes->lanes ? width - s : lanes->lanes,
                         alone + 32 * (count * s + i), 32 * count);
        }
    }
    return CSEALING_OK;
}

csealing_status csealing_join(csealing_path path, size_t width, size_t sector,
                              const uint8_t *alone, uint8_t *together, size_t count) {
    if (width < 1 || width > CSEALING_BATCH_MAX || sector >= width) {
        return CSEALING_INVALID_ARGUMENT;
    }
    const int in_words = csealing_label_lanes_for(path, width) != NULL;
    for (size_t i = 0; i < count; i++) {
        uint8_t *labels = together + 32 * width * i;
        if (!in_words) {
            memcpy(labels + 32 * sector, alone + 32 * i, 32);
            continue;
        }
        for (size_t word = 0; word < 8; word++) {
            const uint32_t value = csealing_load32be(alone + 32 * i + 4 * word);
            memcpy(labels + 4 * (word * width + sector), &value, 4);
        }
    }
    return CSEALING_OK;
}
