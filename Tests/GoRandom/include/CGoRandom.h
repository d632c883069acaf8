// SPDX-License-Identifier: Apache-2.0
#ifndef CGORANDOM_H
#define CGORANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Words of a generator's state. */
#define CGORANDOM_LENGTH 607

/* Draws `count` 32-bit words of Go's seeded generator and writes them little-endian. Part of the tests: in a
 * debug build of Swift the hundreds of millions of draws of the large payloads take minutes.
 * `feed` is the place that was written last, below CGORANDOM_LENGTH; `bytes` has 4 * count bytes. */
void cgorandom_draw(uint64_t state[CGORANDOM_LENGTH], size_t *feed, uint8_t *bytes, size_t count);

#endif
