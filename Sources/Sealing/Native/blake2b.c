/* SPDX-License-Identifier: Apache-2.0 */
#include "CSealing.h"
#include "internal/blake2b.h"
#include "internal/fr.h"

#include <string.h>

/* BLAKE2b (RFC 7693). */

const uint64_t csealing_blake2b_start[8] = {
    0x6a09e667f3bcc908ULL, 0xbb67ae8584caa73bULL, 0x3c6ef372fe94f82bULL, 0xa54ff53a5f1d36f1ULL,
    0x510e527fade682d1ULL, 0x9b05688c2b3e6c1fULL, 0x1f83d9abfb41bd6bULL, 0x5be0cd19137e2179ULL};

static const uint8_t sigma[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

static inline uint64_t rotate(uint64_t x, int n) { return x >> n | x << (64 - n); }

#define MIX(a, b, c, d, x, y)                                                                    \
    do {                                                                                         \
        v[a] += v[b] + (x);                                                                      \
        v[d] = rotate(v[d] ^ v[a], 32);                                                          \
        v[c] += v[d];                                                                            \
        v[b] = rotate(v[b] ^ v[c], 24);                                                          \
        v[a] += v[b] + (y);                                                                      \
        v[d] = rotate(v[d] ^ v[a], 16);                                                          \
        v[c] += v[d];                                                                            \
        v[b] = rotate(v[b] ^ v[c], 63);                                                          \
    } while (0)

/* `low` is the byte count so far; a message of 2^64 bytes cannot be given. */
static void compress(uint64_t h[8], const uint64_t m[16], uint64_t low, uint64_t last) {
    uint64_t v[16];
    memcpy(v, h, 64);
    memcpy(v + 8, csealing_blake2b_start, 64);
    v[12] ^= low;
    v[14] ^= last;
    for (int r = 0; r < 12; r++) {
        const uint8_t *s = sigma[r % 10];
        MIX(0, 4, 8, 12, m[s[0]], m[s[1]]);
        MIX(1, 5, 9, 13, m[s[2]], m[s[3]]);
        MIX(2, 6, 10, 14, m[s[4]], m[s[5]]);
        MIX(3, 7, 11, 15, m[s[6]], m[s[7]]);
        MIX(0, 5, 10, 15, m[s[8]], m[s[9]]);
        MIX(1, 6, 11, 12, m[s[10]], m[s[11]]);
        MIX(2, 7, 8, 13, m[s[12]], m[s[13]]);
        MIX(3, 4, 9, 14, m[s[14]], m[s[15]]);
    }
    for (int i = 0; i < 8; i++) {
        h[i] ^= v[i] ^ v[i + 8];
    }
}

uint64_t csealing_blake2b_first_word(uint64_t word0, uint64_t word1) {
    uint64_t h[8];
    const uint64_t m[16] = {word0, word1};
    memcpy(h, csealing_blake2b_start, sizeof h);
    h[0] ^= 0x01010000 ^ 64;
    compress(h, m, 16, ~0ULL);
    return h[0];
}

static void compress_bytes(uint64_t h[8], const uint8_t block[128], uint64_t low, uint64_t last) {
    uint64_t m[16];
    for (int i = 0; i < 16; i++) {
        m[i] = csealing_load64le(block + 8 * i);
    }
    compress(h, m, low, last);
}

csealing_status csealing_blake2b(uint8_t *digest, size_t digest_count, const uint8_t *key,
                                 size_t key_count, const uint8_t *data, size_t count) {
    if (digest_count < 1 || digest_count > 64 || key_count > 64) {
        return CSEALING_INVALID_ARGUMENT;
    }
    uint64_t h[8];
    uint64_t low = 0;
    memcpy(h, csealing_blake2b_start, sizeof h);
    h[0] ^= 0x01010000 ^ ((uint64_t)key_count << 8) ^ (uint64_t)digest_count;
    uint8_t block[128];
    if (key_count > 0) {
        memset(block, 0, sizeof block);
        memcpy(block, key, key_count);
        low = 128;
        compress_bytes(h, block, low, count == 0 ? ~0ULL : 0);
    }
    if (count > 0 || key_count == 0) {
        while (count > 128) {
            low += 128;
            compress_bytes(h, data, low, 0);
            data += 128;
            count -= 128;
        }
        memset(block, 0, sizeof block);
        if (count > 0) {
            memcpy(block, data, count);
        }
        compress_bytes(h, block, low + count, ~0ULL);
    }
    uint8_t out[64];
    for (int i = 0; i < 8; i++) {
        csealing_store64le(out + 8 * i, h[i]);
    }
    memcpy(digest, out, digest_count);
    return CSEALING_OK;
}
