/* SPDX-License-Identifier: Apache-2.0 */
#include "CKernel.h"
typedef int ckernel_translation_unit_not_empty;
