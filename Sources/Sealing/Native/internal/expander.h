/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CSEALING_INTERNAL_EXPANDER_H
#define CSEALING_INTERNAL_EXPANDER_H

#include "../include/CSealing.h"

/* The eight edges of the expander that end in node v: its edges 8v .. 8v + 7 through the
 * permutation, walked until each is below 8 * nodes. */
typedef void (*csealing_edges_function)(const csealing_graph *g, uint64_t v, uint64_t edges[8]);

/* The widest vector version of a path, or NULL for one by one. */
csealing_edges_function csealing_expander_edges_for(csealing_path path);

#endif
