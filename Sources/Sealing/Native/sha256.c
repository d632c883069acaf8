/* SPDX-License-Identifier: Apache-2.0 */
#include "CSealing.h"
#include "internal/sha256.h"

#include <string.h>

/* SHA-256 (FIPS 180-4): the portable compression function, the choice of another, and what is built
 * on whole blocks. */

const uint32_t csealing_sha256_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

const uint32_t csealing_sha256_start[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
    0x1f83d9ab, 0x5be0cd19};

/* The words of 0x80, zeros and the length 512, expanded. */
const uint32_t csealing_sha256_padding64[64] = {
    0xc28a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf374, 0x649b69c1, 0xf0fe4786,
    0x0fe1edc6, 0x240cf254, 0x4fe9346f, 0x6cc984be, 0x61b9411e, 0x16f988fa,
    0xf2c65152, 0xa88e5a6d, 0xb019fc65, 0xb9d99ec7, 0x9a1231c3, 0xe70eeaa0,
    0xfdb1232b, 0xc7353eb0, 0x3069bad5, 0xcb976d5f, 0x5a0f118f, 0xdc1eeefd,
    0x0a35b689, 0xde0b7a04, 0x58f4ca9d, 0xe15d5b16, 0x007f3e86, 0x37088980,
    0xa507ea32, 0x6fab9537, 0x17406110, 0x0d8cd6f1, 0xcdaa3b6d, 0xc0bbbe37,
    0x83613bda, 0xdb48a363, 0x0b02e931, 0x6fd15ca7, 0x521afaca, 0x31338431,
    0x6ed41a95, 0x6d437890, 0xc39c91f2, 0x9eccabbd, 0xb5c9a0e6, 0x532fb63c,
    0xd2c741c6, 0x07237ea3, 0xa4954b68, 0x4c191d76};

static inline uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

void csealing_sha256_blocks_portable(uint32_t hash[8], const uint8_t *data, size_t count) {
    for (; count > 0; count--, data += 64) {
        uint32_t w[16];
        for (int i = 0; i < 16; i++) {
            w[i] = csealing_load32be(data + 4 * i);
        }
        uint32_t a = hash[0], b = hash[1], c = hash[2], d = hash[3];
        uint32_t e = hash[4], f = hash[5], g = hash[6], h = hash[7];
        for (int i = 0; i < 64; i++) {
            if (i >= 16) {
                const uint32_t w15 = w[(i + 1) & 15], w2 = w[(i + 14) & 15];
                const uint32_t s0 = rotate(w15, 7) ^ rotate(w15, 18) ^ w15 >> 3;
                const uint32_t s1 = rotate(w2, 17) ^ rotate(w2, 19) ^ w2 >> 10;
                w[i & 15] += s0 + w[(i + 9) & 15] + s1;
            }
            const uint32_t sum1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
            const uint32_t t1 = h + sum1 + ((e & f) ^ (~e & g)) + csealing_sha256_k[i] + w[i & 15];
            const uint32_t sum0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
            const uint32_t t2 = sum0 + ((a & b) ^ (a & c) ^ (b & c));
            h = g;
            g = f;
            f = e;
            e = d + t1;
            d = c;
            c = b;
            b = a;
            a = t1 + t2;
        }
        hash[0] += a;
        hash[1] += b;
        hash[2] += c;
        hash[3] += d;
        hash[4] += e;
        hash[5] += f;
        hash[6] += g;
        hash[7] += h;
    }
}

static void chain_portable(const uint8_t *const *blocks, size_t count, uint8_t node[32]) {
    uint32_t hash[8];
    memcpy(hash, csealing_sha256_start, sizeof hash);
    for (size_t i = 0; i < count; i++) {
        csealing_sha256_blocks_portable(hash, blocks[i], 1);
    }
    csealing_store_trunc254(node, hash);
}

csealing_blocks_function csealing_blocks_for(csealing_path path) {
    const csealing_blocks_function fast =
        csealing_path_has(path, CSEALING_PATH_SHA_NI) ? csealing_sha256_blocks_x86() : NULL;
    return fast != NULL ? fast : csealing_sha256_blocks_portable;
}

csealing_chain_function csealing_chain_for(csealing_path path) {
    const csealing_chain_function fast =
        csealing_path_has(path, CSEALING_PATH_SHA_NI) ? csealing_sha256_chain_x86() : NULL;
    return fast != NULL ? fast : chain_portable;
}

csealing_streams_function csealing_streams_for(csealing_path path) {
    return csealing_path_has(path, CSEALING_PATH_SHA_NI) ? csealing_streams_x86() : NULL;
}

/* Fewer sectors than this leave so many of 16 lanes empty that streams are faster. */
#define WIDTH_FOR_AVX512 10

const csealing_lane_kernels *csealing_label_lanes_for(csealing_path path, size_t width) {
    const int streams = csealing_streams_for(path) != NULL;
    if (csealing_path_has(path, CSEALING_PATH_AVX512) &&
        width >= (streams ? WIDTH_FOR_AVX512 : 2)) {
        return csealing_sha256_avx512();
    }
    return !streams && width >= 2 && csealing_path_has(path, CSEALING_PATH_AVX2)
               ? csealing_sha256_avx2()
               : NULL;
}

void csealing_sha256_blocks(csealing_path path, uint32_t hash[8], const uint8_t *data,
                            size_t count) {
    csealing_blocks_for(path)(hash, data, count);
}

void csealing_sha256_init(csealing_sha256_state *state) {
    memset(state, 0, sizeof *state);
    memcpy(state->hash, csealing_sha256_start, sizeof state->hash);
}

void csealing_sha256_update(csealing_path path, csealing_sha256_state *state, const uint8_t *data,
                            size_t count) {
    const csealing_blocks_function blocks = csealing_blocks_for(path);
    size_t held = (size_t)(state->length & 63);
    state->length += count;
    if (held > 0) {
        const size_t take = count < 64 - held ? count : 64 - held;
        memcpy(state->pending + held, data, take);
        data += take;
        count -= take;
        if (held + take < 64) {
            return;
        }
        blocks(state->hash, state->pending, 1);
    }
    blocks(state->hash, data, count / 64);
    if ((count & 63) > 0) {
        memcpy(state->pending, data + (count & ~(size_t)63), count & 63);
    }
}

void csealing_sha256_final(csealing_path path, csealing_sha256_state *state, uint8_t digest[32]) {
    const csealing_blocks_function blocks = csealing_blocks_for(path);
    size_t held = (size_t)(state->length & 63);
    state->pending[held++] = 0x80;
    if (held > 56) {
        memset(state->pending + held, 0, 64 - held);
        blocks(state->hash, state->pending, 1);
        held = 0;
    }
    memset(state->pending + held, 0, 56 - held);
    csealing_store64be(state->pending + 56, state->length * 8);
    blocks(state->hash, state->pending, 1);
    for (int i = 0; i < 8; i++) {
        csealing_store32be(digest + 4 * i, state->hash[i]);
    }
}

void csealing_sha256(csealing_path path, const uint8_t *data, size_t count, uint8_t digest[32]) {
    csealing_sha256_state state;
    csealing_sha256_init(&state);
    csealing_sha256_update(path, &state, data, count);
    csealing_sha256_final(path, &state, digest);
}

size_t csealing_row_functions(csealing_path path,
                              csealing_row_function out[CSEALING_ROW_FUNCTIONS_MAX]) {
    size_t count = 0;
    if (csealing_path_has(path, CSEALING_PATH_AVX512)) {
        out[count++] = csealing_sha256_avx512()->row;
    }
    if (csealing_path_has(path, CSEALING_PATH_SHA_NI) && csealing_row_streams_x86() != NULL) {
        out[count++] = csealing_row_streams_x86();
    } else if (csealing_path_has(path, CSEALING_PATH_AVX2)) {
        out[count++] = csealing_sha256_avx2()->row;
    }
    return count;
}

void csealing_sha256_row(csealing_path path, const uint8_t *children, uint8_t *parents,
                         size_t count) {
    csealing_row_function fast[CSEALING_ROW_FUNCTIONS_MAX];
    const size_t fast_count = csealing_row_functions(path, fast);
    size_t done = 0;
    for (size_t i = 0; i < fast_count; i++) {
        done += fast[i](children + 64 * done, parents + 32 * done, count - done);
    }
    const csealing_chain_function chain = csealing_chain_for(path);
    uint8_t padding[64] = {0x80};
    csealing_store64be(padding + 56, 512);
    for (; done < count; done++) {
        const uint8_t *const blocks[2] = {children + 64 * done, padding};
        chain(blocks, 2, parents + 32 * done);
    }
}
