/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CSEALING_HOST_H
#define CSEALING_HOST_H

#include <stddef.h>
#include <stdint.h>

/* Memory and files as only the operating system gives them. Each function that returns int gives 0 or
 * an errno; ENOSYS where the system has no such thing. None of them touches errno. */

/* Maps `count` zero bytes, readable and writable, aligned to the page size. `page_bits` is 21 or 30
 * for huge pages out of the system's pool, which must hold enough free ones, or 0 for ordinary pages,
 * of which the system is asked to make large ones where it can. `count` is a multiple of the page. */
int csealing_host_map(size_t count, uint32_t page_bits, void **at);
int csealing_host_unmap(void *at, size_t count);

/* Says on which NUMA node (0 to 1023) pages of the range that are not there yet are taken; `strict`
 * not 0: only there, else there first. */
int csealing_host_bind(void *at, size_t count, uint32_t node, uint32_t strict);

/* Makes all pages of the range present now; an error where touching one would kill the process. */
int csealing_host_populate(void *at, size_t count);

/* Makes the whole of the empty file `to` share the blocks of `from`. */
int csealing_host_clone_file(int to, int from);

/* Copies up to `count` bytes inside the file system; `*done` gets how many, 0 at the end. */
int csealing_host_copy_range(int to, int from, uint64_t offset, size_t count, size_t *done);

/* Starts writing a range of a file to the disk; `waits` not 0: returns when it is written. It is
 * about time, not about safety: only a sync makes a file durable. */
int csealing_host_write_back(int file, uint64_t offset, uint64_t count, uint32_t waits);

/* Says that a range of a file will be read soon. */
void csealing_host_read_ahead(int file, uint64_t offset, uint64_t count);

/* Takes room on the disk for `count` bytes of a file. */
int csealing_host_reserve(int file, uint64_t count);

/* Sleeps. */
void csealing_host_pause(uint32_t microseconds);

#endif
