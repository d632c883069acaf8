/* SPDX-License-Identifier: Apache-2.0 */

/* SHA-256 of LANES independent messages side by side: lane s of every vector belongs to message s.
 * The file is a template without a guard. Who includes it has defined
 *
 *     LANES            8 or 16
 *     TARGET           the attribute that names the instructions
 *     LOAD_SOME(p, n), STORE_SOME(p, n, v)   the first n of the lanes at the address p
 *     CHOOSE(x, y, z), MAJORITY(x, y, z, y ^ z)   the two functions of FIPS 180-4
 *
 * Words are in the processor's byte order inside, as messages have them outside. */

typedef uint32_t words __attribute__((vector_size(4 * LANES)));
typedef uint32_t words_at __attribute__((vector_size(4 * LANES), aligned(1), may_alias));
typedef uint32_t quad __attribute__((vector_size(16)));
typedef uint32_t quad_at __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t pairs __attribute__((vector_size(4 * LANES)));

#define INLINE TARGET static inline __attribute__((always_inline))

#define ROTATE(x, n) ((x) >> (n) | (x) << (32 - (n)))
#define BIG_SUM0(x) (ROTATE(x, 2) ^ ROTATE(x, 13) ^ ROTATE(x, 22))
#define BIG_SUM1(x) (ROTATE(x, 6) ^ ROTATE(x, 11) ^ ROTATE(x, 25))
#define SMALL_SUM0(x) (ROTATE(x, 7) ^ ROTATE(x, 18) ^ (x) >> 3)
#define SMALL_SUM1(x) (ROTATE(x, 17) ^ ROTATE(x, 19) ^ (x) >> 10)

INLINE words splat(uint32_t x) { return (words){0} + x; }

INLINE words swap_bytes(words x) {
    const words odd = ROTATE(x, 8) & 0xff00ff00u, even = ROTATE(x, 24) & 0x00ff00ffu;
    return odd | even;
}

/* Four by four words in each part of 128 bits change rows for columns. */
INLINE void transpose_quads(words q[4]) {
#if LANES == 8
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define HIGH(a, b) __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define LOW_PAIRS(a, b) (words) __builtin_shufflevector((pairs)(a), (pairs)(b), 0, 4, 2, 6)
#define HIGH_PAIRS(a, b) (words) __builtin_shufflevector((pairs)(a), (pairs)(b), 1, 5, 3, 7)
#else
#define LOW(a, b)                                                                                \
    __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define HIGH(a, b)                                                                               \
    __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define LOW_PAIRS(a, b)                                                                          \
    (words) __builtin_shufflevector((pairs)(a), (pairs)(b), 0, 8, 2, 10, 4, 12, 6, 14)
#define HIGH_PAIRS(a, b)                                                                         \
    (words) __builtin_shufflevector((pairs)(a), (pairs)(b), 1, 9, 3, 11, 5, 13, 7, 15)
#endif
    const words a = LOW(q[0], q[1]), b = HIGH(q[0], q[1]);
    const words c = LOW(q[2], q[3]), d = HIGH(q[2], q[3]);
    q[0] = LOW_PAIRS(a, c);
    q[1] = HIGH_PAIRS(a, c);
    q[2] = LOW_PAIRS(b, d);
    q[3] = HIGH_PAIRS(b, d);
#undef LOW
#undef HIGH
#undef LOW_PAIRS
#undef HIGH_PAIRS
}

/* Sixteen bytes of every fourth message, the first at `p`, side by side. */
INLINE words gather_quads(const uint8_t *p, size_t stride) {
    const quad a = *(const quad_at *)p, b = *(const quad_at *)(p + 4 * stride);
#if LANES == 8
    return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7);
#else
    const quad c = *(const quad_at *)(p + 8 * stride), d = *(const quad_at *)(p + 12 * stride);
    typedef uint32_t half __attribute__((vector_size(32)));
    const half low = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7);
    const half high = __builtin_shufflevector(c, d, 0, 1, 2, 3, 4, 5, 6, 7);
    return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
                                   15);
#endif
}

/* `count` words of every message, which lie `stride` bytes apart. */
INLINE void load_messages(words *w, size_t count, const uint8_t *messages, size_t stride) {
#pragma clang loop unroll(full)
    for (size_t i = 0; i < count; i += 4) {
#pragma clang loop unroll(full)
        for (size_t j = 0; j < 4; j++) {
            w[i + j] = gather_quads(messages + 4 * i + j * stride, stride);
        }
        transpose_quads(w + i);
#pragma clang loop unroll(full)
        for (size_t j = 0; j < 4; j++) {
            w[i + j] = swap_bytes(w[i + j]);
        }
    }
}

/* Writes the nodes of the first `active` lanes, `stride` bytes apart. */
INLINE void store_nodes(const words node[8], uint8_t *nodes, size_t stride, size_t active) {
    for (size_t half = 0; half < 8; half += 4) {
        words q[4];
        for (size_t j = 0; j < 4; j++) {
            q[j] = swap_bytes(node[half + j]);
        }
        transpose_quads(q);
        quad out[LANES];
        for (size_t j = 0; j < 4; j++) {
            out[j] = __builtin_shufflevector(q[j], q[j], 0, 1, 2, 3);
            out[j + 4] = __builtin_shufflevector(q[j], q[j], 4, 5, 6, 7);
#if LANES == 16
            out[j + 8] = __builtin_shufflevector(q[j], q[j], 8, 9, 10, 11);
            out[j + 12] = __builtin_shufflevector(q[j], q[j], 12, 13, 14, 15);
#endif
        }
        for (size_t s = 0; s < LANES && s < active; s++) {
            *(quad_at *)(nodes + s * stride + 4 * half) = out[s];
        }
    }
}

/* The 64 words of a block's schedule, each with its round's constant added. `w` is destroyed. */
INLINE void expand(words *schedule, words w[16]) {
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i++) {
        schedule[i] = w[i] + csealing_sha256_k[i];
    }
#pragma clang loop unroll(disable)
    for (int i = 16; i < 64; i += 16) {
#pragma clang loop unroll(full)
        for (int j = 0; j < 16; j++) {
            const words w15 = w[(j + 1) & 15], w2 = w[(j + 14) & 15];
            w[j] += SMALL_SUM0(w15) + w[(j + 9) & 15] + SMALL_SUM1(w2);
            schedule[i + j] = w[j] + csealing_sha256_k[i + j];
        }
    }
}

#define ROUND(a, b, c, d, e, f, g, h, word)                                                      \
    do {                                                                                         \
        const words t_ = h + (word) + CHOOSE(e, f, g) + BIG_SUM1(e);                             \
        d += t_;                                                                                 \
        const words major_ = MAJORITY(a, b, c, differ);                                          \
        differ = a ^ b;                                                                          \
        h = t_ + major_ + BIG_SUM0(a);                                                           \
    } while (0)

#define EIGHT_ROUNDS(word, i)                                                                    \
    do {                                                                                         \
        ROUND(a, b, c, d, e, f, g, h, word(i));                                                  \
        ROUND(h, a, b, c, d, e, f, g, word(i + 1));                                              \
        ROUND(g, h, a, b, c, d, e, f, word(i + 2));                                              \
        ROUND(f, g, h, a, b, c, d, e, word(i + 3));                                              \
        ROUND(e, f, g, h, a, b, c, d, word(i + 4));                                              \
        ROUND(d, e, f, g, h, a, b, c, word(i + 5));                                              \
        ROUND(c, d, e, f, g, h, a, b, word(i + 6));                                              \
        ROUND(b, c, d, e, f, g, h, a, word(i + 7));                                              \
    } while (0)

#define COMPRESS(state, word)                                                                    \
    do {                                                                                         \
        words a = state[0], b = state[1], c = state[2], d = state[3];                            \
        words e = state[4], f = state[5], g = state[6], h = state[7];                            \
        words differ = b ^ c;                                                                    \
        _Pragma("clang loop unroll(disable)") for (int i_ = 0; i_ < 64; i_ += 8) {               \
            EIGHT_ROUNDS(word, i_);                                                              \
        }                                                                                        \
        (void)differ;                                                                            \
        state[0] += a;                                                                           \
        state[1] += b;                                                                           \
        state[2] += c;                                                                           \
        state[3] += d;                                                                           \
        state[4] += e;                                                                           \
        state[5] += f;                                                                           \
        state[6] += g;                                                                           \
        state[7] += h;                                                                           \
    } while (0)

INLINE void compress(words state[8], const words *schedule) {
#define WORD(i) schedule[i]
    COMPRESS(state, WORD);
#undef WORD
}

/* The same with a schedule that all lanes share. */
INLINE void compress_shared(words state[8], const uint32_t *schedule) {
#define WORD(i) schedule[i]
    COMPRESS(state, WORD);
#undef WORD
}

INLINE void start(words state[8]) {
#pragma clang loop unroll(full)
    for (int i = 0; i < 8; i++) {
        state[i] = splat(csealing_sha256_start[i]);
    }
}

/* One row of a binary tree, as far as whole vectors go: the number of parents that it made. */
TARGET static size_t row_lanes(const uint8_t *children, uint8_t *parents, size_t count) {
    size_t done = 0;
    for (; count - done >= LANES; done += LANES) {
        words state[8], w[16], schedule[64];
        load_messages(w, 16, children + 64 * done, 64);
        start(state);
        expand(schedule, w);
        compress(state, schedule);
        compress_shared(state, csealing_sha256_padding64);
        state[7] &= 0xffffff3fu;
        store_nodes(state, parents + 32 * done, 32, LANES);
    }
    return done;
}

/* Loads the eight words of a label of `active` lanes, which lie `width` words apart. */
INLINE void load_label(words w[8], const uint8_t *label, size_t width, size_t active) {
    for (size_t i = 0; i < 8; i++) {
        const uint8_t *at = label + 4 * i * width;
        w[i] = active == LANES ? *(const words_at *)at : LOAD_SOME(at, active);
    }
}

INLINE void label_body(const csealing_lane_label *m, size_t active) {
    words state[8], w[16], kept[7][64];
    start(state);
    memset(w, 0, sizeof w);
    for (size_t i = 0; i < 8; i++) {
        w[i] = *(const words_at *)(m->replica_words + i * CSEALING_LANES_MAX);
    }
    w[8] = splat(m->layer);
    w[9] = splat((uint32_t)(m->node >> 32));
    w[10] = splat((uint32_t)m->node);
    expand(kept[0], w);
    compress(state, kept[0]);
    if (m->distinct == 0) {
        compress_shared(state, csealing_sha256_padding64);
    } else {
        for (size_t i = 0; i < m->distinct; i++) {
            load_label(w, m->parents[2 * i], m->width, active);
            load_label(w + 8, m->parents[2 * i + 1], m->width, active);
            expand(kept[i], w);
            compress(state, kept[i]);
        }
        for (size_t i = m->distinct, slot = 0; i < 18; i++) {
            compress(state, kept[slot]);
            slot = slot + 1 == m->distinct ? 0 : slot + 1;
        }
        load_label(w, m->parents[m->distinct == 3 ? 0 : 8], m->width, active);
        memset(w + 8, 0, 8 * sizeof *w);
        w[8] = splat(0x80000000u);
        w[15] = splat(CSEALING_LABEL_BITS);
        expand(kept[0], w);
        compress(state, kept[0]);
    }
    state[7] &= 0xffffff3fu;
    for (size_t i = 0; i < 8; i++) {
        uint8_t *at = m->label + 4 * i * m->width;
        if (active == LANES) {
            *(words_at *)at = state[i];
        } else {
            STORE_SOME(at, active, state[i]);
        }
    }
}

/* Labels one node of `active` sectors, LANES at most. */
TARGET static void label_lanes(const csealing_lane_label *m, size_t active) {
    if (active == LANES) {
        label_body(m, LANES);
    } else {
        label_body(m, active);
    }
}

/* Writes the label of `active` sectors as nodes, `stride` bytes apart. */
TARGET static void split_lanes(const uint8_t *label, size_t width, size_t active,
                               uint8_t *nodes, size_t stride) {
    words node[8];
    load_label(node, label, width, active);
    store_nodes(node, nodes, stride, active);
}
