/* SPDX-License-Identifier: Apache-2.0 */
#include "CKernel.h"
#include "CSealing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Runs the C kernels on every path that the processor has, on random and edge inputs, at odd sizes and
 * odd addresses, and compares the paths. Scripts/check-native builds it with the sanitizers, which
 * watch every access: each buffer is exactly as large as the kernel's contract says, from malloc. */

static const csealing_path paths[] = {CSEALING_PATH_AUTO, CSEALING_PATH_PORTABLE,
                                      CSEALING_PATH_AVX2, CSEALING_PATH_SHA_NI,
                                      CSEALING_PATH_AVX512};
#define PATHS (sizeof paths / sizeof *paths)

static unsigned long comparisons;

#define CHECK(condition, ...)                                                                    \
    do {                                                                                         \
        comparisons++;                                                                           \
        if (!(condition)) {                                                                      \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                      \
            fprintf(stderr, __VA_ARGS__);                                                        \
            fputc('\n', stderr);                                                                 \
            exit(1);                                                                             \
        }                                                                                        \
    } while (0)

/* SplitMix64. */
static uint64_t seed = 20;

static uint64_t draw(void) {
    uint64_t z = seed += 0x9e3779b97f4a7c15ULL;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

/* A buffer that begins `offset` bytes behind an aligned address and ends where the sanitizer looks. */
typedef struct buffer {
    uint8_t *whole, *bytes;
} buffer;

static buffer make(size_t count, size_t offset) {
    buffer b;
    b.whole = malloc(count + offset + (count + offset == 0));
    if (b.whole == NULL) {
        fprintf(stderr, "no memory for %zu bytes\n", count);
        exit(1);
    }
    b.bytes = b.whole + offset;
    for (size_t i = 0; i < count; i++) {
        b.bytes[i] = (uint8_t)draw();
    }
    return b;
}

static const uint8_t largest[32] = {0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xfe, 0x5b, 0xfe,
                                    0xff, 0x02, 0xa4, 0xbd, 0x53, 0x05, 0xd8, 0xa1, 0x09, 0x08, 0xd8,
                                    0x39, 0x33, 0x48, 0x7d, 0x9d, 0x29, 0x53, 0xa7, 0xed, 0x73};

/* Nodes below the modulus, with its edges among them. */
static buffer make_nodes(size_t count, size_t offset) {
    buffer b = make(32 * count, offset);
    for (size_t i = 0; i < count; i++) {
        uint8_t *node = b.bytes + 32 * i;
        node[31] &= 0x3f;
        switch (draw() % 8) {
        case 0:
            memset(node, 0, 32);
            break;
        case 1:
            memcpy(node, largest, 32);
            break;
        default:
            break;
        }
    }
    return b;
}

static void check_sha256(void) {
    for (size_t count = 0; count < 300; count++) {
        buffer data = make(count, count % 7);
        uint8_t expected[32], digest[32];
        csealing_sha256(CSEALING_PATH_PORTABLE, data.bytes, count, expected);
        for (size_t p = 0; p < PATHS; p++) {
            csealing_sha256_state state;
            const size_t cut = count == 0 ? 0 : draw() % count;
            csealing_sha256_init(&state);
            csealing_sha256_update(paths[p], &state, data.bytes, cut);
            csealing_sha256_update(paths[p], &state, data.bytes + cut, count - cut);
            csealing_sha256_final(paths[p], &state, digest);
            CHECK(memcmp(digest, expected, 32) == 0, "%zu bytes, path %zu", count, p);
        }
        free(data.whole);
    }
    for (size_t count = 0; count < 70; count++) {
        for (size_t p = 0; p < PATHS; p++) {
            buffer children = make(64 * count, p), parents = make(32 * count, 3 * p);
            csealing_sha256_row(paths[p], children.bytes, parents.bytes, count);
            for (size_t i = 0; i < count; i++) {
                uint8_t expected[32];
                csealing_sha256(CSEALING_PATH_PORTABLE, children.bytes + 64 * i, 64, expected);
                expected[31] &= 0x3f;
                CHECK(memcmp(parents.bytes + 32 * i, expected, 32) == 0,
                      "parent %zu of %zu, path %zu", i, count, p);
            }
            csealing_sha256_row(paths[p], children.bytes, children.bytes, count);
            CHECK(count == 0 || memcmp(children.bytes, parents.bytes, 32 * count) == 0,
                  "%zu parents in place, path %zu", count, p);
            free(children.whole);
            free(parents.whole);
        }
    }
}

static void check_poseidon(void) {
    static const uint32_t arities[] = {2, 4, 8, 11};
    for (size_t a = 0; a < 4; a++) {
        const uint32_t arity = arities[a], partial = csealing_poseidon_partial_rounds(arity);
        const size_t word_count = csealing_poseidon_words(arity, partial);
        const size_t scratch_count = csealing_poseidon_scratch_words(arity);
        uint64_t *words = malloc(8 * word_count), *scratch = malloc(8 * scratch_count);
        CHECK(words != NULL && scratch != NULL, "memory");
        CHECK(csealing_poseidon_generate(arity, partial, words, word_count, scratch,
                                         scratch_count) == CSEALING_OK,
              "constants of arity %u", arity);
        for (size_t count = 0; count < 20; count++) {
            buffer in = make_nodes(arity * count, count % 5), expected = make(32 * count, 0);
            CHECK(csealing_poseidon_hash(CSEALING_PATH_PORTABLE, arity, partial, words, in.bytes,
                                         expected.bytes, count) == CSEALING_OK,
                  "arity %u", arity);
            /* The textbook rounds agree with the portable ones. */
            for (size_t i = 0; count == 3 && i < count; i++) {
                uint8_t state[32 * 12] = {0};
                const uint64_t tag = ((uint64_t)1 << arity) - 1;
                memcpy(state, &tag, 8);
                memcpy(state + 32, in.bytes + 32 * arity * i, 32 * arity);
                CHECK(csealing_poseidon_permute(arity, partial, words, 1, state) == CSEALING_OK,
                      "arity %u", arity);
                CHECK(memcmp(state + 32, expected.bytes + 32 * i, 32) == 0, "arity %u", arity);
            }
            for (size_t p = 0; p < PATHS; p++) {
                buffer out = make(32 * count, p), columns = make(32 * arity * count, p);
                CHECK(csealing_poseidon_hash(paths[p], arity, partial, words, in.bytes,
                                             out.bytes, count) == CSEALING_OK,
                      "arity %u, path %zu", arity, p);
                CHECK(count == 0 || memcmp(out.bytes, expected.bytes, 32 * count) == 0,
                      "%zu hashes of arity %u, path %zu", count, arity, p);
                for (size_t i = 0; i < count * arity; i++) {
                    memcpy(columns.bytes + 32 * (i % arity * count + i / arity),
                           in.bytes + 32 * i, 32);
                }
                CHECK(csealing_poseidon_columns(paths[p], arity, partial, words, columns.bytes,
                                                32 * count, out.bytes, count) == CSEALING_OK,
                      "arity %u, path %zu", arity, p);
                CHECK(count == 0 || memcmp(out.bytes, expected.bytes, 32 * count) == 0,
                      "%zu columns of arity %u, path %zu", count, arity, p);
                if (count > 0) {
                    uint8_t *bad = in.bytes + 32 * (draw() % (arity * count)), kept[32];
                    memcpy(kept, bad, 32);
                    memset(bad, 0xff, 32);
                    CHECK(csealing_poseidon_hash(paths[p], arity, partial, words, in.bytes,
                                                 out.bytes, count) == CSEALING_NOT_CANONICAL,
                          "arity %u, path %zu", arity, p);
                    memcpy(bad, kept, 32);
                }
                free(out.whole);
                free(columns.whole);
            }
            free(in.whole);
            free(expected.whole);
        }
        free(words);
        free(scratch);
    }
}

/* All labels of all widths on all paths, against one sector at a time in portable C. */
static void check_labels(void) {
    enum { NODES = 64, LAYERS = 2, BYTES = 32 * NODES };
    uint8_t id[32] = {7};
    csealing_graph graph;
    CHECK(csealing_graph_init(&graph, id, NODES, 0) == CSEALING_OK, "graph");
    uint32_t *parents = malloc(NODES * CSEALING_DEGREE * sizeof *parents);
    uint32_t *again = malloc(NODES * CSEALING_DEGREE * sizeof *parents);
    CHECK(parents != NULL && again != NULL, "memory");
    csealing_graph_parents(CSEALING_PATH_PORTABLE, &graph, 0, NODES, parents);
    for (size_t p = 0; p < PATHS; p++) {
        csealing_graph_parents(paths[p], &graph, 0, NODES, again);
        CHECK(memcmp(parents, again, NODES * CSEALING_DEGREE * sizeof *parents) == 0,
              "parents, path %zu", p);
    }
    buffer ids = make(32 * CSEALING_BATCH_MAX, 1);
    uint8_t *expected[LAYERS][CSEALING_BATCH_MAX];
    for (size_t s = 0; s < CSEALING_BATCH_MAX; s++) {
        for (uint32_t layer = 0; layer < LAYERS; layer++) {
            expected[layer][s] = make(BYTES, 0).whole;
            CHECK(csealing_sdr_labels(CSEALING_PATH_PORTABLE, ids.bytes + 32 * s, layer + 1, NODES,
                                      parents, 0, NODES, layer == 0 ? NULL : expected[layer - 1][s],
                                      expected[layer][s]) == CSEALING_OK,
                  "labels");
        }
    }
    for (size_t p = 0; p < PATHS; p++) {
        for (size_t width = 1; width <= CSEALING_BATCH_MAX; width++) {
            buffer layers[LAYERS] = {make(width * BYTES, p), make(width * BYTES, 2 * p)};
            buffer alone = make(width * BYTES, p);
            for (uint32_t layer = 0; layer < LAYERS; layer++) {
                /* In two parts, the first of an odd size. */
                for (size_t part = 0; part < 2; part++) {
                    const uint64_t first = part == 0 ? 0 : 13;
                    CHECK(csealing_sdr_labels_batch(
                              paths[p], width, ids.bytes, layer + 1, NODES,
                              parents + CSEALING_DEGREE * first, first,
                              part == 0 ? 13 : NODES - 13, layer == 0 ? NULL : layers[0].bytes,
                              layers[layer].bytes) == CSEALING_OK,
                          "labels of %zu sectors, path %zu", width, p);
                }
                CHECK(csealing_split(paths[p], width, layers[layer].bytes, alone.bytes, NODES) ==
                          CSEALING_OK,
                      "split");
                for (size_t s = 0; s < width; s++) {
                    CHECK(memcmp(alone.bytes + BYTES * s, expected[layer][s], BYTES) == 0,
                          "layer %u of sector %zu of %zu, path %zu", layer + 1, s, width, p);
                }
            }
            buffer joined = make(width * BYTES, 1);
            for (size_t s = 0; s < width; s++) {
                CHECK(csealing_join(paths[p], width, s, expected[1][s], joined.bytes, NODES) ==
                          CSEALING_OK,
                      "join");
            }
            CHECK(memcmp(joined.bytes, layers[1].bytes, width * BYTES) == 0,
                  "%zu sectors joined, path %zu", width, p);
            free(joined.whole);
            free(alone.whole);
            free(layers[0].whole);
            free(layers[1].whole);
        }
        parents[CSEALING_DEGREE * 5] = 5;
        CHECK(csealing_sdr_labels_batch(paths[p], 1, ids.bytes, 1, NODES, parents, 0, NODES, NULL,
                                        expected[0][0]) == CSEALING_INVALID_ARGUMENT,
              "a node that is its own parent, path %zu", p);
        parents[CSEALING_DEGREE * 5] = 4;
    }
    for (size_t s = 0; s < CSEALING_BATCH_MAX; s++) {
        for (size_t layer = 0; layer < LAYERS; layer++) {
            free(expected[layer][s]);
        }
    }
    free(ids.whole);
    free(parents);
    free(again);
}

static void check_fields(void) {
    for (size_t count = 0; count < 400; count++) {
        const size_t padded_count = (8 * count + 253) / 254 * 32;
        buffer data = make(count, count % 3), padded = make(padded_count, count % 5);
        CHECK(csealing_fr32_pad(data.bytes, count, padded.bytes, padded_count) == CSEALING_OK,
              "%zu bytes", count);
        const size_t groups = count / 127;
        buffer back = make(127 * groups, 1);
        csealing_fr32_unpad(padded.bytes, back.bytes, groups);
        CHECK(groups == 0 || memcmp(back.bytes, data.bytes, 127 * groups) == 0, "%zu bytes", count);
        CHECK(csealing_fr_canonical(padded.bytes, padded_count / 32) == 1, "%zu bytes", count);
        free(data.whole);
        free(padded.whole);
        free(back.whole);
    }
    for (size_t count = 0; count < 40; count++) {
        buffer key = make_nodes(count, 1), data = make_nodes(count, 2), out = make(32 * count, 3);
        CHECK(csealing_encode(key.bytes, data.bytes, out.bytes, count) == CSEALING_OK, "encode");
        CHECK(csealing_decode(out.bytes, key.bytes, out.bytes, count) == CSEALING_OK, "decode");
        CHECK(count == 0 || memcmp(out.bytes, data.bytes, 32 * count) == 0, "%zu nodes", count);
        free(key.whole);
        free(data.whole);
        free(out.whole);
    }
    for (size_t count = 0; count < 300; count++) {
        buffer data = make(count, count % 4), key = make(count % 65, 0);
        buffer digest = make(1 + count % 64, 0);
        CHECK(csealing_blake2b(digest.bytes, 1 + count % 64, key.bytes, count % 65, data.bytes,
                               count) == CSEALING_OK,
              "BLAKE2b of %zu bytes", count);
        free(data.whole);
        free(key.whole);
        free(digest.whole);
    }
}

static void sleep_once(void *parker) { ckernel_park(parker); }

static void check_threads(void) {
    ckernel_parker *parker = ckernel_parker_make();
    ckernel_thread *thread = NULL;
    CHECK(parker != NULL, "memory");
    CHECK(ckernel_thread_start(sleep_once, parker, "a name of more bytes", &thread) == 0, "start");
    ckernel_unpark(parker);
    ckernel_thread_join(thread);
    ckernel_park_until(parker, ckernel_monotonic_nanoseconds() - 1);
    ckernel_parker_free(parker);
    CHECK(ckernel_processor_count() >= 1, "processors");
}

int main(void) {
    check_sha256();
    check_poseidon();
    check_labels();
    check_fields();
    check_threads();
    printf("check-native: %lu comparisons; rows %s, batch labels %s, Poseidon %s, parents %s\n",
           comparisons, csealing_kernel_name(CSEALING_PATH_AUTO, CSEALING_KERNEL_SHA256_ROW),
           csealing_kernel_name(CSEALING_PATH_AUTO, CSEALING_KERNEL_LABELS),
           csealing_kernel_name(CSEALING_PATH_AUTO, CSEALING_KERNEL_POSEIDON),
           csealing_kernel_name(CSEALING_PATH_AUTO, CSEALING_KERNEL_PARENTS));
    return 0;
}
