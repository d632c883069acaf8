/* SPDX-License-Identifier: Apache-2.0 */
#include "CSealing.h"
#include "internal/chacha.h"

#include <string.h>

/* ChaCha with 8 or 20 rounds. */

static inline uint32_t rotate(uint32_t x, int n) { return x << n | x >> (32 - n); }

#define QUARTER(a, b, c, d)                                                                      \
    do {                                                                                         \
        x[a] += x[b];                                                                            \
        x[d] = rotate(x[d] ^ x[a], 16);                                                          \
        x[c] += x[d];                                                                            \
        x[b] = rotate(x[b] ^ x[c], 12);                                                          \
        x[a] += x[b];                                                                            \
        x[d] = rotate(x[d] ^ x[a], 8);                                                           \
        x[c] += x[d];                                                                            \
        x[b] = rotate(x[b] ^ x[c], 7);                                                           \
    } while (0)

void csealing_chacha_core(uint32_t rounds, const uint32_t state[16], uint32_t out[16]) {
    uint32_t x[16];
    memcpy(x, state, sizeof x);
    for (uint32_t i = 0; i < rounds; i += 2) {
        QUARTER(0, 4, 8, 12);
        QUARTER(1, 5, 9, 13);
        QUARTER(2, 6, 10, 14);
        QUARTER(3, 7, 11, 15);
        QUARTER(0, 5, 10, 15);
        QUARTER(1, 6, 11, 12);
        QUARTER(2, 7, 8, 13);
        QUARTER(3, 4, 9, 14);
    }
    for (int i = 0; i < 16; i++) {
        out[i] = x[i] + state[i];
    }
}

void csealing_chacha_state(uint32_t state[16], const uint8_t key[32]) {
    state[0] = 0x61707865;
    state[1] = 0x3320646e;
    state[2] = 0x79622d32;
    state[3] = 0x6b206574;
    for (int i = 0; i < 8; i++) {
        const uint8_t *p = key + 4 * i;
        state[4 + i] =
            p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    }
    memset(state + 12, 0, 16);
}

csealing_status csealing_chacha(uint32_t rounds, const uint8_t key[32],
                                const uint32_t counter_nonce[4], uint32_t wide_counter,
                                uint8_t *stream, size_t block_count) {
    if (rounds != 8 && rounds != 20) {
        return CSEALING_INVALID_ARGUMENT;
    }
    uint32_t state[16], out[16];
    csealing_chacha_state(state, key);
    memcpy(state + 12, counter_nonce, 16);
    for (; block_count > 0; block_count--, stream += 64) {
        csealing_chacha_core(rounds, state, out);
        for (int i = 0; i < 16; i++) {
            stream[4 * i] = (uint8_t)out[i];
            stream[4 * i + 1] = (uint8_t)(out[i] >> 8);
            stream[4 * i + 2] = (uint8_t)(out[i] >> 16);
            stream[4 * i + 3] = (uint8_t)(out[i] >> 24);
        }
        if (++state[12] == 0 && wide_counter != 0) {
            state[13]++;
        }
    }
    return CSEALING_OK;
}
