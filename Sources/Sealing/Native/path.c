/* SPDX-License-Identifier: Apache-2.0 */
#include "CSealing.h"
#include "internal/expander.h"
#include "internal/path.h"
#include "internal/poseidon.h"
#include "internal/sha256.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Which instructions the processor has, and which of them may be used. */

/* The path that AUTO stands for; a bit for each path that the processor has. */
static _Atomic uint32_t chosen = CSEALING_PATH_PORTABLE;
static uint32_t available = 1u << CSEALING_PATH_PORTABLE;

static csealing_path best(void) {
    for (uint32_t path = CSEALING_PATH_AVX512; path > CSEALING_PATH_PORTABLE; path--) {
        if ((available >> path & 1) != 0) {
            return (csealing_path)path;
        }
    }
    return CSEALING_PATH_PORTABLE;
}

int csealing_path_available(csealing_path path) {
    return path == CSEALING_PATH_AUTO || (path <= CSEALING_PATH_AVX512 && (available >> path & 1));
}

csealing_path csealing_path_selected(void) {
    return (csealing_path)atomic_load_explicit(&chosen, memory_order_relaxed);
}

csealing_status csealing_path_use(csealing_path path) {
    if (!csealing_path_available(path)) {
        return CSEALING_NO_SUCH_PATH;
    }
    atomic_store(&chosen, path == CSEALING_PATH_AUTO ? best() : path);
    return CSEALING_OK;
}

int csealing_path_has(csealing_path path, csealing_path level) {
    const csealing_path limit = path == CSEALING_PATH_AUTO ? csealing_path_selected() : path;
    return level <= limit && csealing_path_available(level);
}

const char *csealing_kernel_name(csealing_path path, csealing_kernel kernel) {
    csealing_row_function rows[CSEALING_ROW_FUNCTIONS_MAX];
    const char *lanes512 = "avx512", *sha = "sha-ni", *lanes256 = "avx2", *plain = "portable";
    const csealing_lane_kernels *lanes = csealing_label_lanes_for(path, CSEALING_BATCH_MAX);
    switch (kernel) {
    case CSEALING_KERNEL_SHA256:
        return csealing_blocks_for(path) == csealing_sha256_blocks_portable ? plain : sha;
    case CSEALING_KERNEL_SHA256_ROW:
        if (csealing_row_functions(path, rows) == 0) {
            return csealing_kernel_name(path, CSEALING_KERNEL_SHA256);
        }
        return rows[0] == csealing_row_streams_x86() ? sha
               : csealing_path_has(path, CSEALING_PATH_AVX512) ? lanes512
                                                               : lanes256;
    case CSEALING_KERNEL_LABELS:
        if (lanes == NULL) {
            return csealing_kernel_name(path, CSEALING_KERNEL_SHA256);
        }
        return lanes->lanes == 16 ? lanes512 : lanes256;
    case CSEALING_KERNEL_POSEIDON:
        return csealing_poseidon_name(path);
    case CSEALING_KERNEL_PARENTS:
        return csealing_expander_edges_for(path) == NULL              ? plain
               : csealing_path_has(path, CSEALING_PATH_AVX512) ? lanes512
                                                               : lanes256;
    }
    return plain;
}

#if defined(__x86_64__)

#include <cpuid.h>

static void find_paths(void) {
    unsigned a, b, c, d;
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2")) {
        available |= 1u << CSEALING_PATH_AVX2;
    }
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 29)) != 0 &&
        __builtin_cpu_supports("sse4.1")) {
        available |= 1u << CSEALING_PATH_SHA_NI;
    }
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
        available |= 1u << CSEALING_PATH_AVX512;
    }
}

#else

static void find_paths(void) {}

#endif

/* Before main, and before any other constructor of ours would hash: none does. */
__attribute__((constructor)) static void choose_path(void) {
    static const char *const names[] = {"automatic", "portable", "avx2", "sha-ni", "avx512"};
    const char *wish = getenv("SEALYARD_PATH");
    find_paths();
    (void)csealing_path_use(CSEALING_PATH_AUTO);
    if (wish == NULL) {
        return;
    }
    for (uint32_t path = 0; path < 5; path++) {
        if (strcmp(wish, names[path]) == 0) {
            if (csealing_path_use((csealing_path)path) == CSEALING_OK) {
                return;
            }
            fprintf(stderr, "SEALYARD_PATH=%s: this processor lacks these instructions\n", wish);
            _Exit(2);
        }
    }
    fprintf(stderr,
            "SEALYARD_PATH=%s: choose automatic, portable, avx2, sha-ni or avx512\n", wish);
    _Exit(2);
}
