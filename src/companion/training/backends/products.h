/* Products of row-major matrices, with the optimiser's step at once where the product is a gradient.
 *
 *   forward    Q  = Z W + b               product(rows of Z, W)
 *   backward   dZ^T = W dQ^T              product(rows of W, dQ^T)
 *   gradient   dW = Z^T dQ                product(columns of Z, dQ), and the optimiser's step at once, in registers
 *
 * One micro-kernel serves all three: its left operand is addressed by two strides.  Rows of the right operand and of
 * the result are whole vectors long.
 */
#pragma once
#include "optimiser.h"
#include "vectors.h"

#if defined(__AVX512F__)
enum { ROWS = 8, COLS = 2 };
#else
enum { ROWS = 4, COLS = 2 };
#endif

/* acc[r][c] = sum_k a[r * rs + k * ks] * b[k * ldb + c], r < rows, c < cols vectors: the micro-kernel. */
INLINE void product(int rows, int cols, int64_t n, const float *a, int64_t rs, int64_t ks, const float *b, int64_t ldb,
                    vec acc[ROWS][COLS]) {
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int c = 0; c < cols; c++) acc[r][c] = splat(0);
    for (int64_t k = 0; k < n; k++) {
        vec right[COLS];
#pragma GCC unroll 2
        for (int c = 0; c < cols; c++) right[c] = *(const vec *)(b + k * ldb + c * LANES);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            vec left = splat(a[r * rs + k * ks]);
#pragma GCC unroll 2
            for (int c = 0; c < cols; c++) acc[r][c] += left * right[c];
        }
    }
}

/* Calls BODY(rows, cols) with compile-time sizes over an m x (n vectors) result, i and j being its corner. */
#define TILES(m, n, BODY)                                          \
    for (int64_t j = 0; j < (n) / LANES * LANES;) {                \
        const int wide = j + COLS * LANES <= (n);                  \
        int64_t i = 0;                                             \
        for (; i + ROWS <= (m); i += ROWS) {                       \
            if (wide) { BODY(ROWS, COLS) } else { BODY(ROWS, 1) }  \
        }                                                          \
        for (; i < (m); i++) {                                     \
            if (wide) { BODY(1, COLS) } else { BODY(1, 1) }        \
        }                                                          \
        j += wide ? COLS * LANES : LANES;                          \
    }

/* c[i][j] = start[j] + sum_k a[i][k] b[k][j]; start may be null. */
static void multiply(int64_t m, int64_t n, int64_t depth, const float *a, int64_t lda, const float *b, int64_t ldb,
                     const float *start, float *c, int64_t ldc) {
    vec acc[ROWS][COLS];
#define STORE(rows, cols)                                                                             \
    product(rows, cols, depth, a + i * lda, lda, 1, b + j, ldb, acc);                                 \
    _Pragma("GCC unroll 8") for (int r = 0; r < rows; r++)                                            \
        _Pragma("GCC unroll 2") for (int q = 0; q < cols; q++)                                        \
            *(vec *)(c + (i + r) * ldc + j + q * LANES) =                                             \
                acc[r][q] + (start ? *(const vec *)(start + j + q * LANES) : splat(0));
    TILES(m, n, STORE)
#undef STORE
}

/* W -= step(Z^T dQ) and b -= step(1^T dQ), for Z [rows][in] and dQ [rows][out]; the bias row follows the weights. */
static void descend(Step s, float weight_rate, int64_t rows, int64_t in, int64_t out, const float *z, int64_t ldz,
                    const float *dq, float *w, float *m, float *v) {
    vec acc[ROWS][COLS];
    Step weights = s;
    weights.rate *= weight_rate;
#define UPDATE(R, C)                                                                       \
    product(R, C, rows, z + i, 1, ldz, dq + j, out, acc);                                  \
    _Pragma("GCC unroll 8") for (int r = 0; r < R; r++)                                    \
        _Pragma("GCC unroll 2") for (int q = 0; q < C; q++) {                              \
            const int64_t at = (i + r) * out + j + q * LANES;                              \
            update(weights, acc[r][q], w + at, m + at, v + at);                            \
        }
    if (s.kind == ADAM) {
        weights.kind = ADAM; /* known to the compiler now */
        TILES(in, out, UPDATE)
    } else {
        TILES(in, out, UPDATE)
    }
#undef UPDATE
    if (!s.biased) return;
    for (int64_t j = 0; j < out; j += LANES) {
        vec g = splat(0);
        for (int64_t b = 0; b < rows; b++) g += *(const vec *)(dq + b * out + j);
        update(s, g, w + in * out + j, m + in * out + j, v + in * out + j);
    }
}

/* One round of `transpose`: rows and columns that differ in the bit `half` change places. */
INLINE void cross(int half, vec *t) {
#pragma GCC unroll 16
    for (int k = 0; k < LANES; k++)
        if (!(k & half)) {
            const vec a = t[k], b = t[k + half];
            exchange(half, a, b, &t[k], &t[k + half]);
        }
}

/* to[c][r] = from[r][c] for multiples of LANES, a block of LANES x LANES at a time: log2(LANES) rounds of shuffles. */
static void transpose(int64_t rows, int64_t cols, const float *from, int64_t ldf, float *to, int64_t ldt) {
    for (int64_t r = 0; r < rows; r += LANES)
        for (int64_t c = 0; c < cols; c += LANES) {
            vec t[LANES];
#pragma GCC unroll 16
            for (int k = 0; k < LANES; k++) t[k] = *(const vec *)(from + (r + k) * ldf + c);
            if (LANES == 16) cross(8, t);
            cross(4, t);
            cross(2, t);
            cross(1, t);
#pragma GCC unroll 16
            for (int k = 0; k < LANES; k++) *(vec *)(to + (c + k) * ldt + r) = t[k];
        }
}
