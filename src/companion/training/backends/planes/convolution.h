/* Convolutions of 3 x 3 over planes of pixels: forward and back by one kernel, and the gradient of the weights.
 *
 * An image of C channels is C planes.  A plane is a run of floats, row after row, with one zero after each row, and at
 * least a row of zeros between planes.  So the neighbour (dy, dx) of every pixel, edges included, lies dy * row + dx
 * floats away, and a vector of pixels is multiplied by one weight, whatever the number of channels and filters:
 *
 *   forward    q[o][p]        = sum over i, dy, dx of  w[o][i][dy][dx]   z[i][p + dy row + dx]
 *   backward   dz[i][p]       = sum over o, dy, dx of  w[o][i][-dy][-dx] dq[o][p + dy row + dx]
 *   gradient   dw[o][i][dy][dx] = sum over p of        dq[o][p]          z[i][p + dy row + dx]
 *
 * A tile of the result is held in registers: FILTERS planes times PIXELS vectors, so that for FILTERS * PIXELS
 * multiply-adds there are PIXELS loads of pixels, most of them across two lines of the cache, and FILTERS loads of
 * weights.  In the gradient the pixels are what is summed over: FILTERS planes of dq times SHIFTS shifted planes of z,
 * over all pixels of some examples, and only then across the lanes.
 */
#pragma once
#include "../vectors.h"

#if defined(__AVX512F__) /* 32 registers: 24 sums, 6 vectors, 1 weight */
enum { FILTERS = 4, PIXELS = 6, CHANNELS = 2 };
#elif defined(__AVX2__) || defined(__aarch64__) /* 16 of 8 floats: 12, 3, 1 (there, 32 of 4) */
enum { FILTERS = 4, PIXELS = 3, CHANNELS = 1 };
#else /* 16 of 4 floats, and a product needs one of its own */
enum { FILTERS = 4, PIXELS = 1, CHANNELS = 1 };
#endif
enum { TAPS = 9, SHIFTS = 3 * CHANNELS };

/* How the pixels of one channel lie in memory. */
typedef struct {
    int64_t height, width;
    int64_t row;     /* floats from a row to the next: a zero follows each */
    int64_t step;    /* floats from a vector to the next: LANES, or a row where one vector is just that */
    int64_t vectors; /* of a plane; those after its last pixel are zero */
    int64_t pitch;   /* floats from a plane to the next */
    int64_t lead;    /* zeros that are needed before the first plane, and after the last one */
} Plane;

INLINE Plane plane_of(int64_t height, int64_t width) {
    Plane p = {.height = height, .width = width, .row = width + 1};
    const int64_t pixels = height * p.row;
    p.step = width == LANES ? p.row : LANES;
    p.vectors = width == LANES ? height : (pixels + LANES - 1) / LANES;
    const int64_t end = (p.vectors - 1) * p.step + LANES, gap = pixels + p.row + 1;
    p.pitch = padded(end > gap ? end : gap);
    p.lead = padded(p.row + 1 + LANES);
    return p;
}

/* The first of n things in part t of so many: parts differ by one at most. */
INLINE int64_t part(int64_t n, int64_t parts, int64_t t) { return n * t / parts; }

/* F planes by P vectors of a convolution's result, over all `channels` planes of x.  w: [channels][TAPS][F]. */
INLINE void tile(int F, int P, Plane p, int64_t channels, const float *x, const float *w, const float *start, float *q) {
    vec sum[FILTERS][PIXELS];
#pragma GCC unroll 4
    for (int f = 0; f < F; f++)
#pragma GCC unroll 6
        for (int v = 0; v < P; v++) sum[f][v] = splat(start ? start[f] : 0);
    for (int64_t c = 0; c < channels; c++, x += p.pitch)
        for (int64_t dy = -1; dy <= 1; dy++) {
            const float *from = x + dy * p.row;
#pragma GCC unroll 3
            for (int dx = -1; dx <= 1; dx++, w += F) {
                vec pixels[PIXELS];
#pragma GCC unroll 6
                for (int v = 0; v < P; v++) {
                    pixels[v] = *(const vec *)(from + dx + v * p.step);
                    HOLD(pixels[v]);
                }
#pragma GCC unroll 4
                for (int f = 0; f < F; f++) {
                    const vec weight = splat(w[f]);
#pragma GCC unroll 6
                    for (int v = 0; v < P; v++) sum[f][v] += weight * pixels[v];
                }
            }
        }
#pragma GCC unroll 4
    for (int f = 0; f < F; f++)
#pragma GCC unroll 6
        for (int v = 0; v < P; v++) *(vec *)(q + f * p.pitch + v * p.step) = sum[f][v];
}

typedef void Tile(const Plane *p, int64_t channels, const float *x, const float *w, const float *start, float *q);
#define TILE(F, P)                                                                                                  \
    static __attribute__((noinline)) void tile_##F##_##P(const Plane *p, int64_t channels, const float *x, const float *w, \
                                                         const float *start, float *q) {                            \
        tile(F, P, *p, channels, x, w, start, q);                                                                    \
    }
#define TILES_OF(P) TILE(1, P) TILE(2, P) TILE(3, P) TILE(4, P)
#define NAMES_OF(P) {tile_1_##P, tile_2_##P, tile_3_##P, tile_4_##P}
#if defined(__AVX512F__)
TILES_OF(1) TILES_OF(2) TILES_OF(3) TILES_OF(4) TILES_OF(5) TILES_OF(6)
static Tile *const TILES_BY[PIXELS][FILTERS] = {NAMES_OF(1), NAMES_OF(2), NAMES_OF(3),
                                                NAMES_OF(4), NAMES_OF(5), NAMES_OF(6)};
#elif defined(__AVX2__) || defined(__aarch64__)
TILES_OF(1) TILES_OF(2) TILES_OF(3)
static Tile *const TILES_BY[PIXELS][FILTERS] = {NAMES_OF(1), NAMES_OF(2), NAMES_OF(3)};
#else
TILES_OF(1)
static Tile *const TILES_BY[PIXELS][FILTERS] = {NAMES_OF(1)};
#endif

/* q = start + w * x, `in` planes to `out` planes.  w as `pack` leaves it; start may be null.  Tiles of filters turn
 * inside tiles of pixels, so that the pixels they share stay in the first cache. */
static void convolve(Plane p, int64_t in, int64_t out, const float *x, const float *w, const float *start, float *q) {
    const int64_t across = (p.vectors + PIXELS - 1) / PIXELS, down = (out + FILTERS - 1) / FILTERS;
    for (int64_t a = 0; a < across; a++) {
        const int64_t v = part(p.vectors, across, a), pixels = part(p.vectors, across, a + 1) - v, at = v * p.step;
        for (int64_t d = 0; d < down; d++) {
            const int64_t f = part(out, down, d), filters = part(out, down, d + 1) - f;
            TILES_BY[pixels - 1][filters - 1](&p, in, x + at, w + f * in * TAPS, start ? start + f : 0,
                                              q + f * p.pitch + at);
        }
    }
}

/* Weights in the order in which tiles read them: for each tile of filters [in][TAPS][filters of the tile].  Backwards,
 * filters and channels change places and the taps are turned round. */
static void pack(int64_t in, int64_t out, const float *w, int backwards, float *packed) {
    const int64_t filters = backwards ? in : out, channels = backwards ? out : in;
    const int64_t down = (filters + FILTERS - 1) / FILTERS;
    for (int64_t d = 0; d < down; d++) {
        const int64_t first = part(filters, down, d), last = part(filters, down, d + 1);
        for (int64_t c = 0; c < channels; c++)
            for (int tap = 0; tap < TAPS; tap++)
                for (int64_t f = first; f < last; f++)
                    *packed++ = backwards ? w[(c * in + f) * TAPS + TAPS - 1 - tap] : w[(f * in + c) * TAPS + tap];
    }
}

/* One round of `across_lanes`: of each two vectors, the sums of their pairs of lanes that differ in the bit `half`. */
INLINE void fold(int half, int n, vec *sums) {
#pragma GCC unroll 12
    for (int j = 0; j < (n + 1) / 2; j++) {
        vec first, second;
        exchange(half, sums[2 * j], 2 * j + 1 < n ? sums[2 * j + 1] : splat(0), &first, &second);
        sums[j] = first + second;
    }
}

/* The sum across lanes of each of n vectors, sums[j] in totals[j]: round by round half as many vectors of twice as many
 * sums, each of half as many terms. */
INLINE void across_lanes(int n, vec *sums, float *totals) {
    fold(1, n, sums);
    fold(2, (n + 1) / 2, sums);
    fold(4, (n + 3) / 4, sums);
    if (LANES == 16) fold(8, (n + 7) / 8, sums);
#pragma GCC unroll 3
    for (int j = 0; j < (n + LANES - 1) / LANES; j++) *(vec *)(totals + j * LANES) = sums[j];
}

/* Some images of some planes each, one image `stride` floats from the next (0: all are the same one). */
typedef struct {
    const float *at;
    int64_t stride;
} Images;

/* dw[o][i][dy] += sum over examples and pixels, for F filters o and C channels i; dw: of the first of each. */
INLINE void gradient_tile(int F, int C, Plane p, int64_t in, int64_t examples, Images dq, Images z, float *dw) {
    vec sum[FILTERS * SHIFTS];
    float totals[(FILTERS * SHIFTS + LANES - 1) / LANES * LANES];
#pragma GCC unroll 24
    for (int j = 0; j < F * C * 3; j++) sum[j] = splat(0);
    for (int64_t e = 0; e < examples; e++) {
        const float *d = dq.at + e * dq.stride, *from = z.at + e * z.stride;
        for (int64_t v = 0; v < p.vectors; v++, d += p.step, from += p.step) {
            vec shifted[SHIFTS];
#pragma GCC unroll 6
            for (int j = 0; j < C * 3; j++) {
                shifted[j] = *(const vec *)(from + j / 3 * p.pitch + j % 3 - 1);
                HOLD(shifted[j]);
            }
#pragma GCC unroll 4
            for (int f = 0; f < F; f++) {
                const vec own = *(const vec *)(d + f * p.pitch);
#pragma GCC unroll 6
                for (int j = 0; j < C * 3; j++) sum[f * C * 3 + j] += own * shifted[j];
            }
        }
    }
    vec folded[FILTERS * SHIFTS]; /* a copy: nothing but constants may index `sum`, or it would not stay in registers */
#pragma GCC unroll 24
    for (int j = 0; j < F * C * 3; j++) folded[j] = sum[j];
    across_lanes(F * C * 3, folded, totals);
#pragma GCC unroll 4
    for (int f = 0; f < F; f++)
#pragma GCC unroll 6
        for (int j = 0; j < C * 3; j++) dw[(f * in + j / 3) * TAPS + j % 3] += totals[f * C * 3 + j];
}

typedef void GradientTile(const Plane *p, int64_t in, int64_t examples, Images dq, Images z, float *dw);
#define GRADIENT(F, C)                                                                                            \
    static __attribute__((noinline)) void gradient_##F##_##C(const Plane *p, int64_t in, int64_t examples, Images dq,    \
                                                             Images z, float *dw) {                               \
        gradient_tile(F, C, *p, in, examples, dq, z, dw);                                                          \
    }
#define GRADIENTS_OF(C) GRADIENT(1, C) GRADIENT(2, C) GRADIENT(3, C) GRADIENT(4, C)
#define GRADIENT_NAMES_OF(C) {gradient_1_##C, gradient_2_##C, gradient_3_##C, gradient_4_##C}
#if defined(__AVX512F__)
GRADIENTS_OF(1) GRADIENTS_OF(2)
static GradientTile *const GRADIENTS_BY[CHANNELS][FILTERS] = {GRADIENT_NAMES_OF(1), GRADIENT_NAMES_OF(2)};
#else
GRADIENTS_OF(1)
static GradientTile *const GRADIENTS_BY[CHANNELS][FILTERS] = {GRADIENT_NAMES_OF(1)};
#endif

/* dw += the weights' gradient over some examples, and db += that of the biases (null: there are none). */
static void gradient(Plane p, int64_t in, int64_t out, int64_t examples, Images dq, Images z, float *dw, float *db) {
    const int64_t down = (out + FILTERS - 1) / FILTERS;
    for (int64_t d = 0; d < down; d++) {
        const int64_t f = part(out, down, d), filters = part(out, down, d + 1) - f;
        const Images rows = {dq.at + f * p.pitch, dq.stride};
        for (int64_t c = 0; c < in; c += CHANNELS) {
            const int64_t channels = c + CHANNELS <= in ? CHANNELS : in - c;
            for (int64_t dy = -1; dy <= 1; dy++) {
                const Images shifted = {z.at + c * p.pitch + dy * p.row, z.stride};
                GRADIENTS_BY[channels - 1][filters - 1](&p, in, examples, rows, shifted,
                                                        dw + (f * in + c) * TAPS + 3 * (dy + 1));
            }
        }
    }
    for (int64_t f = 0; db && f < out; f += FILTERS) { /* some at a time: one sum would wait for itself */
        const int64_t filters = out - f < FILTERS ? out - f : FILTERS;
        vec sum[FILTERS] = {{0}};
        float totals[LANES];
        for (int64_t e = 0; e < examples; e++) {
            const float *d = dq.at + e * dq.stride + f * p.pitch;
            for (int64_t v = 0; v < p.vectors; v++, d += p.step)
#pragma GCC unroll 4
                for (int64_t k = 0; k < FILTERS; k++) sum[k] += *(const vec *)(d + (k < filters ? k : 0) * p.pitch);
        }
        across_lanes(FILTERS, sum, totals);
        for (int64_t k = 0; k < filters; k++) db[f + k] += totals[k];
    }
}
