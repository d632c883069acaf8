/* SPDX-License-Identifier: Apache-2.0 */
#include "CSealing.h"

#include <string.h>

/* Fr32: the bits of a payload in order, least significant first, 254 to each 32-byte element.
 * Four elements hold 127 bytes exactly, so element k of a group starts 2k bits early:
 *
 *     group of 127 bytes   | 254 bits | 254 bits | 254 bits | 254 bits |
 *     group of 128 bytes   | 254 + 00 | 254 + 00 | 254 + 00 | 254 + 00 |
 */

static void pad_group(const uint8_t in[127], uint8_t out[128]) {
    memcpy(out, in, 31);
    out[31] = in[31] & 0x3f;
    for (int j = 0; j < 32; j++) {
        out[32 + j] = (uint8_t)(in[31 + j] >> 6 | in[32 + j] << 2);
    }
    out[63] &= 0x3f;
    for (int j = 0; j < 32; j++) {
        out[64 + j] = (uint8_t)(in[63 + j] >> 4 | in[64 + j] << 4);
    }
    out[95] &= 0x3f;
    for (int j = 0; j < 31; j++) {
        out[96 + j] = (uint8_t)(in[95 + j] >> 2 | in[96 + j] << 6);
    }
    out[127] = in[126] >> 2;
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

void csealing_fr32_unpad(const uint8_t *padded, uint8_t *data, size_t group_count) {
    for (; group_count > 0; group_count--, padded += 128, data += 127) {
        memcpy(data, padded, 31);
        data[31] = (uint8_t)((padded[31] & 0x3f) | padded[32] << 6);
        for (int j = 0; j < 31; j++) {
            const uint8_t next = padded[33 + j];
            data[32 + j] = (uint8_t)(padded[32 + j] >> 2 | next << 6);
        }
        data[63] = (uint8_t)((padded[63] & 0x3f) >> 2 | padded[64] << 4);
        for (int j = 0; j < 31; j++) {
            data[64 + j] = (uint8_t)(padded[64 + j] >> 4 | padded[65 + j] << 4);
        }
        data[95] = (uint8_t)((padded[95] & 0x3f) >> 4 | padded[96] << 2);
        for (int j = 0; j < 31; j++) {
            const uint8_t next = j < 30 ? padded[97 + j] : (uint8_t)(padded[127] & 0x3f);
            data[96 + j] = (uint8_t)(padded[96 + j] >> 6 | next << 2);
        }
    }
}
