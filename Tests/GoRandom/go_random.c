// SPDX-License-Identifier: Apache-2.0
#include "CGoRandom.h"

enum { TAP = 273 };

void cgorandom_draw(uint64_t state[CGORANDOM_LENGTH], size_t *feed, uint8_t *bytes, size_t count) {
    size_t to = *feed;
    for (size_t i = 0; i < count; i++) {
        to = to == 0 ? CGORANDOM_LENGTH - 1 : to - 1;
        /* The tap runs TAP places behind the feed, backwards like it. */
        size_t from = to + TAP < CGORANDOM_LENGTH ? to + TAP : to + TAP - CGORANDOM_LENGTH;
        state[to] += state[from];
        uint32_t word = (uint32_t)(state[to] << 1 >> 32);
        for (int byte = 0; byte < 4; byte++) {
            bytes[4 * i + byte] = (uint8_t)(word >> 8 * byte);
        }
    }
    *feed = to;
}
