/* SPDX-License-Identifier: Apache-2.0 */
#include "CSealing.h"
#include "internal/fr.h"

/* The scalar field over canonical nodes. Sums need no Montgomery form. */

size_t csealing_fr_first_invalid(const uint8_t *nodes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        fr a;
        fr_load_canonical(&a, nodes + 32 * i);
        if (!fr_is_canonical(&a)) {
            return i;
        }
    }
    return count;
}

int csealing_fr_canonical(const uint8_t *nodes, size_t count) {
    return csealing_fr_first_invalid(nodes, count) == count;
}

csealing_status csealing_encode(const uint8_t *key, const uint8_t *data, uint8_t *out,
                                size_t count) {
    for (size_t i = 0; i < 32 * count; i += 32) {
        fr k, d;
        fr_load_canonical(&k, key + i);
        fr_load_canonical(&d, data + i);
        if (!fr_is_canonical(&k) || !fr_is_canonical(&d)) {
            return CSEALING_NOT_CANONICAL;
        }
        fr_add(&k, &k, &d);
        fr_store_canonical(out + i, &k);
    }
    return CSEALING_OK;
}

csealing_status csealing_decode(const uint8_t *replica, const uint8_t *key, uint8_t *out,
                                size_t count) {
    for (size_t i = 0; i < 32 * count; i += 32) {
        fr r, k;
        fr_load_canonical(&r, replica + i);
        fr_load_canonical(&k, key + i);
        if (!fr_is_canonical(&r) || !fr_is_canonical(&k)) {
            return CSEALING_NOT_CANONICAL;
        }
        fr_sub(&r, &r, &k);
        fr_store_canonical(out + i, &r);
    }
    return CSEALING_OK;
}

csealing_status csealing_fr_multiply(const uint8_t *a, const uint8_t *b, uint8_t *out,
                                     size_t count) {
    for (size_t i = 0; i < 32 * count; i += 32) {
        fr x, y;
        if (!fr_load(&x, a + i) || !fr_load(&y, b + i)) {
            return CSEALING_NOT_CANONICAL;
        }
        fr_mul(&x, &x, &y);
        fr_store(out + i, &x);
    }
    return CSEALING_OK;
}

void csealing_fr_export(const uint64_t *words, uint8_t *nodes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        fr a;
        memcpy(&a, words + 4 * i, sizeof a);
        fr_store(nodes + 32 * i, &a);
    }
}
