/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CSEALING_INTERNAL_SHA256_H
#define CSEALING_INTERNAL_SHA256_H

#include <stddef.h>
#include <stdint.h>

#include "CSealing.h"
#include "path.h"

typedef void (*csealing_blocks_function)(uint32_t hash[8], const uint8_t *data, size_t count);

/* The node of a message whose padded blocks lie at `count` addresses. */
typedef void (*csealing_chain_function)(const uint8_t *const *blocks, size_t count,
                                        uint8_t node[32]);

extern const uint32_t csealing_sha256_k[64];
extern const uint32_t csealing_sha256_start[8];

void csealing_sha256_blocks_portable(uint32_t hash[8], const uint8_t *data, size_t count);

/* What follows is NULL where the build has none; csealing_path_has says whether the processor can run it. */
csealing_blocks_function csealing_sha256_blocks_x86(void);

csealing_chain_function csealing_sha256_chain_x86(void);

/* The schedule of the block that pads a message of 64 bytes, its rounds' constants added. */
extern const uint32_t csealing_sha256_padding64[64];

/* Bits of the message that a label hashes: a header and 37 parents. */
#define CSEALING_LABEL_BITS (1248 * 8)

/* Lanes of the widest vectors. */
#define CSEALING_LANES_MAX 16

/* Makes parents of a row of a tree and returns how many: all, but for a remainder that is smaller than
 * what it makes at once. `parents` may equal `children`. */
typedef size_t (*csealing_row_function)(const uint8_t *children, uint8_t *parents, size_t count);

/* One node whose labels are made in lanes. Label words are in the processor's byte order; word i of a
 * label of sector s is `i * width + s` words behind the label's address, which needs no alignment. */
typedef struct csealing_lane_label {
    /* Word i of the replica identifier of sector s is at 16 * i + s. */
    const uint32_t *replica_words;
    uint32_t layer;
    uint64_t node;
    size_t width;
    /* Blocks of two parents: 3, 7, or 0 for node 0. */
    size_t distinct;
    const uint8_t *parents[14];
    uint8_t *label;
} csealing_lane_label;

/* What one width of vectors offers. Each takes `lanes` messages at once. */
typedef struct csealing_lane_kernels {
    size_t lanes;
    csealing_row_function row;
    /* The labels of `active` sectors, `lanes` at most. */
    void (*label)(const csealing_lane_label *m, size_t active);
    /* Writes the label of `active` sectors as nodes, `stride` bytes apart. */
    void (*split)(const uint8_t *label, size_t width, size_t active, uint8_t *nodes,
                  size_t stride);
} csealing_lane_kernels;

const csealing_lane_kernels *csealing_sha256_avx2(void);
const csealing_lane_kernels *csealing_sha256_avx512(void);

/* Sectors whose chains the SHA extensions run side by side. */
#define CSEALING_STREAMS_MAX 4

/* The messages of one node's labels in several sectors: header, `distinct` blocks of parents over and
 * over until there are 18, tail. */
typedef struct csealing_streams {
    uint8_t header[CSEALING_STREAMS_MAX][64];
    uint8_t parents[CSEALING_STREAMS_MAX][14 * 32];
    uint8_t tail[CSEALING_STREAMS_MAX][64];
} csealing_streams;

/* Writes `width` labels one after the other. */
typedef void (*csealing_streams_function)(const csealing_streams *m, size_t width,
                                          size_t distinct, uint8_t *nodes);

csealing_streams_function csealing_streams_x86(void);
csealing_row_function csealing_row_streams_x86(void);

/* The functions that stand for a `csealing_path`. */
csealing_blocks_function csealing_blocks_for(csealing_path path);
csealing_chain_function csealing_chain_for(csealing_path path);

/* NULL stands for one stream after the other. */
csealing_streams_function csealing_streams_for(csealing_path path);

#define CSEALING_ROW_FUNCTIONS_MAX 3

/* The functions that make a row on a path, from the fastest on, and how many they are; each leaves its
 * remainder to the next, and the last one to the chain. */
size_t csealing_row_functions(csealing_path path,
                              csealing_row_function out[CSEALING_ROW_FUNCTIONS_MAX]);

/* The lanes in which a path labels `width` sectors, or NULL where streams do it, or nothing. */
const csealing_lane_kernels *csealing_label_lanes_for(csealing_path path, size_t width);

static inline uint32_t csealing_load32be(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void csealing_store32be(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

static inline void csealing_store64be(uint8_t *p, uint64_t v) {
    csealing_store32be(p, (uint32_t)(v >> 32));
    csealing_store32be(p + 4, (uint32_t)v);
}

/* Writes the digest with its two top bits (as a little-endian number) cleared. */
static inline void csealing_store_trunc254(uint8_t node[32], const uint32_t hash[8]) {
    for (int i = 0; i < 8; i++) {
        csealing_store32be(node + 4 * i, hash[i]);
    }
    node[31] &= 0x3f;
}

#endif
