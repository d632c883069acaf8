/* SPDX-License-Identifier: Apache-2.0 */
#include "CSealing.h"

/* The source of the OpenCL kernels, so that a binary needs no files beside it. */

#if defined(__clang__)
#pragma clang diagnostic ignored "-Wc23-extensions"
#endif

static const char poseidon_source[] = {
#embed "../OpenCL/poseidon.cl"
};

const char *csealing_opencl_poseidon_source(size_t *count) {
    *count = sizeof poseidon_source;
    return poseidon_source;
}
