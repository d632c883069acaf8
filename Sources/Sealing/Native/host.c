/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "CSealingHost.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#if defined(__linux__)
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#endif

/* What the kernel calls them; older C libraries lack the names. */
#define MEMORY_POLICY_PREFERRED 1
#define MEMORY_POLICY_BIND 2
#define ADVICE_POPULATE_WRITE 23
#define HUGE_SHIFT 26

#define NODE_COUNT 1024
#define LARGE_PAGE ((size_t)1 << 21)

/* The result of a call that returns -1, and errno as it was before. */
static int number(long result, int before) {
    const int n = result == -1 ? errno : 0;
    errno = before;
    return n;
}

static void *map(size_t count, int flags) {
    return mmap(NULL, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

int csealing_host_map(size_t count, uint32_t page_bits, void **at) {
    const int before = errno;
    if (page_bits != 0) {
#if defined(__linux__)
        void *huge = map(count, MAP_HUGETLB | (int)(page_bits << HUGE_SHIFT));
        if (huge == MAP_FAILED) {
            return number(-1, before);
        }
        *at = huge;
        return 0;
#else
        return ENOSYS;
#endif
    }
    /* Large pages need an aligned range: map one more and give back what is over at both ends. */
    const size_t extra = count >= LARGE_PAGE ? LARGE_PAGE : 0;
    uint8_t *whole = map(count + extra, 0);
    if (whole == MAP_FAILED) {
        return number(-1, before);
    }
    if (extra != 0) {
        const size_t head = (LARGE_PAGE - (uintptr_t)whole % LARGE_PAGE) % LARGE_PAGE;
        if (head > 0) {
            munmap(whole, head);
        }
        if (extra > head) {
            munmap(whole + head + count, extra - head);
        }
        whole += head;
#if defined(__linux__)
        /* A wish: a kernel without large pages gives small ones. */
        madvise(whole, count, MADV_HUGEPAGE);
#endif
    }
    *at = whole;
    errno = before;
    return 0;
}

int csealing_host_unmap(void *at, size_t count) {
    const int before = errno;
    return number(munmap(at, count), before);
}

int csealing_host_bind(void *at, size_t count, uint32_t node, uint32_t strict) {
    if (node >= NODE_COUNT) {
        return EINVAL;
    }
#if defined(__linux__)
    const int before = errno;
    const size_t bits = 8 * sizeof(unsigned long);
    unsigned long mask[NODE_COUNT / (8 * sizeof(unsigned long))] = {0};
    mask[node / bits] = 1UL << (node % bits);
    const int policy = strict ? MEMORY_POLICY_BIND : MEMORY_POLICY_PREFERRED;
    /* The kernel looks at one bit less than it is told. */
    const unsigned long bits_told = NODE_COUNT + 1;
    return number(syscall(SYS_mbind, at, count, policy, mask, bits_told, 0), before);
#else
    (void)at, (void)count, (void)strict;
    return ENOSYS;
#endif
}

int csealing_host_populate(void *at, size_t count) {
#if defined(__linux__)
    const int before = errno;
    return number(madvise(at, count, ADVICE_POPULATE_WRITE), before);
#else
    (void)at, (void)count;
    return ENOSYS;
#endif
}

int csealing_host_clone_file(int to, int from) {
#if defined(__linux__)
    const int before = errno;
    return number(ioctl(to, FICLONE, from), before);
#else
    (void)to, (void)from;
    return ENOSYS;
#endif
}

int csealing_host_copy_range(int to, int from, uint64_t offset, size_t count, size_t *done) {
    *done = 0;
#if defined(__linux__)
    const int before = errno;
    off_t in = (off_t)offset, out = (off_t)offset;
    const ssize_t copied = copy_file_range(from, &in, to, &out, count, 0);
    if (copied >= 0) {
        *done = (size_t)copied;
    }
    return number(copied, before);
#else
    (void)to, (void)from, (void)offset, (void)count;
    return ENOSYS;
#endif
}

int csealing_host_write_back(int file, uint64_t offset, uint64_t count, uint32_t waits) {
#if defined(__linux__)
    const int before = errno;
    const unsigned wait = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WAIT_AFTER;
    return number(sync_file_range(file, (off_t)offset, (off_t)count,
                                  SYNC_FILE_RANGE_WRITE | (waits ? wait : 0)),
                  before);
#else
    (void)file, (void)offset, (void)count, (void)waits;
    return ENOSYS;
#endif
}

void csealing_host_read_ahead(int file, uint64_t offset, uint64_t count) {
#if defined(__linux__)
    /* Advice: where it is not taken, the read that follows waits for the disk. */
    posix_fadvise(file, (off_t)offset, (off_t)count, POSIX_FADV_WILLNEED);
#else
    (void)file, (void)offset, (void)count;
#endif
}

int csealing_host_reserve(int file, uint64_t count) {
#if defined(__linux__)
    const int before = errno;
    return number(fallocate(file, 0, 0, (off_t)count), before);
#else
    (void)file, (void)count;
    return ENOSYS;
#endif
}

void csealing_host_pause(uint32_t microseconds) {
    const int before = errno;
    const struct timespec time = {microseconds / 1000000, (long)(microseconds % 1000000) * 1000};
    nanosleep(&time, NULL);
    errno = before;
}
