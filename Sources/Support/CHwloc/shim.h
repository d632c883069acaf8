/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEALYARD_CHWLOC_SHIM_H
#define SEALYARD_CHWLOC_SHIM_H

#include <hwloc.h>

/* `attr` is a pointer to a union whose member depends on the type of the object; here the type is
 * checked beside the access. Each returns 0 for an object of another type. */

/* Bytes of memory of a NUMA node. */
static inline uint64_t chwloc_numa_node_bytes(hwloc_obj_t object) {
    if (object == NULL || object->type != HWLOC_OBJ_NUMANODE || object->attr == NULL) return 0;
    return object->attr->numanode.local_memory;
}

/* Bytes of a data or unified cache. */
static inline uint64_t chwloc_cache_bytes(hwloc_obj_t object) {
    if (object == NULL || !hwloc_obj_type_is_dcache(object->type) || object->attr == NULL) return 0;
    return object->attr->cache.size;
}

/* The number that hwloc gives to an object that the operating system does not number. The macro itself,
 * (unsigned)-1, imports into Swift as a literal that overflows. */
static inline unsigned chwloc_unknown_index(void) { return HWLOC_UNKNOWN_INDEX; }

/* The macro against which the package was built, to be compared with hwloc_get_api_version(). */
static inline unsigned chwloc_built_api_version(void) { return HWLOC_API_VERSION; }

#endif
