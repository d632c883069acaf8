/* SPDX-License-Identifier: Apache-2.0 */
#include "CSealing.h"
#include "internal/sha256.h"

#include <string.h>

/* SHA-256 of eight messages at a time with AVX2. */

#if defined(__x86_64__)

#include <immintrin.h>

#define LANES 8
#define TARGET __attribute__((target("avx2")))

static const int32_t first_lanes[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};

#define MASK(n) _mm256_loadu_si256((const __m256i *)(const void *)(first_lanes + 8 - (n)))
#define LOAD_SOME(p, n) (words) _mm256_maskload_epi32((const int *)(const void *)(p), MASK(n))
#define STORE_SOME(p, n, v) _mm256_maskstore_epi32((int *)(void *)(p), MASK(n), (__m256i)(v))
#define CHOOSE(x, y, z) ((z) ^ ((x) & ((y) ^ (z))))
/* x ^ y is y ^ z in the next round. */
#define MAJORITY(x, y, z, differ) ((y) ^ (((x) ^ (y)) & (differ)))

#include "internal/sha256_lanes.h"

static const csealing_lane_kernels kernels = {LANES, row_lanes, label_lanes, split_lanes};

const csealing_lane_kernels *csealing_sha256_avx2(void) { return &kernels; }

#else

const csealing_lane_kernels *csealing_sha256_avx2(void) { return NULL; }

#endif
