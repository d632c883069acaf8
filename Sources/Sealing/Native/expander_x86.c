/* SPDX-License-Identifier: Apache-2.0 */
#include "internal/blake2b.h"
#include "internal/expander.h"
#include "internal/path.h"

#include <string.h>

/* The expander's permutation for the eight edges of a node at once. All eight hash messages of
 * the same two words, so a lane is a whole BLAKE2b; fourteen message words are zero and their
 * additions vanish when the rounds are unrolled. */

#if defined(__x86_64__)

typedef uint64_t v8 __attribute__((vector_size(64)));
typedef uint8_t bytes64 __attribute__((vector_size(64)));

#define INLINE static inline __attribute__((always_inline))

#define ROTATE(x, n) ((x) >> (n) | (x) << (64 - (n)))

#define MIX(a, b, c, d, x, y)                                                                    \
    do {                                                                                         \
        v[a] += v[b] + m[x];                                                                     \
        v[d] = ROTATE(v[d] ^ v[a], 32);                                                          \
        v[c] += v[d];                                                                            \
        v[b] = ROTATE(v[b] ^ v[c], 24);                                                          \
        v[a] += v[b] + m[y];                                                                     \
        v[d] = ROTATE(v[d] ^ v[a], 16);                                                          \
        v[c] += v[d];                                                                            \
        v[b] = ROTATE(v[b] ^ v[c], 63);                                                          \
    } while (0)

/* One round with its permutation of the message. */
#define ROUND(s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, sa, sb, sc, sd, se, sf)                    \
    do {                                                                                         \
        MIX(0, 4, 8, 12, s0, s1);                                                                \
        MIX(1, 5, 9, 13, s2, s3);                                                                \
        MIX(2, 6, 10, 14, s4, s5);                                                               \
        MIX(3, 7, 11, 15, s6, s7);                                                               \
        MIX(0, 5, 10, 15, s8, s9);                                                               \
        MIX(1, 6, 11, 12, sa, sb);                                                               \
        MIX(2, 7, 8, 13, sc, sd);                                                                \
        MIX(3, 4, 9, 14, se, sf);                                                                \
    } while (0)

INLINE void swap_bytes(v8 *x) {
    const bytes64 b = (bytes64)*x;
    *x = (v8)__builtin_shufflevector(
        b, b, 7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8, 23, 22, 21, 20, 19, 18, 17, 16,
        31, 30, 29, 28, 27, 26, 25, 24, 39, 38, 37, 36, 35, 34, 33, 32, 47, 46, 45, 44, 43, 42, 41,
        40, 55, 54, 53, 52, 51, 50, 49, 48, 63, 62, 61, 60, 59, 58, 57, 56);
}

/* x becomes the first word of the digest of x || key. */
INLINE void first_word(v8 *x, uint64_t key) {
    const uint64_t *h = csealing_blake2b_start;
    const uint64_t h0 = h[0] ^ 0x01010000 ^ 64;
    const v8 zero = {0};
    v8 m[16] = {*x, zero + key};
    v8 v[16];
    for (int i = 0; i < 8; i++) {
        v[i] = zero + (i == 0 ? h0 : h[i]);
        v[8 + i] = zero + h[i];
    }
    v[12] ^= 16;
    v[14] = ~v[14];
    ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);
    ROUND(11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4);
    ROUND(7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8);
    ROUND(9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13);
    ROUND(2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9);
    ROUND(12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11);
    ROUND(13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10);
    ROUND(6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5);
    ROUND(10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0);
    ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);
    *x = v[0] ^ v[8] ^ h0;
}

INLINE void permute(const csealing_graph *g, v8 *x) {
    const uint64_t mask = (1ULL << g->half_bits) - 1;
    v8 left = (*x >> g->half_bits) & mask, right = *x & mask;
    for (int i = 0; i < 3; i++) {
        v8 f = right;
        swap_bytes(&f);
        first_word(&f, __builtin_bswap64(g->feistel_keys[i]));
        swap_bytes(&f);
        const v8 next = left ^ (f & mask);
        left = right;
        right = next;
    }
    *x = left << g->half_bits | right;
}

INLINE void edges_inline(const csealing_graph *g, uint64_t v, uint64_t edges[8]) {
    const uint64_t limit = g->nodes * CSEALING_EXPANSION_DEGREE;
    v8 x = {0, 1, 2, 3, 4, 5, 6, 7};
    x += v * CSEALING_EXPANSION_DEGREE;
    permute(g, &x);
    for (;;) {
        const v8 outside = (v8)(x >= limit);
        uint64_t any = 0;
        for (int i = 0; i < 8; i++) {
            any |= outside[i];
        }
        if (any == 0) {
            break;
        }
        v8 walked = x;
        permute(g, &walked);
        x = (x & ~outside) | (walked & outside);
    }
    memcpy(edges, &x, sizeof x);
}

__attribute__((target("avx512f,avx512bw,avx512vl"))) static void
edges_avx512(const csealing_graph *g, uint64_t v, uint64_t edges[8]) {
    edges_inline(g, v, edges);
}

__attribute__((target("avx2"))) static void edges_avx2(const csealing_graph *g, uint64_t v,
                                                       uint64_t edges[8]) {
    edges_inline(g, v, edges);
}

csealing_edges_function csealing_expander_edges_for(csealing_path path) {
    if (csealing_path_has(path, CSEALING_PATH_AVX512)) {
        return edges_avx512;
    }
    return csealing_path_has(path, CSEALING_PATH_AVX2) ? edges_avx2 : NULL;
}

#else

csealing_edges_function csealing_expander_edges_for(csealing_path path) {
    (void)path;
    return NULL;
}

#endif
