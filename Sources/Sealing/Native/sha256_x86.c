/* SPDX-License-Identifier: Apache-2.0 */
#include "CSealing.h"
#include "internal/sha256.h"

/* SHA-256 with the x86 SHA extensions. Each sha256rnds2 does two rounds and waits for the one
 * before, so a block costs 32 of its latencies; the schedule runs beside that chain. */

#if defined(__x86_64__)

#include <immintrin.h>

/* Four rounds with the four schedule words in `w`. */
#define FOUR_ROUNDS(w, i)                                                                        \
    do {                                                                                         \
        const __m128i wk_ =                                                                      \
            _mm_add_epi32(w, _mm_loadu_si128((const __m128i *)(csealing_sha256_k + 4 * (i))));   \
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, wk_);                                           \
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(wk_, 0x0e));                  \
    } while (0)

/* w0 becomes the schedule words 16 places after it; w1, w2, w3 follow w0. */
#define NEXT_WORDS(w0, w1, w2, w3)                                                               \
    (w0) = _mm_sha256msg2_epu32(                                                                 \
        _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4)), w3)

#define TARGET __attribute__((target("sha,sse4.1")))

/* The hash as the instructions want it: (a, b, e, f) and (c, d, g, h), high word first. */
typedef struct ni_state {
    __m128i abef, cdgh;
} ni_state;

TARGET static inline __attribute__((always_inline)) ni_state ni_load(const uint32_t hash[8]) {
    const __m128i dcba = _mm_loadu_si128((const __m128i *)hash);
    const __m128i hgfe = _mm_loadu_si128((const __m128i *)(hash + 4));
    const __m128i cdab = _mm_shuffle_epi32(dcba, 0xb1);
    const __m128i efgh = _mm_shuffle_epi32(hgfe, 0x1b);
    const ni_state s = {_mm_alignr_epi8(cdab, efgh, 8), _mm_blend_epi16(efgh, cdab, 0xf0)};
    return s;
}

TARGET static inline __attribute__((always_inline)) void ni_store(uint32_t hash[8], ni_state s) {
    const __m128i feba = _mm_shuffle_epi32(s.abef, 0x1b);
    const __m128i dchg = _mm_shuffle_epi32(s.cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)hash, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(hash + 4), _mm_alignr_epi8(dchg, feba, 8));
}

TARGET static inline __attribute__((always_inline)) ni_state ni_block(ni_state s,
                                                                      const uint8_t *data) {
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    __m128i abef = s.abef, cdgh = s.cdgh;
    __m128i w0 = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)data), swap);
    __m128i w1 = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(data + 16)), swap);
    __m128i w2 = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(data + 32)), swap);
    __m128i w3 = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(data + 48)), swap);
    FOUR_ROUNDS(w0, 0);
    FOUR_ROUNDS(w1, 1);
    FOUR_ROUNDS(w2, 2);
    FOUR_ROUNDS(w3, 3);
#pragma clang loop unroll(full)
    for (int i = 4; i < 16; i += 4) {
        NEXT_WORDS(w0, w1, w2, w3);
        FOUR_ROUNDS(w0, i);
        NEXT_WORDS(w1, w2, w3, w0);
        FOUR_ROUNDS(w1, i + 1);
        NEXT_WORDS(w2, w3, w0, w1);
        FOUR_ROUNDS(w2, i + 2);
        NEXT_WORDS(w3, w0, w1, w2);
        FOUR_ROUNDS(w3, i + 3);
    }
    const ni_state next = {_mm_add_epi32(abef, s.abef), _mm_add_epi32(cdgh, s.cdgh)};
    return next;
}

TARGET static void blocks_sha_ni(uint32_t hash[8], const uint8_t *data, size_t count) {
    ni_state s = ni_load(hash);
    for (; count > 0; count--, data += 64) {
        s = ni_block(s, data);
    }
    ni_store(hash, s);
}

/* The node is stored in two whole registers: the next label reads it back at once, and a load
 * that spans several smaller stores would wait for all of them to reach the cache. */
TARGET static void chain_sha_ni(const uint8_t *const *blocks, size_t count, uint8_t node[32]) {
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    const __m128i mask = _mm_set_epi64x(0x3fffffffffffffffLL, -1);
    ni_state s = ni_load(csealing_sha256_start);
    for (size_t i = 0; i < count; i++) {
        s = ni_block(s, blocks[i]);
    }
    const __m128i feba = _mm_shuffle_epi32(s.abef, 0x1b);
    const __m128i dchg = _mm_shuffle_epi32(s.cdgh, 0xb1);
    const __m128i dcba = _mm_blend_epi16(feba, dchg, 0xf0);
    const __m128i hgfe = _mm_alignr_epi8(dchg, feba, 8);
    _mm_storeu_si128((__m128i *)node, _mm_shuffle_epi8(dcba, swap));
    _mm_storeu_si128((__m128i *)(node + 16), _mm_and_si128(_mm_shuffle_epi8(hgfe, swap), mask));
}

csealing_chain_function csealing_sha256_chain_x86(void) { return chain_sha_ni; }

csealing_blocks_function csealing_sha256_blocks_x86(void) { return blocks_sha_ni; }

#else

csealing_blocks_function csealing_sha256_blocks_x86(void) { return NULL; }
csealing_chain_function csealing_sha256_chain_x86(void) { return NULL; }

#endif
