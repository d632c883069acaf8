/* SPDX-License-Identifier: Apache-2.0 */
#include "CSealing.h"
#include "internal/blake2b.h"
#include "internal/chacha.h"
#include "internal/expander.h"
#include "internal/fr.h"
#include "internal/sha256.h"

#include <string.h>

/* The stacked depth-robust graph. Node v has six parents in its own layer, drawn with a bias to
 * near nodes (bucket sampling over a graph five times as fine) plus its predecessor, and eight
 * parents in the layer before, given by a Feistel permutation of the 8 * nodes edges. */

static void tagged_digest(const char *tag, const uint8_t porep_id[32], uint8_t digest[32]) {
    csealing_sha256_state state;
    csealing_sha256_init(&state);
    csealing_sha256_update(CSEALING_PATH_AUTO, &state, (const uint8_t *)tag, strlen(tag));
    csealing_sha256_update(CSEALING_PATH_AUTO, &state, porep_id, 32);
    csealing_sha256_final(CSEALING_PATH_AUTO, &state, digest);
}

csealing_status csealing_graph_init(csealing_graph *graph, const uint8_t porep_id[32],
                                    uint64_t nodes, uint32_t legacy) {
    if (nodes < 4 || nodes > (1ULL << 31)) {
        return CSEALING_INVALID_ARGUMENT;
    }
    uint8_t digest[32];
    memset(graph, 0, sizeof *graph);
    graph->nodes = nodes;
    graph->legacy = legacy != 0;
    tagged_digest("Filecoin_DRSample", porep_id, digest);
    memcpy(graph->drg_seed, digest, 28);
    tagged_digest("Filecoin_Feistel", porep_id, digest);
    for (int i = 0; i < 4; i++) {
        graph->feistel_keys[i] = csealing_load64le(digest + 8 * i);
    }
    uint32_t half = 1;
    while ((1ULL << (2 * half)) < nodes * CSEALING_EXPANSION_DEGREE) {
        half++;
    }
    graph->half_bits = half;
    return CSEALING_OK;
}

static void drg_parents(const csealing_graph *g, uint64_t v, uint32_t out[6]) {
    if (v < 2) {
        memset(out, 0, 6 * sizeof *out);
        return;
    }
    uint32_t state[16], stream[32];
    uint8_t seed[32];
    memcpy(seed, g->drg_seed, 28);
    for (int i = 0; i < 4; i++) {
        seed[28 + i] = (uint8_t)(v >> (8 * i));
    }
    csealing_chacha_state(state, seed);
    csealing_chacha_core(8, state, stream);
    state[12] = 1;
    csealing_chacha_core(8, state, stream + 16);

    const uint64_t fine = v * 5;
    const uint64_t buckets = 64 - (uint64_t)__builtin_clzll(fine - 1);
    uint32_t *sampled = g->legacy ? out : out + 1;
    for (int i = 0; i < 5; i++) {
        const uint64_t first = stream[4 * i] | (uint64_t)stream[4 * i + 1] << 32;
        const uint64_t second = stream[4 * i + 2] | (uint64_t)stream[4 * i + 3] << 32;
        const uint64_t bucket = first % buckets + 1;
        const uint64_t limit = fine < (1ULL << bucket) ? fine : 1ULL << bucket;
        const uint64_t least = (limit >> 1) > 2 ? limit >> 1 : 2;
        const uint64_t distance = least + second % (limit - least + 1);
        const uint64_t parent = (fine - distance) / 5;
        sampled[i] = (uint32_t)(parent == v ? v - 1 : parent);
    }
    out[g->legacy ? 5 : 0] = (uint32_t)(v - 1);
}

static inline uint64_t feistel(const csealing_graph *g, uint64_t x) {
    const uint64_t mask = (1ULL << g->half_bits) - 1;
    uint64_t left = (x >> g->half_bits) & mask, right = x & mask;
    for (int i = 0; i < 3; i++) {
        /* The message and the digest are read big-endian. */
        const uint64_t f = __builtin_bswap64(csealing_blake2b_first_word(
            __builtin_bswap64(right), __builtin_bswap64(g->feistel_keys[i])));
        const uint64_t next = left ^ (f & mask);
        left = right;
        right = next;
    }
    return left << g->half_bits | right;
}

/* Edges 0 to 7 that end in node v, one by one. */
static void edges_portable(const csealing_graph *g, uint64_t v, uint64_t edges[8]) {
    const uint64_t limit = g->nodes * CSEALING_EXPANSION_DEGREE;
    for (uint64_t i = 0; i < CSEALING_EXPANSION_DEGREE; i++) {
        /* Walk the cycle until inside; it ends because the permutation comes back to v's edge. */
        uint64_t edge = feistel(g, v * CSEALING_EXPANSION_DEGREE + i);
        while (edge >= limit) {
            edge = feistel(g, edge);
        }
        edges[i] = edge;
    }
}

csealing_status csealing_graph_parents(csealing_path path, const csealing_graph *graph,
                                       uint64_t first, size_t count, uint32_t *parents) {
    if (graph->nodes < 4 || graph->nodes > (1ULL << 31) || graph->half_bits < 1 ||
        graph->half_bits > 31 || first > graph->nodes || count > graph->nodes - first) {
        return CSEALING_INVALID_ARGUMENT;
    }
    const csealing_edges_function wide = csealing_expander_edges_for(path);
    /* Version 1.0 kept only 32 bits of an edge; its graphs depend on that. */
    const uint64_t kept = graph->legacy ? 0xffffffffULL : ~0ULL;
    for (size_t i = 0; i < count; i++, parents += CSEALING_DEGREE) {
        uint64_t edges[CSEALING_EXPANSION_DEGREE];
        drg_parents(graph, first + i, parents);
        (wide != NULL ? wide : edges_portable)(graph, first + i, edges);
        for (int j = 0; j < CSEALING_EXPANSION_DEGREE; j++) {
            parents[CSEALING_BASE_DEGREE + j] =
                (uint32_t)((edges[j] & kept) / CSEALING_EXPANSION_DEGREE);
        }
    }
    return CSEALING_OK;
}
