/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CSEALING_INTERNAL_CHACHA_H
#define CSEALING_INTERNAL_CHACHA_H

#include <stdint.h>

/* Sets constants and key; counter and nonce (words 12 to 15) become 0. */
void csealing_chacha_state(uint32_t state[16], const uint8_t key[32]);

/* One keystream block as 16 words. */
void csealing_chacha_core(uint32_t rounds, const uint32_t state[16], uint32_t out[16]);

#endif
