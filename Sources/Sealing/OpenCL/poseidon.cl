/* SPDX-License-Identifier: Apache-2.0 */

/* Poseidon over the BLS12-381 scalar field: one hash a work item.
 *
 * Built once for an instance, with -D
 *     WIDTH      arity + 1
 *     PARTIAL    partial rounds
 *     LIMB_BITS  64 or 32: what the device multiplies well
 * Elements are little-endian limbs in Montgomery form, x * 2^256 mod r; both widths have the same
 * bytes in memory on a little-endian device, which is the only kind that the host accepts. */

#if LIMB_BITS == 64
typedef ulong limb;
#define LIMBS 4
#define INVERSE 0xfffffffefffffffful
__constant limb MODULUS[LIMBS] = {0xffffffff00000001ul, 0x53bda402fffe5bfeul,
                                  0x3339d80809a1d805ul, 0x73eda753299d7d48ul};
__constant limb SQUARE[LIMBS] = {0xc999e990f3f29c6dul, 0x2b6cedcb87925c23ul,
                                 0x05d314967254398ful, 0x0748d9d99f59ff11ul};
#else
typedef uint limb;
#define LIMBS 8
#define INVERSE 0xffffffffu
__constant limb MODULUS[LIMBS] = {0x00000001u, 0xffffffffu, 0xfffe5bfeu, 0x53bda402u,
                                  0x09a1d805u, 0x3339d808u, 0x299d7d48u, 0x73eda753u};
__constant limb SQUARE[LIMBS] = {0xf3f29c6du, 0xc999e990u, 0x87925c23u, 0x2b6cedcbu,
                                 0x7254398fu, 0x05d31496u, 0x9f59ff11u, 0x0748d9d9u};
#endif

typedef struct fr {
    limb w[LIMBS];
} fr;

/* A sum of products: twice the limbs, and one for the overflow. */
typedef struct fr_wide {
    limb w[2 * LIMBS + 1];
} fr_wide;

/* The low limb of t + a * b + *carry, whose high limb becomes the carry; it always fits. */
static inline limb multiply_add(limb t, limb a, limb b, limb *carry) {
#if LIMB_BITS == 64 && defined(__SIZEOF_INT128__)
    const unsigned __int128 sum = (unsigned __int128)a * b + t + *carry;
    *carry = (limb)(sum >> 64);
    return (limb)sum;
#elif LIMB_BITS == 64
    limb low = a * b;
    limb high = mul_hi(a, b);
    low += t;
    high += low < t;
    low += *carry;
    high += low < *carry;
    *carry = high;
    return low;
#else
    const ulong sum = (ulong)a * b + t + *carry;
    *carry = (limb)(sum >> 32);
    return (limb)sum;
#endif
}

/* out = a - modulus, returns the borrow. */
static inline limb subtract_modulus(fr *out, const fr *a) {
    limb borrow = 0;
#pragma unroll
    for (int i = 0; i < LIMBS; i++) {
        const limb x = a->w[i], d = x - MODULUS[i];
        const limb below = d > x;
        out->w[i] = d - borrow;
        borrow = below | (d < borrow);
    }
    return borrow;
}

static inline void reduce_once(fr *a) {
    fr t;
    if (!subtract_modulus(&t, a)) {
        *a = t;
    }
}

/* The sum of two elements is below 2^256. */
static inline void add(fr *out, const fr *a, const fr *b) {
    fr s;
    limb carry = 0;
#pragma unroll
    for (int i = 0; i < LIMBS; i++) {
        const limb x = a->w[i] + b->w[i];
        const limb over = x < a->w[i];
        s.w[i] = x + carry;
        carry = over | (s.w[i] < carry);
    }
    reduce_once(&s);
    *out = s;
}

/* Montgomery product. The top bit of the modulus is free, so the two carries of a row fit one
 * limb. */
static inline void multiply(fr *out, const fr *a, const fr *b) {
    fr t;
#pragma unroll
    for (int i = 0; i < LIMBS; i++) {
        t.w[i] = 0;
    }
#pragma unroll
    for (int i = 0; i < LIMBS; i++) {
        limb high = 0, low = 0;
        t.w[0] = multiply_add(t.w[0], a->w[0], b->w[i], &high);
        const limb m = t.w[0] * INVERSE;
        (void)multiply_add(t.w[0], m, MODULUS[0], &low);
#pragma unroll
        for (int j = 1; j < LIMBS; j++) {
            t.w[j] = multiply_add(t.w[j], a->w[j], b->w[i], &high);
            t.w[j - 1] = multiply_add(t.w[j], m, MODULUS[j], &low);
        }
        t.w[LIMBS - 1] = high + low;
    }
    reduce_once(&t);
    *out = t;
}

static inline void clear(fr_wide *sum) {
#pragma unroll
    for (int i = 0; i < 2 * LIMBS + 1; i++) {
        sum->w[i] = 0;
    }
}

/* Adds `carry` at limb `at` and above. */
static inline void propagate(fr_wide *sum, int at, limb carry) {
#pragma unroll
    for (int k = at; k < 2 * LIMBS + 1; k++) {
        sum->w[k] += carry;
        carry = sum->w[k] < carry;
    }
}

static inline void multiply_into(fr_wide *sum, const fr *a, const fr *b) {
#pragma unroll
    for (int i = 0; i < LIMBS; i++) {
        limb carry = 0;
#pragma unroll
        for (int j = 0; j < LIMBS; j++) {
            sum->w[i + j] = multiply_add(sum->w[i + j], a->w[j], b->w[i], &carry);
        }
        propagate(sum, i + LIMBS, carry);
    }
}

/* Montgomery reduction of a sum of at most WIDTH products; what the rows leave is below
 * WIDTH moduli, which a few subtractions end. */
static inline void reduce_sum(fr *out, fr_wide *sum) {
#pragma unroll
    for (int i = 0; i < LIMBS; i++) {
        limb carry = 0;
        const limb m = sum->w[i] * INVERSE;
#pragma unroll
        for (int j = 0; j < LIMBS; j++) {
            sum->w[i + j] = multiply_add(sum->w[i + j], m, MODULUS[j], &carry);
        }
        propagate(sum, i + LIMBS, carry);
    }
    fr r, t;
#pragma unroll
    for (int i = 0; i < LIMBS; i++) {
        r.w[i] = sum->w[LIMBS + i];
    }
    limb top = sum->w[2 * LIMBS];
    for (;;) {
        const limb borrow = subtract_modulus(&t, &r);
        if (borrow > top) {
            break;
        }
        top -= borrow;
        r = t;
    }
    *out = r;
}

static inline void fifth_power(fr *x) {
    fr square;
    multiply(&square, x, x);
    multiply(&square, &square, &square);
    multiply(x, x, &square);
}

static inline void add_constant(fr *x, __global const fr *constants) {
    const fr k = *constants;
    add(x, x, &k);
}

static inline void accumulate(fr_wide *sum, const fr *x, __global const fr *constants) {
    const fr k = *constants;
    multiply_into(sum, x, &k);
}

/* x = x * m, x a row: column j of m meets x. */
static void multiply_matrix(fr *x, __global const fr *m) {
    fr y[WIDTH];
    for (int j = 0; j < WIDTH; j++) {
        fr_wide sum;
        clear(&sum);
        for (int i = 0; i < WIDTH; i++) {
            accumulate(&sum, &x[i], m + i * WIDTH + j);
        }
        reduce_sum(&y[j], &sum);
    }
    for (int j = 0; j < WIDTH; j++) {
        x[j] = y[j];
    }
}

/* The constants: 8 * WIDTH + PARTIAL for the rounds in their order, the matrix, the matrix before
 * the partial rounds, and for each of these a column (WIDTH) and the rest of a row (WIDTH - 1). */
static void permute(fr *x, __global const fr *constants) {
    __global const fr *c = constants;
    __global const fr *matrix = constants + 8 * WIDTH + PARTIAL;
    __global const fr *pre_sparse = matrix + WIDTH * WIDTH;
    __global const fr *sparse = pre_sparse + WIDTH * WIDTH;
    for (int j = 0; j < WIDTH; j++) {
        add_constant(&x[j], c++);
    }
    for (int round = 0; round < 4; round++) {
        for (int j = 0; j < WIDTH; j++) {
            fifth_power(&x[j]);
            add_constant(&x[j], c++);
        }
        multiply_matrix(x, round == 3 ? pre_sparse : matrix);
    }
    for (int round = 0; round < PARTIAL; round++, sparse += 2 * WIDTH - 1) {
        fifth_power(&x[0]);
        add_constant(&x[0], c++);
        fr_wide sum;
        clear(&sum);
        accumulate(&sum, &x[0], sparse);
        for (int j = 1; j < WIDTH; j++) {
            accumulate(&sum, &x[j], sparse + j);
            const fr k = sparse[WIDTH + j - 1];
            fr product;
            multiply(&product, &x[0], &k);
            add(&x[j], &x[j], &product);
        }
        reduce_sum(&x[0], &sum);
    }
    for (int round = 0; round < 4; round++) {
        for (int j = 0; j < WIDTH; j++) {
            fifth_power(&x[j]);
            if (round < 3) {
                add_constant(&x[j], c++);
            }
        }
        multiply_matrix(x, matrix);
    }
}

/* Input j of hash v is node j * input_stride + v * lane_stride. A node that is not below the
 * modulus sets *invalid; the digests are then worthless. */
__kernel void poseidon(__global const fr *inputs, ulong input_stride, ulong lane_stride,
                       __global const fr *constants, __global fr *digests,
                       __global volatile uint *invalid, uint count) {
    const uint v = (uint)get_global_id(0);
    if (v >= count) {
        return;
    }
    fr square, x[WIDTH], t;
#pragma unroll
    for (int i = 0; i < LIMBS; i++) {
        square.w[i] = SQUARE[i];
        x[0].w[i] = 0;
    }
    x[0].w[0] = ((limb)1 << (WIDTH - 1)) - 1;
    multiply(&x[0], &x[0], &square);
    for (int j = 1; j < WIDTH; j++) {
        x[j] = inputs[(j - 1) * input_stride + v * lane_stride];
        if (!subtract_modulus(&t, &x[j])) {
            atomic_or(invalid, 1u);
            return;
        }
        multiply(&x[j], &x[j], &square);
    }
    permute(x, constants);
    fr one;
#pragma unroll
    for (int i = 0; i < LIMBS; i++) {
        one.w[i] = i == 0;
    }
    multiply(&t, &x[1], &one);
    digests[v] = t;
}
