/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CSEALING_INTERNAL_BLAKE2B_H
#define CSEALING_INTERNAL_BLAKE2B_H

#include <stdint.h>

extern const uint64_t csealing_blake2b_start[8];

/* First little-endian word of the 64-byte BLAKE2b digest of a 16-byte message, given as two
 * little-endian words: the only use that the graph makes of it. */
uint64_t csealing_blake2b_first_word(uint64_t word0, uint64_t word1);

#endif
