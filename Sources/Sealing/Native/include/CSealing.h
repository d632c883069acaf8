/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CSEALING_H
#define CSEALING_H

#include <stddef.h>
#include <stdint.h>

/* Kernels of Filecoin's proof of replication.
 *
 * Conventions of the whole header:
 * - a node is 32 bytes; read as a field element it is a little-endian canonical integer below
 *   the BLS12-381 scalar modulus;
 * - pointers need no alignment beyond their type's; inputs and outputs must not overlap unless
 *   the comment says so; counts of zero are allowed and do nothing;
 * - nothing allocates, prints, blocks or touches errno, and every function may be called from
 *   any thread: the only global is the path that AUTO stands for, set before main. The one
 *   exception to all this: a bad SEALYARD_PATH ends the process before main, with a message. */

#if defined(__has_attribute)
#if __has_attribute(enum_extensibility)
#define CSEALING_CLOSED __attribute__((enum_extensibility(closed)))
#endif
#endif
#ifndef CSEALING_CLOSED
#define CSEALING_CLOSED
#endif

typedef enum CSEALING_CLOSED csealing_status {
    CSEALING_OK = 0,
    /* A length, count or selector is outside the documented range. */
    CSEALING_INVALID_ARGUMENT = 1,
    /* A node that must be a field element is not below the modulus. */
    CSEALING_NOT_CANONICAL = 2,
    /* The processor lacks the instructions of the path. */
    CSEALING_NO_SUCH_PATH = 3
} csealing_status;

/* The instructions that a call may use: those of its path and of all paths before it, as far as the
 * processor has them. Each kernel takes the fastest way that this leaves. AUTO is what
 * csealing_path_use said last, else what SEALYARD_PATH says (portable, avx2, sha-ni or avx512), else
 * all that the processor has. */
typedef enum CSEALING_CLOSED csealing_path {
    CSEALING_PATH_AUTO = 0,
    CSEALING_PATH_PORTABLE = 1,
    /* AVX2, BMI2. */
    CSEALING_PATH_AVX2 = 2,
    /* The SHA extensions. */
    CSEALING_PATH_SHA_NI = 3,
    /* AVX-512 F, BW, DQ and VL, and IFMA where there is one. */
    CSEALING_PATH_AVX512 = 4
} csealing_path;

/* 1 when the processor has the instructions that give the path its name. */
int csealing_path_available(csealing_path path);

/* The path that AUTO stands for. */
csealing_path csealing_path_selected(void);

/* Makes AUTO stand for a path from now on; AUTO means all that the processor has. To be called
 * before work begins: calls that are under way may go on either way. NO_SUCH_PATH, and nothing
 * changed, where the processor lacks it. */
csealing_status csealing_path_use(csealing_path path);

/* What a path runs on this processor is asked by kernel. */
typedef enum CSEALING_CLOSED csealing_kernel {
    /* One message, block after block: portable, sha-ni. */
    CSEALING_KERNEL_SHA256 = 0,
    /* Rows of binary trees: portable, avx2, sha-ni, avx512. */
    CSEALING_KERNEL_SHA256_ROW = 1,
    /* Labels of CSEALING_BATCH_MAX sectors side by side: portable, avx2, sha-ni, avx512. */
    CSEALING_KERNEL_LABELS = 2,
    /* Poseidon of arities 2, 8 and 11: portable, bmi2, avx512-ifma. */
    CSEALING_KERNEL_POSEIDON = 3,
    /* Parents in the layer before: portable, avx2, avx512. */
    CSEALING_KERNEL_PARENTS = 4
} csealing_kernel;

/* The instructions that a kernel uses on a path, in words that never change. */
const char *csealing_kernel_name(csealing_path path, csealing_kernel kernel);

/* ---- SHA-256 -------------------------------------------------------------------------- */

typedef struct csealing_sha256_state {
    uint32_t hash[8];
    uint64_t length; /* bytes absorbed so far */
    uint8_t pending[64];
} csealing_sha256_state;

void csealing_sha256_init(csealing_sha256_state *state);
void csealing_sha256_update(csealing_path path, csealing_sha256_state *state, const uint8_t *data,
                            size_t count);
void csealing_sha256_final(csealing_path path, csealing_sha256_state *state, uint8_t digest[32]);

/* Digest of `count` bytes in one call. */
void csealing_sha256(csealing_path path, const uint8_t *data, size_t count, uint8_t digest[32]);

/* Compresses `count` 64-byte blocks into `hash`. */
void csealing_sha256_blocks(csealing_path path, uint32_t hash[8], const uint8_t *data, size_t count);

/* parents[i] = trunc254(SHA-256(children[2i] || children[2i + 1])) for i < count: one row of a
 * binary tree. `parents` may equal `children`. */
void csealing_sha256_row(csealing_path path, const uint8_t *children, uint8_t *parents,
                         size_t count);

/* ---- BLAKE2b and ChaCha ---------------------------------------------------------------- */

/* BLAKE2b with a digest of 1 to 64 bytes and a key of 0 to 64 bytes. */
csealing_status csealing_blake2b(uint8_t *digest, size_t digest_count, const uint8_t *key,
                                 size_t key_count, const uint8_t *data, size_t count);

/* Writes `block_count` keystream blocks of 64 bytes. `rounds` is 8 or 20. `counter_nonce` is the
 * last row of the initial state (words 12 to 15); word 12 counts blocks, and a carry goes to
 * word 13 only when `wide_counter` is not 0. */
csealing_status csealing_chacha(uint32_t rounds, const uint8_t key[32],
                                const uint32_t counter_nonce[4], uint32_t wide_counter,
                                uint8_t *stream, size_t block_count);

/* ---- Fr32 padding ---------------------------------------------------------------------- */

/* Spreads `count` bytes over 254-bit elements and zero-fills the last one. `padded` holds
 * `padded_count` bytes, which must be 32 * ceil(8 * count / 254). */
csealing_status csealing_fr32_pad(const uint8_t *data, size_t count, uint8_t *padded,
                                  size_t padded_count);

/* The inverse for whole groups: `group_count` groups of 128 bytes give 127 bytes each. The two
 * top bits of every element are ignored. */
void csealing_fr32_unpad(const uint8_t *padded, uint8_t *data, size_t group_count);

/* ---- The scalar field ------------------------------------------------------------------ */

/* 1 when all `count` nodes are below the modulus, else 0. */
int csealing_fr_canonical(const uint8_t *nodes, size_t count);

/* Index of the first node that is not below the modulus, or `count`. */
size_t csealing_fr_first_invalid(const uint8_t *nodes, size_t count);

/* out = key + data (encode) or replica - key (decode), node by node. `out` may equal either. */
csealing_status csealing_encode(const uint8_t *key, const uint8_t *data, uint8_t *out,
                                size_t count);
csealing_status csealing_decode(const uint8_t *replica, const uint8_t *key, uint8_t *out,
                                size_t count);

/* out = a * b, node by node; for tests of the field itself. */
csealing_status csealing_fr_multiply(const uint8_t *a, const uint8_t *b, uint8_t *out,
                                     size_t count);

/* Internal (Montgomery) words to canonical bytes. */
void csealing_fr_export(const uint64_t *words, uint8_t *nodes, size_t count);

/* ---- Poseidon -------------------------------------------------------------------------- */

#define CSEALING_POSEIDON_WIDTH_MAX 37

/* Partial rounds of the standard strength, or 0 when the arity (2, 4, 8, 11, 16, 24, 36) is not
 * one of ours. */
uint32_t csealing_poseidon_partial_rounds(uint32_t arity);

/* Number of 64-bit words that the constants take, and that making them needs besides. */
size_t csealing_poseidon_words(uint32_t arity, uint32_t partial_rounds);
size_t csealing_poseidon_scratch_words(uint32_t arity);

/* Makes the constants of one instance from the Grain generator. In field elements of 4 words,
 * Montgomery form: compressed round constants (8 * width + partial), the matrix (width^2, row
 * major), the pre-sparse matrix, per partial round a sparse matrix (width, then width - 1), and
 * the plain round constants ((8 + partial) * width); then a private form for wide processors. */
csealing_status csealing_poseidon_generate(uint32_t arity, uint32_t partial_rounds,
                                           uint64_t *words, size_t word_count, uint64_t *scratch,
                                           size_t scratch_count);

/* Hashes `count` groups of `arity` consecutive nodes, domain tag 2^arity - 1. */
csealing_status csealing_poseidon_hash(csealing_path path, uint32_t arity,
                                       uint32_t partial_rounds, const uint64_t *words,
                                       const uint8_t *inputs, uint8_t *digests, size_t count);

/* Hashes `count` columns: input j of column v is node v of the row that starts at
 * inputs + j * row_stride_bytes. */
csealing_status csealing_poseidon_columns(csealing_path path, uint32_t arity,
                                          uint32_t partial_rounds, const uint64_t *words,
                                          const uint8_t *inputs, size_t row_stride_bytes,
                                          uint8_t *digests, size_t count);

/* Permutes one state of arity + 1 nodes in place. `reference` not 0 runs the textbook rounds,
 * 0 the optimised ones. */
csealing_status csealing_poseidon_permute(uint32_t arity, uint32_t partial_rounds,
                                          const uint64_t *words, uint32_t reference,
                                          uint8_t *state);

/* The OpenCL C source of the same hash; `*count` gets its bytes, no zero follows them. */
const char *csealing_opencl_poseidon_source(size_t *count);

/* ---- The stacked graph ----------------------------------------------------------------- */

#define CSEALING_BASE_DEGREE 6
#define CSEALING_EXPANSION_DEGREE 8
#define CSEALING_DEGREE 14

typedef struct csealing_graph {
    uint64_t nodes;
    uint64_t feistel_keys[4];
    uint8_t drg_seed[32]; /* 28 bytes; the last four are the node number at use */
    uint32_t half_bits;
    uint32_t legacy; /* not 0: api 1.0 */
} csealing_graph;

/* `nodes` is 2^2 to 2^31. */
csealing_status csealing_graph_init(csealing_graph *graph, const uint8_t porep_id[32],
                                    uint64_t nodes, uint32_t legacy);

/* Writes 14 parents (6 of the same layer, 8 of the one before) for each of `count` nodes. */
csealing_status csealing_graph_parents(csealing_path path, const csealing_graph *graph,
                                       uint64_t first, size_t count, uint32_t *parents);

/* ---- Labels ---------------------------------------------------------------------------- */

/* Labels nodes first ..< first + count of layer `layer` (1, 2, ...). `parents` are those of
 * these nodes only. `current` is the whole layer, complete below `first`; `previous` is the
 * whole layer before and is not read when layer is 1. Every parent must be below `nodes`, and
 * those of the same layer below their node; a violation is INVALID_ARGUMENT. */
csealing_status csealing_sdr_labels(csealing_path path, const uint8_t replica_id[32],
                                    uint32_t layer, uint64_t nodes, const uint32_t *parents,
                                    uint64_t first, size_t count, const uint8_t *previous,
                                    uint8_t *current);

/* Sectors that one call labels at most. */
#define CSEALING_BATCH_MAX 16

/* Labels the same nodes of `width` sectors of one graph side by side: `replica_ids` holds `width`
 * of 32 bytes, and `previous` and `current` hold all sectors' labels of a node together, 32 * width
 * bytes a node, in an order that belongs to the path and the width: csealing_split and csealing_join
 * with the same two are the way out and in. All else is as in csealing_sdr_labels. */
csealing_status csealing_sdr_labels_batch(csealing_path path, size_t width,
                                          const uint8_t *replica_ids, uint32_t layer,
                                          uint64_t nodes, const uint32_t *parents, uint64_t first,
                                          size_t count, const uint8_t *previous,
                                          uint8_t *current);

/* Copies `count` nodes of all sectors out of a layer of `width` sectors: those of sector s begin at
 * alone + 32 * count * s. */
csealing_status csealing_split(csealing_path path, size_t width, const uint8_t *together,
                               uint8_t *alone, size_t count);

/* Copies `count` nodes of one sector into a layer of `width` sectors. */
csealing_status csealing_join(csealing_path path, size_t width, size_t sector,
                              const uint8_t *alone, uint8_t *together, size_t count);

/* The label of one node from its gathered parents: 0 (node 0), 6 (layer 1) or 14 nodes. */
csealing_status csealing_sdr_label(csealing_path path, const uint8_t replica_id[32],
                                   uint32_t layer, uint64_t node, const uint8_t *parent_labels,
                                   size_t parent_count, uint8_t label[32]);

/* ---- One sector over several threads ---------------------------------------------------- */

/* A ring of blocks of nodes whose parents' labels are gathered ahead of the thread that hashes. Any
 * number of threads claim blocks in order and fill them; one labels them in order. Unlike all else
 * here, a claim and a label wait where they must, without a lock: they spin, then sleep. */
typedef struct csealing_ring csealing_ring;

#define CSEALING_RING_BLOCK_NODES 64

typedef enum CSEALING_CLOSED csealing_turn {
    CSEALING_TURN_TAKEN = 0,   /* the block is the caller's, or is done */
    CSEALING_TURN_NONE = 1,    /* no block is left, or another has it */
    CSEALING_TURN_STOPPED = 2, /* csealing_ring_stop was called */
    CSEALING_TURN_INVALID = 3  /* a parent is out of range */
} csealing_turn;

/* Bytes of a ring; its memory is aligned to 64 and zero at first. */
size_t csealing_ring_bytes(void);

/* Begins a layer, with buffers as in csealing_sdr_labels; no other call may run. */
void csealing_ring_start(csealing_ring *ring, uint32_t layer, uint64_t nodes,
                         const uint8_t *previous, const uint8_t *current);

/* Makes every call that waits return, and every later one of this layer. */
void csealing_ring_stop(csealing_ring *ring);

/* A gatherer's next block, when there is room for it. */
csealing_turn csealing_ring_claim(csealing_ring *ring, uint64_t *block);

/* Copies the labels that exist already of the parents of all nodes in a claimed block. */
csealing_turn csealing_ring_fill(csealing_ring *ring, uint64_t block, const uint32_t *parents);

/* Takes a block for the hasher itself if no gatherer has claimed it: the caller then labels it by
 * csealing_sdr_labels and says csealing_ring_done. */
csealing_turn csealing_ring_take(csealing_ring *ring, uint64_t block);
void csealing_ring_done(csealing_ring *ring, uint64_t block);

/* Waits for a claimed block and labels its nodes. */
csealing_turn csealing_ring_label(csealing_ring *ring, csealing_path path,
                                  const uint8_t replica_id[32], uint64_t block, uint8_t *current);

#include "CSealingHost.h"

#endif
