/* SPDX-License-Identifier: Apache-2.0 */
#include "CSealing.h"
#include "internal/sha256.h"

/* Labels of one node in several sectors at once. A label is a chain of sha256rnds2, of which the
 * processor finishes one in four cycles but can begin one in two: chains of other sectors fill the
 * gaps. The unit that does it also makes the message schedules, so these are computed once for each
 * of the three or seven blocks that a label hashes over and over, during the rounds of the block
 * before, and kept. */

#if defined(__x86_64__)

#include <immintrin.h>

#define TARGET __attribute__((target("sha,sse4.1")))
#define INLINE static inline __attribute__((always_inline))

/* The 64 schedule words of a block, each with its round's constant added. */
typedef struct schedule {
    __m128i w[16];
} schedule;

typedef struct stream_state {
    __m128i abef, cdgh;
} stream_state;

/* Step `i` of 16 of a block's schedule; `w` holds the last 16 words. */
TARGET INLINE void schedule_step(schedule *s, __m128i w[4], const uint8_t *data, int i) {
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    if (i < 4) {
        w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(data + 16 * i)), swap);
    } else {
        const __m128i w1 = w[(i + 1) & 3], w2 = w[(i + 2) & 3], w3 = w[(i + 3) & 3];
        w[i & 3] = _mm_sha256msg2_epu32(
            _mm_add_epi32(_mm_sha256msg1_epu32(w[i & 3], w1), _mm_alignr_epi8(w3, w2, 4)), w3);
    }
    s->w[i] =
        _mm_add_epi32(w[i & 3], _mm_loadu_si128((const __m128i *)(csealing_sha256_k + 4 * i)));
}

/* 64 rounds of every stream, side by side. Where `next` is not NULL the schedules of the blocks at
 * `data` are made meanwhile, one stream after the other. */
TARGET INLINE void rounds(stream_state *states, const schedule *schedules, size_t stride,
                          schedule *next, size_t next_stride, const uint8_t *const *data,
                          size_t width) {
    __m128i abef[CSEALING_STREAMS_MAX], cdgh[CSEALING_STREAMS_MAX], w[4];
#pragma clang loop unroll(full)
    for (size_t s = 0; s < width; s++) {
        abef[s] = states[s].abef;
        cdgh[s] = states[s].cdgh;
    }
#pragma clang loop unroll(full)
    for (size_t i = 0; i < 16; i++) {
#pragma clang loop unroll(full)
        for (size_t s = 0; s < width; s++) {
            const __m128i wk = schedules[s * stride].w[i];
            cdgh[s] = _mm_sha256rnds2_epu32(cdgh[s], abef[s], wk);
            abef[s] = _mm_sha256rnds2_epu32(abef[s], cdgh[s], _mm_shuffle_epi32(wk, 0x0e));
            if (next != NULL) {
                const size_t step = i * width + s, stream = step / 16;
                schedule_step(&next[stream * next_stride], w, data[stream], (int)(step % 16));
            }
        }
    }
#pragma clang loop unroll(full)
    for (size_t s = 0; s < width; s++) {
        states[s].abef = _mm_add_epi32(abef[s], states[s].abef);
        states[s].cdgh = _mm_add_epi32(cdgh[s], states[s].cdgh);
    }
}

TARGET INLINE void label_streams(const csealing_streams *m, size_t distinct, uint8_t *nodes,
                                 size_t width) {
    enum { SLOTS = 7 };
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    const __m128i mask = _mm_set_epi64x(0x3fffffffffffffffLL, -1);
    schedule once[CSEALING_STREAMS_MAX], kept[CSEALING_STREAMS_MAX * SLOTS];
    stream_state states[CSEALING_STREAMS_MAX];
    const __m128i dcba = _mm_loadu_si128((const __m128i *)csealing_sha256_start);
    const __m128i hgfe = _mm_loadu_si128((const __m128i *)(csealing_sha256_start + 4));
    const __m128i cdab = _mm_shuffle_epi32(dcba, 0xb1), efgh = _mm_shuffle_epi32(hgfe, 0x1b);
    const uint8_t *data[CSEALING_STREAMS_MAX];
    for (size_t s = 0; s < width; s++) {
        __m128i w[4];
        states[s].abef = _mm_alignr_epi8(cdab, efgh, 8);
        states[s].cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
#pragma clang loop unroll(full)
        for (int i = 0; i < 16; i++) {
            schedule_step(&once[s], w, m->header[s], i);
        }
        data[s] = m->parents[s];
    }
    rounds(states, once, 1, kept, SLOTS, data, width);
    for (size_t slot = 1; slot < distinct; slot++) {
        for (size_t s = 0; s < width; s++) {
            data[s] += 64;
        }
        rounds(states, kept + slot - 1, SLOTS, kept + slot, SLOTS, data, width);
    }
    rounds(states, kept + distinct - 1, SLOTS, NULL, 0, NULL, width);
    size_t slot = 0;
    for (size_t block = distinct; block < 17; block++) {
        rounds(states, kept + slot, SLOTS, NULL, 0, NULL, width);
        slot = slot + 1 == distinct ? 0 : slot + 1;
    }
    for (size_t s = 0; s < width; s++) {
        data[s] = m->tail[s];
    }
    rounds(states, kept + slot, SLOTS, once, 1, data, width);
    rounds(states, once, 1, NULL, 0, NULL, width);
    for (size_t s = 0; s < width; s++) {
        const __m128i feba = _mm_shuffle_epi32(states[s].abef, 0x1b);
        const __m128i dchg = _mm_shuffle_epi32(states[s].cdgh, 0xb1);
        const __m128i low = _mm_blend_epi16(feba, dchg, 0xf0);
        const __m128i high = _mm_alignr_epi8(dchg, feba, 8);
        _mm_storeu_si128((__m128i *)(nodes + 32 * s), _mm_shuffle_epi8(low, swap));
        _mm_storeu_si128((__m128i *)(nodes + 32 * s + 16),
                         _mm_and_si128(_mm_shuffle_epi8(high, swap), mask));
    }
}

/* One body per width, so that the states stay in registers. */
TARGET static void streams_sha_ni(const csealing_streams *m, size_t width, size_t distinct,
                                  uint8_t *nodes) {
    switch (width) {
    case 1:
        label_streams(m, distinct, nodes, 1);
        break;
    case 2:
        label_streams(m, distinct, nodes, 2);
        break;
    case 3:
        label_streams(m, distinct, nodes, 3);
        break;
    default:
        label_streams(m, distinct, nodes, 4);
    }
}

csealing_streams_function csealing_streams_x86(void) { return streams_sha_ni; }

#else

csealing_streams_function csealing_streams_x86(void) { return NULL; }

#endif
