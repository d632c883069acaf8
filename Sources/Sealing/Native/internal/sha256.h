/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CSEALING_INTERNAL_SHA256_H
#define CSEALING_INTERNAL_SHA256_H

#include <stddef.h>
#include <stdint.h>

#include "CSealing.h"

typedef void (*csealing_blocks_function)(uint32_t hash[8], const uint8_t *data, size_t count);

/* The node of a message whose padded blocks lie at `count` addresses. */
typedef void (*csealing_chain_function)(const uint8_t *const *blocks, size_t count,
                                        uint8_t node[32]);

extern const uint32_t csealing_sha256_k[64];
extern const uint32_t csealing_sha256_start[8];

void csealing_sha256_blocks_portable(uint32_t hash[8], const uint8_t *data, size_t count);

/* The SHA-NI version, or NULL where the processor (or the build) has none. */
csealing_blocks_function csealing_sha256_blocks_x86(void);

csealing_chain_function csealing_sha256_chain_x86(void);

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

/* NULL stands for one stream after the other. */
csealing_streams_function csealing_streams_for(uint32_t isa);

/* The functions that stand for a `csealing_isa`. */
csealing_blocks_function csealing_blocks_for(uint32_t isa);
csealing_chain_function csealing_chain_for(uint32_t isa);

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
