/* SPDX-License-Identifier: Apache-2.0 */
#include "CSealing.h"
typedef int csealing_translation_unit_not_empty;
