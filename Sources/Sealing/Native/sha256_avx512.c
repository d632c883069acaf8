/* SPDX-License-Identifier: Apache-2.0 */
#include "CSealing.h"
#include "internal/sha256.h"

#include <string.h>

/* SHA-256 of sixteen messages at a time with AVX-512, which rotates in one instruction and has any
 * function of three words in another. */

#if defined(__x86_64__)

#include <immintrin.h>

#define LANES 16
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl")))
#define MASK(n) ((__mmask16)((1u << (n)) - 1))
#define LOAD_SOME(p, n) (words) _mm512_maskz_loadu_epi32(MASK(n), (p))
#define STORE_SOME(p, n, v) _mm512_mask_storeu_epi32((p), MASK(n), (__m512i)(v))
#define TERNARY(x, y, z, table)                                                                  \
    (words) _mm512_ternarylogic_epi32((__m512i)(x), (__m512i)(y), (__m512i)(z), table)
#define CHOOSE(x, y, z) TERNARY(x, y, z, 0xca)
#define MAJORITY(x, y, z, differ) TERNARY(x, y, z, 0xe8)

#include "internal/sha256_lanes.h"

static const csealing_lane_kernels kernels = {LANES, row_lanes, label_lanes, split_lanes};

const csealing_lane_kernels *csealing_sha256_avx512(void) { return &kernels; }

#else

const csealing_lane_kernels *csealing_sha256_avx512(void) { return NULL; }

#endif
