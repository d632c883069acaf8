/* SPDX-License-Identifier: Apache-2.0 */
#include "CSealing.h"
#include "internal/label.h"

#include <stdatomic.h>

#if defined(__x86_64__)
#include <immintrin.h>
#define RELAX() _mm_pause()
#else
#define RELAX() ((void)0)
#endif

/* Labels gathered ahead. The chain of compressions is one thread's; what others can do for it is to
 * wait for memory. They copy the parents' labels into a ring, whole lines in the order of use, and
 * mark those that are not computed yet: the hasher has these in its own cache, because they are
 * its latest. */

#define BLOCK_NODES CSEALING_RING_BLOCK_NODES
/* 16 blocks are 0.6 ms ahead of the hasher, and 512 KiB. */
#define BLOCK_COUNT 16
/* Labels between two announcements of the hasher, and between two looks of a gatherer. */
#define STRIDE 8
/* Empty turns before a thread that waits sleeps: some 50 us. */
#define SPIN_COUNT 1000
#define SLEEP_MICROSECONDS 20

typedef struct entry {
    uint8_t labels[CSEALING_DEGREE * 32];
    uint32_t base[CSEALING_BASE_DEGREE];
    uint32_t missing; /* bit j: the label of base[j] is the hasher's to fetch */
    uint8_t unused[36];
} entry;

_Static_assert(sizeof(entry) == 512, "entries are whole cache lines");

struct csealing_ring {
    /* Constant within a layer. */
    uint64_t nodes;
    const uint8_t *previous;
    const uint8_t *current;
    uint32_t layer;
    atomic_uint stopped;
    /* Labels that are complete: written by the hasher. */
    _Alignas(64) atomic_ullong done;
    /* The first block that no one has claimed. */
    _Alignas(64) atomic_ullong next;
    /* Block number + 1 of what each place of the ring holds. */
    _Alignas(64) atomic_ullong ready[BLOCK_COUNT];
    _Alignas(64) entry entries[BLOCK_COUNT][BLOCK_NODES];
};

size_t csealing_ring_bytes(void) { return sizeof(csealing_ring); }

void csealing_ring_start(csealing_ring *ring, uint32_t layer, uint64_t nodes,
                         const uint8_t *previous, const uint8_t *current) {
    ring->nodes = nodes;
    ring->previous = previous;
    ring->current = current;
    ring->layer = layer;
    atomic_store(&ring->stopped, 0);
    atomic_store(&ring->done, 0);
    atomic_store(&ring->next, 0);
    for (int i = 0; i < BLOCK_COUNT; i++) {
        atomic_store(&ring->ready[i], 0);
    }
}

void csealing_ring_stop(csealing_ring *ring) { atomic_store(&ring->stopped, 1); }

static int is_stopped(csealing_ring *ring) {
    return atomic_load_explicit(&ring->stopped, memory_order_relaxed) != 0;
}

static void wait_turn(uint32_t *turns) {
    if (++*turns < SPIN_COUNT) {
        RELAX();
    } else {
        csealing_host_pause(SLEEP_MICROSECONDS);
    }
}

static uint64_t block_end(const csealing_ring *ring, uint64_t block) {
    const uint64_t end = (block + 1) * BLOCK_NODES;
    return end < ring->nodes ? end : ring->nodes;
}

csealing_turn csealing_ring_claim(csealing_ring *ring, uint64_t *block) {
    uint32_t turns = 0;
    unsigned long long next = atomic_load_explicit(&ring->next, memory_order_relaxed);
    for (;;) {
        if (is_stopped(ring)) {
            return CSEALING_TURN_STOPPED;
        }
        if (next * BLOCK_NODES >= ring->nodes) {
            return CSEALING_TURN_NONE;
        }
        /* The place is free once the hasher is done with the block that it held. */
        const uint64_t done = atomic_load_explicit(&ring->done, memory_order_acquire);
        if (next >= done / BLOCK_NODES + BLOCK_COUNT) {
            wait_turn(&turns);
            next = atomic_load_explicit(&ring->next, memory_order_relaxed);
        } else if (atomic_compare_exchange_weak(&ring->next, &next, next + 1)) {
            *block = next;
            return CSEALING_TURN_TAKEN;
        }
    }
}

csealing_turn csealing_ring_take(csealing_ring *ring, uint64_t block) {
    unsigned long long next = block;
    return atomic_compare_exchange_strong(&ring->next, &next, next + 1) ? CSEALING_TURN_TAKEN
                                                                        : CSEALING_TURN_NONE;
}

void csealing_ring_done(csealing_ring *ring, uint64_t block) {
    atomic_store_explicit(&ring->done, block_end(ring, block), memory_order_release);
}

/* Parents are fetched this many nodes ahead of their copying: memory answers many at once. */
#define AHEAD 8

static void fetch(const csealing_ring *ring, const uint32_t *parents, uint64_t done) {
    for (int j = 0; j < CSEALING_BASE_DEGREE; j++) {
        if (parents[j] < done) {
            __builtin_prefetch(ring->current + 32 * (uint64_t)parents[j]);
        }
    }
    for (int j = CSEALING_BASE_DEGREE; ring->layer > 1 && j < CSEALING_DEGREE; j++) {
        if (parents[j] < ring->nodes) {
            __builtin_prefetch(ring->previous + 32 * (uint64_t)parents[j]);
        }
    }
}

csealing_turn csealing_ring_fill(csealing_ring *ring, uint64_t block, const uint32_t *parents) {
    entry *const entries = ring->entries[block % BLOCK_COUNT];
    const uint64_t first = block * BLOCK_NODES, end = block_end(ring, block);
    uint64_t done = atomic_load_explicit(&ring->done, memory_order_acquire);
    for (uint64_t v = first; v < end && v < first + AHEAD; v++) {
        fetch(ring, parents + (v - first) * CSEALING_DEGREE, done);
    }
    for (uint64_t v = first; v < end; v++, parents += CSEALING_DEGREE) {
        entry *const e = &entries[v - first];
        if (v % STRIDE == 0) {
            done = atomic_load_explicit(&ring->done, memory_order_acquire);
        }
        if (v + AHEAD < end) {
            fetch(ring, parents + AHEAD * CSEALING_DEGREE, done);
        }
        e->missing = 0;
        for (int j = 0; j < CSEALING_BASE_DEGREE; j++) {
            const uint64_t parent = parents[j];
            if (parent >= v && v > 0) {
                return CSEALING_TURN_INVALID;
            }
            e->base[j] = (uint32_t)parent;
            if (parent < done) {
                memcpy(e->labels + 32 * j, ring->current + 32 * parent, 32);
            } else {
                e->missing |= 1u << j;
            }
        }
        for (int j = CSEALING_BASE_DEGREE; ring->layer > 1 && j < CSEALING_DEGREE; j++) {
            if (parents[j] >= ring->nodes) {
                return CSEALING_TURN_INVALID;
            }
            memcpy(e->labels + 32 * j, ring->previous + 32 * (uint64_t)parents[j], 32);
        }
    }
    atomic_store_explicit(&ring->ready[block % BLOCK_COUNT], block + 1, memory_order_release);
    return CSEALING_TURN_TAKEN;
}

/* Brings an entry, which another core has written, into this one's cache, to be completed. */
static inline void fetch_entry(const entry *e) {
    for (int line = 0; line < 8; line++) {
        __builtin_prefetch((const uint8_t *)e + 64 * line, 1);
    }
}

csealing_turn csealing_ring_label(csealing_ring *ring, csealing_path path,
                                  const uint8_t replica_id[32], uint64_t block, uint8_t *current) {
    const csealing_chain_function chain = csealing_chain_for(path);
    const size_t parent_count = ring->layer == 1 ? CSEALING_BASE_DEGREE : CSEALING_DEGREE;
    entry *const entries = ring->entries[block % BLOCK_COUNT];
    atomic_ullong *const ready = &ring->ready[block % BLOCK_COUNT];
    uint32_t turns = 0;
    while (atomic_load_explicit(ready, memory_order_acquire) != block + 1) {
        if (is_stopped(ring)) {
            return CSEALING_TURN_STOPPED;
        }
        wait_turn(&turns);
    }
    label_state s;
    label_begin(&s, replica_id, ring->layer);
    const uint64_t first = block * BLOCK_NODES, end = block_end(ring, block);
    for (uint64_t v = first; v < end; v++) {
        entry *const e = &entries[v - first];
        if (v + 2 < end) {
            fetch_entry(e + 2);
        }
        for (uint32_t left = e->missing; left != 0; left &= left - 1) {
            const int j = __builtin_ctz(left);
            memcpy(e->labels + 32 * j, current + 32 * (uint64_t)e->base[j], 32);
        }
        label_point(&s, e->labels, ring->layer);
        label_end(&s, chain, v, v == 0 ? 0 : parent_count, current + 32 * v);
        if ((v + 1) % STRIDE == 0) {
            atomic_store_explicit(&ring->done, v + 1, memory_order_release);
        }
    }
    csealing_ring_done(ring, block);
    return CSEALING_TURN_TAKEN;
}
