/* SPDX-License-Identifier: Apache-2.0 */
#include "CSealing.h"
#include "internal/sha256.h"

/* Several messages at once with the SHA extensions: labels of one node in several sectors, and nodes
 * of a binary tree. A message is a chain of sha256rnds2, of which the processor finishes one in four
 * cycles but can begin one in one or two: chains of other messages fill the gaps. Schedules are made
 * during the rounds of the block before; those of the three or seven blocks that a label hashes over
 * and over are kept.
 *
 * The instructions have no 256-bit form, and where one follows an instruction that wrote a 256-bit
 * register some processors stop for a hundred nanoseconds: no such register appears here. */

#if defined(__x86_64__)

#include <immintrin.h>

#define TARGET __attribute__((target("sha,avx")))
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
            /* Where no schedule is made there are loads to spare, and no shuffles. */
            const uint8_t *half = (const uint8_t *)&schedules[s * stride].w[i] + 8;
            const __m128i other = next == NULL
                                      ? _mm_loadl_epi64((const __m128i *)(const void *)half)
                                      : _mm_shuffle_epi32(wk, 0x0e);
            abef[s] = _mm_sha256rnds2_epu32(abef[s], cdgh[s], other);
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

TARGET INLINE stream_state start_state(void) {
    const __m128i dcba = _mm_loadu_si128((const __m128i *)(const void *)csealing_sha256_start);
    const __m128i hgfe =
        _mm_loadu_si128((const __m128i *)(const void *)(csealing_sha256_start + 4));
    const __m128i cdab = _mm_shuffle_epi32(dcba, 0xb1), efgh = _mm_shuffle_epi32(hgfe, 0x1b);
    const stream_state s = {_mm_alignr_epi8(cdab, efgh, 8), _mm_blend_epi16(efgh, cdab, 0xf0)};
    return s;
}

TARGET INLINE void store_node(uint8_t *node, const stream_state *s) {
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    const __m128i mask = _mm_set_epi64x(0x3fffffffffffffffLL, -1);
    const __m128i feba = _mm_shuffle_epi32(s->abef, 0x1b);
    const __m128i dchg = _mm_shuffle_epi32(s->cdgh, 0xb1);
    const __m128i low = _mm_blend_epi16(feba, dchg, 0xf0);
    const __m128i high = _mm_alignr_epi8(dchg, feba, 8);
    _mm_storeu_si128((__m128i *)(void *)node, _mm_shuffle_epi8(low, swap));
    _mm_storeu_si128((__m128i *)(void *)(node + 16),
                     _mm_and_si128(_mm_shuffle_epi8(high, swap), mask));
}

TARGET INLINE void label_streams(const csealing_streams *m, size_t distinct, uint8_t *nodes,
                                 size_t width) {
    enum { SLOTS = 7 };
    schedule once[CSEALING_STREAMS_MAX], kept[CSEALING_STREAMS_MAX * SLOTS];
    stream_state states[CSEALING_STREAMS_MAX];
    const uint8_t *data[CSEALING_STREAMS_MAX];
    for (size_t s = 0; s < width; s++) {
        __m128i w[4];
        states[s] = start_state();
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
        store_node(nodes + 32 * s, &states[s]);
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

/* Parents by fours; the schedules of the next four are made during the padding of these. */
TARGET static size_t row_sha_ni(const uint8_t *children, uint8_t *parents, size_t count) {
    enum { WIDTH = 4 };
    const size_t done = count - count % WIDTH;
    const schedule *padding = (const schedule *)(const void *)csealing_sha256_padding64;
    schedule own[WIDTH];
    const uint8_t *data[WIDTH];
    for (size_t s = 0; done > 0 && s < WIDTH; s++) {
        __m128i w[4];
        data[s] = children + 64 * s;
#pragma clang loop unroll(full)
        for (int i = 0; i < 16; i++) {
            schedule_step(&own[s], w, data[s], i);
        }
    }
    for (size_t i = 0; i < done; i += WIDTH) {
        stream_state states[WIDTH];
        for (size_t s = 0; s < WIDTH; s++) {
            states[s] = start_state();
            /* Behind the last ones their own schedules are made again, and not used. */
            data[s] += i + WIDTH < done ? 64 * WIDTH : 0;
        }
        rounds(states, own, 1, NULL, 0, NULL, WIDTH);
        rounds(states, padding, 0, own, 1, data, WIDTH);
        for (size_t s = 0; s < WIDTH; s++) {
            store_node(parents + 32 * (i + s), &states[s]);
        }
    }
    return done;
}

static int has_streams(void) { return __builtin_cpu_supports("avx") != 0; }

csealing_streams_function csealing_streams_x86(void) {
    return has_streams() ? streams_sha_ni : NULL;
}

csealing_row_function csealing_row_streams_x86(void) { return has_streams() ? row_sha_ni : NULL; }

#else

csealing_streams_function csealing_streams_x86(void) { return NULL; }
csealing_row_function csealing_row_streams_x86(void) { return NULL; }

#endif
