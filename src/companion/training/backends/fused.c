/* One epoch of one fully connected network or deep gated network, batch by batch, inside the cache of one core.
 *
 * All matrices are row-major.  A layer's weights are [in][out], rows padded with zeros to a multiple of PAD floats, its
 * bias follows in one more row.  Padded columns stay zero: their gradient is a product with zero.
 */
#include "loss.h"
#include "products.h"

enum { OWN_GATES, FIXED_GATES, LEARNT_GATES };

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
    const unsigned int mode = flush_denormals();
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
        const Step plain = {.kind = (int)e->optimiser, .biased = (int)e->biased, .rate = e->rate,
                            .beta1 = e->beta1, .beta2 = e->beta2, .epsilon = e->epsilon};
        const Step s = corrected(plain, ++e->step);
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
        e->loss += cross_entropy(n, n, e->widths[d], outs[d], value.z[d], e->labels, order, &e->correct);
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
    restore_denormals(mode);
    return 0;
}
