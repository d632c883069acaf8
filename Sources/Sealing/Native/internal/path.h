/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CSEALING_INTERNAL_PATH_H
#define CSEALING_INTERNAL_PATH_H

#include "CSealing.h"

/* Whether a call on `path` may run the instructions that `level` adds: they are not above the path, and
 * the processor has them. */
int csealing_path_has(csealing_path path, csealing_path level);

#endif
