/* SPDX-License-Identifier: Apache-2.0 */
#include "CSealing.h"

#include <string.h>

/* Fr32: the bits of a payload in order, least significant first, 254 to each 32-byte element.
 * Four elements hold 127 bytes exactly, so element k of a group starts 2k bits early:
 *
 *     group of 127 bytes   | 254 bits | 254 bits | 254 bits | 254 bits |
 *     group of 128 bytes   | 254 + 00 | 254 + 00 | 254 + 00 | 254 + 00 |
 */

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "words are read and written as they lie in memory, which must be little-endian"
#endif

static inline uint64_t load64(const uint8_t *in) {
    uint64_t word;
    memcpy(&word, in, 8);
    return word;
}

static inline void store64(uint8_t *out, uint64_t word) {
    memcpy(out, &word, 8);
}

/* The 254 bits from bit `shift` of `in` on. Two loads that overlap hold the 64 bits of a word. */
static inline void pad_element(const uint8_t *in, const int shift, uint8_t out[32]) {
    for (int j = 0; j < 3; j++) {
        store64(out + 8 * j, load64(in + 8 * j) >> shift | load64(in + 8 * j + 1) << (8 - shift));
    }
    /* With a shift of 2 the group ends with the word: its bits are all in the first load. */
    uint64_t last = load64(in + 24) >> shift;
    if (shift > 2) {
        last |= load64(in + 25) << (8 - shift);
    }
    store64(out + 24, last & 0x3fffffffffffffff);
}

static void pad_group(const uint8_t in[127], uint8_t out[128]) {
    pad_element(in, 0, out);
    pad_element(in + 31, 6, out + 32);
    pad_element(in + 63, 4, out + 64);
    pad_element(in + 95, 2, out + 96);
}

csealing_status csealing_fr32_pad(const uint8_t *data, size_t count, uint8_t *padded,
                                  size_t padded_count) {
    if (count > SIZE_MAX / 16 || padded_count != (8 * count + 253) / 254 * 32) {
        return CSEALING_INVALID_ARGUMENT;
    }
    for (; count >= 127; count -= 127, padded_count -= 128, data += 127, padded += 128) {
        pad_group(data, padded);
    }
    if (count > 0) {
        uint8_t in[127] = {0}, out[128];
        memcpy(in, data, count);
        pad_group(in, out);
        memcpy(padded, out, padded_count);
    }
    return CSEALING_OK;
}

/* Puts the 254 bits of an element behind the `shift` bits of `carry`.
 * Returns what does not fit in 32 bytes: the next element's carry. */
static inline uint64_t unpad_element(const uint8_t in[32], const int shift, uint64_t carry,
                                     uint8_t *out) {
    for (int j = 0; j < 4; j++) {
        uint64_t word = load64(in + 8 * j);
        if (j == 3) {
            word &= 0x3fffffffffffffff;
        }
        store64(out + 8 * j, word << shift | carry);
        carry = shift > 0 ? word >> (64 - shift) : 0;
    }
    return carry;
}

void csealing_fr32_unpad(const uint8_t *padded, uint8_t *data, size_t group_count) {
    for (; group_count > 0; group_count--, padded += 128, data += 127) {
        unpad_element(padded, 0, 0, data);
        /* The six bits above byte 31, written once more with the second element behind them. */
        uint64_t carry = padded[31] & 0x3f;
        carry = unpad_element(padded + 32, 6, carry, data + 31);
        carry = unpad_element(padded + 64, 4, carry, data + 63);
        unpad_element(padded + 96, 2, carry, data + 95);
    }
}
