/* One epoch of one fully connected network or deep gated network, batch by batch, inside the cache of one core.
 *
 * All matrices are row-major.  A layer's weights are [in][out], rows padded with zeros to a multiple of PAD floats, its
 * bias follows in one more row.  Padded columns stay zero: their gradient is a product with zero.
 *
 *   forward    Q  = Z W + b               product(rows of Z, W)
 *   backward   dZ^T = W dQ^T              product(rows of W, dQ^T)
 *   gradient   dW = Z^T dQ                product(columns of Z, dQ), and the optimiser's step at once, in registers
 *
 * One micro-kernel serves all three: its left operand is addressed by two strides.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE__)
#include <immintrin.h>
#endif

#define PAD 16
#define INLINE static inline __attribute__((always_inline))

#if defined(__AVX512F__)
enum { LANES = 16, ROWS = 8, COLS = 2 };
#else
enum { LANES = 8, ROWS = 4, COLS = 2 };
#endif
typedef float vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t ivec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

enum { OWN_GATES, FIXED_GATES, LEARNT_GATES };
enum { SGD, ADAM };

/* Everything an epoch needs to know; the same fields, in the same order, stand in fused.py. */
typedef struct {
    int64_t layers;         /* weight layers of the value network, output layer included: d */
    const int64_t *widths;  /* d + 1 of them: input, hidden ..., classes */
    int64_t gating;         /* OWN_GATES, FIXED_GATES (bits) or LEARNT_GATES (soft, from a trained feature network) */
    const int64_t *source;  /* d - 1: value layer l takes the gates of feature layer source[l] (LEARNT_GATES) */
    int64_t linear;         /* LEARNT_GATES: nothing stands between the layers of the feature network, else a ReLU */
    int64_t optimiser;
    float rate, beta1, beta2, epsilon;
    float gate_beta, gate_scale;
    float first_rate;       /* factor on the rate of the first layer's weights, see fused.py on constant inputs */
    int64_t biased;         /* 0: biases are zero and stay so */
    int64_t batch;
    int64_t examples;       /* length of order */
    const int64_t *order;
    const float *x;         /* [N][widths[0]] */
    int64_t x_stride;       /* 0: every example is the same row */
    const float *images;    /* LEARNT_GATES: [N][image_size], what the feature network sees */
    int64_t image_size;
    const int64_t *labels;
    const uint16_t *bits;   /* FIXED_GATES: [N][words], PAD bits a word, layer after layer */
    int64_t words;
    float *theta, *m, *v;   /* value network, then (LEARNT_GATES) feature network; m, v only for ADAM */
    int64_t step;           /* steps made so far */
    float *scratch;
    double loss;            /* out: sum over examples */
    int64_t correct;        /* out */
} Epoch;

INLINE int64_t padded(int64_t n) { return (n + PAD - 1) / PAD * PAD; }

INLINE vec splat(float a) { return a - (vec){0}; }

INLINE vec choose(ivec condition, vec yes, vec no) { return (vec)((condition & (ivec)yes) | (~condition & (ivec)no)); }

/* a where the gate is open, that is where q > 0; else 0. */
INLINE vec gated(vec q, vec a) { return (vec)((q > splat(0)) & (ivec)a); }

INLINE vec square_root(vec a) {
#if defined(__AVX512F__)
    return (vec)_mm512_sqrt_ps((__m512)a);
#else
    for (int k = 0; k < LANES; k++) a[k] = sqrtf(a[k]);
    return a;
#endif
}

/* exp(a) to about 1e-7 relative, |a| clamped to 87: 2^n by the exponent bits, exp(rest) by its Taylor polynomial. */
INLINE vec exponential(vec a) {
    a = choose(a > splat(87.0f), splat(87.0f), a);
    a = choose(a < splat(-87.0f), splat(-87.0f), a);
    const vec magic = splat(12582912.0f); /* 1.5 * 2^23: adding it rounds to an integer */
    vec n = (a * splat(1.44269504f) + magic) - magic;
    vec r = (a - n * splat(0.693359375f)) + n * splat(2.12194440e-4f);
    vec p = splat(1.0f / 5040);
    p = p * r + splat(1.0f / 720);
    p = p * r + splat(1.0f / 120);
    p = p * r + splat(1.0f / 24);
    p = p * r + splat(1.0f / 6);
    p = p * r + splat(0.5f);
    p = p * r + splat(1.0f);
    p = p * r + splat(1.0f);
    ivec bits = (__builtin_convertvector(n, ivec) + 127) << 23;
    return p * (vec)bits;
}

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

/* The optimiser's constants for one step. */
typedef struct {
    int adam, biased;
    float rate, beta1, beta2, epsilon;
} Step;

INLINE void update(Step s, vec g, float *w, float *m, float *v) {
    if (s.adam) {
        vec first = *(vec *)m * splat(s.beta1) + g * splat(1 - s.beta1);
        vec second = *(vec *)v * splat(s.beta2) + g * g * splat(1 - s.beta2);
        *(vec *)m = first;
        *(vec *)v = second;
        g = first / (square_root(second) + splat(s.epsilon));
    }
    *(vec *)w -= splat(s.rate) * g;
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
    if (s.adam) {
        weights.adam = 1;
        TILES(in, out, UPDATE)
    } else {
        weights.adam = 0;
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

/* to[c][r] = from[r][c] for multiples of LANES, a block of LANES x LANES at a time: log2(LANES) rounds of shuffles. */
static void transpose(int64_t rows, int64_t cols, const float *from, int64_t ldf, float *to, int64_t ldt) {
    for (int64_t r = 0; r < rows; r += LANES)
        for (int64_t c = 0; c < cols; c += LANES) {
            vec t[LANES], u[LANES];
            for (int k = 0; k < LANES; k++) t[k] = *(const vec *)(from + (r + k) * ldf + c);
            for (int half = LANES / 2; half; half /= 2) {
                ivec low, high;
                for (int k = 0; k < LANES; k++) {
                    low[k] = (k & half) ? LANES + k - half : k;
                    high[k] = (k & half) ? LANES + k : k + half;
                }
                for (int k = 0; k < LANES; k++)
                    u[k] = (k & half) ? __builtin_shuffle(t[k - half], t[k], high) : __builtin_shuffle(t[k], t[k + half], low);
                memcpy(t, u, sizeof t);
            }
            for (int k = 0; k < LANES; k++) *(vec *)(to + (c + k) * ldt + r) = t[k];
        }
}

/* Softmax cross-entropy: logits [rows][out] become their gradient, divided by rows; returns the summed loss. */
static double cross_entropy(int64_t rows, int64_t classes, int64_t out, float *q, const int64_t *labels,
                            const int64_t *order, int64_t *correct) {
    double loss = 0;
    for (int64_t b = 0; b < rows; b++) {
        float *row = q + b * out;
        const int64_t label = labels[order[b]];
        int64_t best = 0;
        for (int64_t c = 1; c < classes; c++)
            if (row[c] > row[best]) best = c;
        const float top = row[best], own = row[label];
        float sum = 0;
        for (int64_t c = 0; c < classes; c++) sum += row[c] = expf(row[c] - top);
        loss += logf(sum) + top - own;
        *correct += best == label;
        for (int64_t c = 0; c < classes; c++) row[c] = (row[c] / sum - (c == label)) / rows;
        for (int64_t c = classes; c < out; c++) row[c] = 0;
    }
    return loss;
}

INLINE vec select_bits(uint32_t bits, vec a) {
#if defined(__AVX512F__)
    return (vec)_mm512_maskz_mov_ps((__mmask16)bits, (__m512)a);
#else
    for (int k = 0; k < LANES; k++) a[k] = (bits >> k & 1) ? a[k] : 0.0f;
    return a;
#endif
}

/* Keep q where the gate bit is set: rows of one layer, its words starting at `word`. */
static void apply_bits(const Epoch *e, const int64_t *order, int64_t rows, int64_t out, int64_t word, float *q) {
    for (int64_t b = 0; b < rows; b++) {
        const uint16_t *bits = e->bits + order[b] * e->words + word;
        for (int64_t j = 0; j < out; j += LANES)
            *(vec *)(q + b * out + j) = select_bits(bits[j / PAD] >> (j % PAD), *(vec *)(q + b * out + j));
    }
}

enum { MOST_LAYERS = 64 };

/* Scratch of one network: outputs z[l] (z[0] is the batch), and for learnt gates q[l] and G[l] of the value network. */
typedef struct {
    float *z[MOST_LAYERS], *q[MOST_LAYERS], *gate[MOST_LAYERS];
} Buffers;

static float *take(float **scratch, int64_t floats) {
    float *here = *scratch;
    *scratch += padded(floats);
    return here;
}

/* Floats of scratch that an epoch needs. */
int64_t companion_scratch(int64_t layers, const int64_t *widths, int64_t image_size, int64_t batch) {
    const int64_t rows = padded(batch);
    int64_t widest = 0, total = rows * (widths[0] + image_size) + 2 * PAD;
    for (int64_t l = 1; l <= layers; l++) {
        const int64_t out = padded(widths[l]);
        widest = out > widest ? out : widest;
        total += 6 * (rows * out + PAD);
    }
    return total + 5 * (rows * widest + PAD);
}

/* Returns 0, or -1 for more layers than MOST_LAYERS. */
int64_t companion_epoch(Epoch *e) {
    const int64_t d = e->layers, rows = padded(e->batch), learnt = e->gating == LEARNT_GATES;
    int64_t outs[MOST_LAYERS + 1], at[MOST_LAYERS + 1], word[MOST_LAYERS + 1], widest = 0, size = 0, words = 0;
    int64_t feature_at[MOST_LAYERS + 1], feature_size = 0;
    if (d >= MOST_LAYERS) return -1;
    outs[0] = e->widths[0];
    for (int64_t l = 1; l <= d; l++) {
        outs[l] = padded(e->widths[l]);
        widest = outs[l] > widest ? outs[l] : widest;
        at[l] = size;
        word[l] = words;
        size += (e->widths[l - 1] + 1) * outs[l];
        words += outs[l] / PAD;
        feature_at[l] = feature_size;
        feature_size += ((l == 1 ? e->image_size : e->widths[l - 1]) + 1) * outs[l];
    }
#if defined(__SSE__)
    const unsigned int mode = _mm_getcsr();
    _mm_setcsr(mode | 0x8040); /* flush denormals to zero, treat them as zero */
#endif
    float *free_space = e->scratch;
    Buffers value, feature;
    float *gate_gradient[MOST_LAYERS];
    value.z[0] = take(&free_space, rows * outs[0]);
    feature.z[0] = learnt ? take(&free_space, rows * e->image_size) : 0;
    for (int64_t l = 1; l <= d; l++) {
        value.z[l] = take(&free_space, rows * outs[l]);
        if (!learnt) continue;
        feature.z[l] = take(&free_space, rows * outs[l]);
        value.q[l] = take(&free_space, rows * outs[l]);
        value.gate[l] = take(&free_space, rows * outs[l]);
        gate_gradient[l] = take(&free_space, rows * outs[l]);
    }
    float *dq = take(&free_space, rows * widest), *dqt = take(&free_space, rows * widest);
    float *dzt = take(&free_space, rows * widest);

    const int adam = e->optimiser == ADAM;
    float *fw = e->theta + size, *fm = adam ? e->m + size : fw, *fv = adam ? e->v + size : fw;
    float *vw = e->theta, *vm = adam ? e->m : vw, *vv = adam ? e->v : vw;
    e->loss = 0;
    e->correct = 0;
    for (int64_t start = 0; start < e->examples; start += e->batch) {
        const int64_t n = e->examples - start < e->batch ? e->examples - start : e->batch;
        const int64_t *order = e->order + start;
        for (int64_t b = 0; b < n; b++)
            memcpy(value.z[0] + b * outs[0], e->x + order[b] * e->x_stride, outs[0] * sizeof(float));
        if (learnt)
            for (int64_t b = 0; b < n; b++)
                memcpy(feature.z[0] + b * e->image_size, e->images + order[b] * e->image_size,
                       e->image_size * sizeof(float));
        Step s = {adam, (int)e->biased, e->rate, e->beta1, e->beta2, e->epsilon};
        e->step++;
        if (adam) {
            const double unbias = sqrt(1 - pow(e->beta2, (double)e->step));
            s.rate = (float)(e->rate * unbias / (1 - pow(e->beta1, (double)e->step)));
            s.epsilon = (float)(e->epsilon * unbias);
        }
        if (learnt) /* the feature network: ReLU or linear, no output layer; its pre-activations become soft gates */
            for (int64_t l = 1; l < d; l++) {
                const int64_t in = l == 1 ? e->image_size : e->widths[l - 1], ldz = l == 1 ? in : outs[l - 1];
                const int64_t out = outs[l];
                float *z = feature.z[l], *G = value.gate[l], *w = fw + feature_at[l];
                multiply(n, out, in, feature.z[l - 1], ldz, w, out, w + in * out, z, out);
                for (int64_t k = 0; k < n * out; k += LANES) {
                    vec q = *(vec *)(z + k);
                    *(vec *)(G + k) = splat(e->gate_scale) / (splat(1) + exponential(splat(-e->gate_beta) * q));
                    if (!e->linear) *(vec *)(z + k) = gated(q, q);
                }
            }
        for (int64_t l = 1; l <= d; l++) {
            const int64_t in = e->widths[l - 1], out = outs[l];
            float *z = value.z[l];
            float *q = learnt && l < d ? value.q[l] : z;
            multiply(n, out, in, value.z[l - 1], outs[l - 1], vw + at[l], out, vw + at[l] + in * out, q, out);
            if (l == d) break;
            if (e->gating == FIXED_GATES) {
                apply_bits(e, order, n, out, word[l], z);
            } else if (learnt) {
                const float *G = value.gate[e->source[l - 1] + 1];
                for (int64_t k = 0; k < n * out; k += LANES) *(vec *)(z + k) = *(vec *)(q + k) * *(const vec *)(G + k);
            } else {
                for (int64_t k = 0; k < n * out; k += LANES) {
                    vec a = *(vec *)(z + k);
                    *(vec *)(z + k) = gated(a, a);
                }
            }
        }
        e->loss += cross_entropy(n, e->widths[d], outs[d], value.z[d], e->labels, order, &e->correct);
        memcpy(dq, value.z[d], n * outs[d] * sizeof(float));
        for (int64_t l = d; l >= 1; l--) { /* dq is the gradient of layer l's pre-activation */
            const int64_t in = e->widths[l - 1], out = outs[l], width = outs[l - 1];
            if (l > 1) {
                transpose(rows, out, dq, out, dqt, rows);
                multiply(in, rows, e->widths[l], vw + at[l], out, dqt, rows, 0, dzt, rows);
            }
            descend(s, l == 1 ? e->first_rate : 1, n, in, out, value.z[l - 1], outs[l - 1], dq, vw + at[l], vm + at[l],
                    vv + at[l]);
            if (l == 1) break;
            for (int64_t k = in * rows; k < width * rows; k++) dzt[k] = 0;
            transpose(width, rows, dzt, rows, dq, width);
            if (e->gating == FIXED_GATES) {
                apply_bits(e, order, n, width, word[l - 1], dq);
            } else if (learnt) {
                const int64_t from = e->source[l - 2] + 1;
                const float *G = value.gate[from], *q = value.q[l - 1];
                float *dg = gate_gradient[from];
                const vec slope = splat(e->gate_beta / e->gate_scale);
                for (int64_t k = 0; k < n * width; k += LANES) {
                    vec dz = *(vec *)(dq + k), g = *(const vec *)(G + k);
                    *(vec *)(dg + k) = dz * *(const vec *)(q + k) * slope * g * (splat(e->gate_scale) - g);
                    *(vec *)(dq + k) = dz * g;
                }
            } else {
                const float *z = value.z[l - 1];
                for (int64_t k = 0; k < n * width; k += LANES)
                    *(vec *)(dq + k) = gated(*(const vec *)(z + k), *(vec *)(dq + k));
            }
        }
        if (learnt) /* dq: what the gates of layer l ask for, plus what the layers above pass down */
            for (int64_t l = d - 1; l >= 1; l--) {
                const int64_t in = l == 1 ? e->image_size : e->widths[l - 1], out = outs[l];
                const int64_t width = l == 1 ? in : outs[l - 1], here = feature_at[l];
                if (l == d - 1) memcpy(dq, gate_gradient[l], n * out * sizeof(float));
                if (l > 1) {
                    transpose(rows, out, dq, out, dqt, rows);
                    multiply(in, rows, e->widths[l], fw + here, out, dqt, rows, 0, dzt, rows);
                }
                descend(s, 1, n, in, out, feature.z[l - 1], width, dq, fw + here, fm + here, fv + here);
                if (l == 1) break;
                for (int64_t k = in * rows; k < width * rows; k++) dzt[k] = 0;
                transpose(width, rows, dzt, rows, dq, width);
                const float *z = feature.z[l - 1], *dg = gate_gradient[l - 1];
                for (int64_t k = 0; k < n * width; k += LANES) {
                    vec below = *(vec *)(dq + k);
                    vec passed = e->linear ? below : gated(*(const vec *)(z + k), below);
                    *(vec *)(dq + k) = passed + *(const vec *)(dg + k);
                }
            }
    }
#if defined(__SSE__)
    _mm_setcsr(mode);
#endif
    return 0;
}
