/* What an epoch is told, where everything lies in its scratch memory, and the steps of single layers. */
#pragma once
#include "../products.h"
#include "gates.h"

enum { OWN_GATES, FIXED_GATES, LEARNT_GATES };
enum { MOST_LAYERS = 64 };

/* Everything an epoch needs to know; the same fields, in the same order, stand in kernel.py. */
typedef struct {
    int64_t convolutions;    /* c, at least 1 */
    const int64_t *channels; /* c + 1 of them: of the image, of each convolution */
    int64_t height, width;   /* of an image */
    int64_t pooled;          /* 1: a global average pool follows the convolutions; 0: their outputs as they are */
    int64_t dense;           /* dense layers, the output layer included: d, at least 1 */
    const int64_t *widths;   /* d + 1 of them: what enters the first, hidden ..., classes */
    int64_t gating;          /* OWN_GATES, FIXED_GATES (bits) or LEARNT_GATES (soft, from a trained feature network) */
    const int64_t *source;   /* c + d - 1: value layer l takes the gates of feature layer source[l] */
    int64_t linear;          /* nothing stands between the layers of the feature network, else a ReLU */
    int64_t optimiser;
    const float *rates;      /* of each step of the epoch */
    float beta1, beta2, epsilon, decay;
    int64_t nesterov;
    float gate_beta, gate_scale;
    int64_t biased;          /* 0: biases are zero and stay so */
    int64_t batch;
    int64_t span;            /* examples that go forward, through the dense layers, and back together */
    int64_t group;           /* of them, those over which the gradient of weights is summed in registers */
    int64_t examples;        /* length of order */
    const int64_t *order;
    const float *images;     /* [N][channels[0]][height][width] */
    const float *constant;   /* null: images enter the value network; else one image that does so in place of all */
    const int64_t *labels;
    const void *bits;        /* FIXED_GATES: [N][words] of all examples; null: by the frozen network, each time anew */
    float *theta, *m, *v;    /* value network, then (LEARNT_GATES) feature network; m, v where the optimiser has them */
    const float *frozen;     /* FIXED_GATES without bits: the feature network, which has no output layer */
    int64_t step;            /* steps made so far */
    float *scratch;
    double loss;             /* out: sum over examples */
    int64_t correct;         /* out */
} Epoch;

/* Sizes and places that both networks share; [l] counts gated layers from 1, [j] dense layers, 0 is what enters. */
typedef struct {
    Feature feature;                                     /* its gates */
    Plane plane, line[MOST_LAYERS];                      /* of an image; of a row of dense layer j */
    int64_t pixels, image[MOST_LAYERS];                  /* floats of an image outside; of layer l's planes here */
    int64_t wide[MOST_LAYERS];                           /* floats of a row of dense layer j */
    int64_t conv[MOST_LAYERS], flat[MOST_LAYERS];        /* where parameters begin: of convolution l, of dense layer j */
    int64_t convolved;                                   /* parameters of all convolutions, padded */
    int64_t word[MOST_LAYERS], words;                    /* where bits begin of layer l; of an example */
    Word *inside, *fresh;                                /* bits of an image's pixels; gates computed anew for a span */
    const Word **bits_of;                                /* the gates of each example of a span */
    float *dqt, *dzt;                                    /* transposed gradients of dense layers */
} Layout;

/* One network's parameters and memory. */
typedef struct {
    const float *theta;
    float *w, *m, *v;                                    /* theta and moments where it trains */
    float *gradient;                                     /* of the convolutions' parameters */
    float *forward[MOST_LAYERS], *backward[MOST_LAYERS]; /* packed weights of convolutions */
    float *z[MOST_LAYERS];                               /* [span] planes: of the image, of each convolution */
    int64_t stride[MOST_LAYERS];                         /* floats from an example to the next; 0: all are one */
    float *gate[MOST_LAYERS];                            /* LEARNT_GATES: like z, and [batch] rows of dense layers */
    float *rows[MOST_LAYERS], *back[MOST_LAYERS];        /* [batch] rows of dense layers, and their gradients */
    float *dq[2];                                        /* [group] planes of gradients, in turn */
} Network;

/* Memory handed out piece by piece; without a base it only counts. */
typedef struct {
    float *base;
    int64_t used;
} Arena;

static float *take(Arena *arena, int64_t floats) {
    float *here = arena->base ? arena->base + arena->used : 0;
    arena->used += padded(floats);
    return here;
}

/* `images` images of planes, with the zeros that are needed around them. */
static float *take_planes(Arena *arena, Plane p, int64_t floats) {
    float *here = take(arena, p.lead + floats + p.lead);
    return here ? here + p.lead : 0;
}

static void arrange_network(const Epoch *e, const Layout *y, Arena *arena, Network *net, int64_t dense, int trains, float *image) {
    const int64_t c = e->convolutions, rows = padded(e->batch) + PAD;
    int64_t largest = 0;
    for (int64_t l = 0; l <= c; l++) {
        net->stride[l] = y->image[l];
        net->z[l] = !l && image ? image : take_planes(arena, y->plane, e->span * y->image[l]);
        if (!l) continue;
        largest = y->image[l] > largest ? y->image[l] : largest;
        net->forward[l] = take(arena, e->channels[l - 1] * e->channels[l] * TAPS);
        net->backward[l] = take(arena, trains ? e->channels[l - 1] * e->channels[l] * TAPS : 0);
        if (e->gating == LEARNT_GATES) net->gate[l] = take_planes(arena, y->plane, e->span * y->image[l]);
    }
    for (int64_t j = 0; j <= dense; j++) {
        net->rows[j] = take(arena, rows * y->wide[j]);
        net->back[j] = take(arena, trains ? rows * y->wide[j] : 0);
        if (j && e->gating == LEARNT_GATES) net->gate[c + j] = take(arena, rows * y->wide[j]);
    }
    if (!trains) return;
    net->gradient = take(arena, y->convolved);
    for (int i = 0; i < 2; i++) net->dq[i] = take_planes(arena, y->plane, e->group * largest);
}

/* Everything in its place; returns the floats of scratch that it takes. */
static int64_t arrange(const Epoch *e, float *scratch, Layout *y, Network *value, Network *feature) {
    Arena arena = {scratch, 0};
    const int64_t c = e->convolutions, d = e->dense;
    const int own_feature = e->gating == LEARNT_GATES || e->frozen;
    int64_t widest = 0;
    memset(y, 0, sizeof *y);
    memset(value, 0, sizeof *value);
    memset(feature, 0, sizeof *feature);
    const Plane p = y->plane = plane_of(e->height, e->width);
    y->feature = (Feature){e->gate_beta, e->gate_scale, (int)e->linear};
    y->pixels = e->channels[0] * e->height * e->width;
    for (int64_t l = 0; l <= c; l++) {
        y->image[l] = e->channels[l] * p.pitch;
        if (!l) continue;
        y->conv[l] = y->convolved;
        y->convolved += (e->channels[l - 1] * TAPS + 1) * e->channels[l];
        y->word[l] = y->words;
        y->words += e->channels[l] * p.vectors;
    }
    y->convolved = padded(y->convolved);
    int64_t size = y->convolved;
    for (int64_t j = 0; j <= d; j++) {
        y->wide[j] = padded(e->widths[j]);
        y->line[j] = (Plane){.step = LANES, .vectors = y->wide[j] / LANES, .pitch = y->wide[j]};
        widest = y->wide[j] > widest ? y->wide[j] : widest;
        if (!j) continue;
        y->flat[j] = size;
        size += (e->widths[j - 1] + 1) * y->wide[j];
        if (j == d) break;
        y->word[c + j] = y->words;
        y->words += y->wide[j] / LANES;
    }
    y->inside = (Word *)take(&arena, p.vectors);
    y->fresh = (Word *)take(&arena, e->gating == FIXED_GATES ? e->span * y->words : 0);
    y->bits_of = (const Word **)take(&arena, 2 * e->span);
    y->dqt = take(&arena, padded(e->span) * widest);
    y->dzt = take(&arena, padded(e->span) * widest);
    arrange_network(e, y, &arena, value, d, 1, 0);
    value->theta = value->w = e->theta;
    value->m = e->m;
    value->v = e->v;
    if (e->constant) value->stride[0] = 0;
    if (own_feature) {
        arrange_network(e, y, &arena, feature, d - 1, e->gating == LEARNT_GATES, e->constant ? 0 : value->z[0]);
        feature->theta = e->gating == LEARNT_GATES ? e->theta + size : e->frozen;
        feature->w = e->theta + size;
        feature->m = e->m + size;
        feature->v = e->v + size;
        memcpy(value->gate, feature->gate, sizeof value->gate);
    }
    for (int64_t v = 0; scratch && v < p.vectors; v++)
        for (int k = 0; k < LANES; k++) {
            const int64_t at = v * p.step + k;
            y->inside[v] |= (Word)((at < p.height * p.row && at % p.row < p.width) << k);
        }
    return arena.used;
}

/* An image among planes, and back. */
static void place(const Epoch *e, const Layout *y, const float *image, float *planes) {
    for (int64_t c = 0; c < e->channels[0]; c++)
        for (int64_t r = 0; r < e->height; r++, image += e->width)
            memcpy(planes + c * y->plane.pitch + r * y->plane.row, image, e->width * sizeof(float));
}

/* What the last convolution hands to the first dense layer: the mean of each plane, or all its pixels. */
static void gather(const Epoch *e, const Layout *y, const float *z, float *row) {
    const Plane p = y->plane;
    for (int64_t c = 0; c < e->channels[e->convolutions]; c++, z += p.pitch) {
        if (e->pooled) {
            vec sum[1] = {splat(0)};
            float total[LANES];
            for (int64_t v = 0; v < p.vectors; v++) sum[0] += *(const vec *)(z + v * p.step);
            across_lanes(1, sum, total);
            row[c] = total[0] / (p.height * p.width);
        } else
            for (int64_t r = 0; r < p.height; r++, row += p.width) memcpy(row, z + r * p.row, p.width * sizeof(float));
    }
}

/* The same on the way back: gradients of each pixel. */
static void scatter(const Epoch *e, const Layout *y, const float *row, float *dz) {
    const Plane p = y->plane;
    for (int64_t c = 0; c < e->channels[e->convolutions]; c++, dz += p.pitch) {
        if (e->pooled) {
            const vec each = splat(row[c] / (p.height * p.width));
            for (int64_t v = 0; v < p.vectors; v++) *(vec *)(dz + v * p.step) = each;
        } else
            for (int64_t r = 0; r < p.height; r++, row += p.width) memcpy(dz + r * p.row, row, p.width * sizeof(float));
    }
}

static void convolve_layer(const Epoch *e, const Layout *y, const Network *net, int64_t l, int64_t slot) {
    const int64_t in = e->channels[l - 1], out = e->channels[l];
    const float *biases = net->theta + y->conv[l] + in * out * TAPS;
    convolve(y->plane, in, out, net->z[l - 1] + slot * net->stride[l - 1], net->forward[l], biases,
             net->z[l] + slot * net->stride[l]);
}

static void multiply_layer(const Epoch *e, const Layout *y, const Network *net, int64_t j, int64_t first, int64_t n) {
    const int64_t in = e->widths[j - 1], out = y->wide[j];
    const float *w = net->theta + y->flat[j];
    multiply(n, out, in, net->rows[j - 1] + first * y->wide[j - 1], y->wide[j - 1], w, out, w + in * out,
             net->rows[j] + first * out, out);
}

/* From the gradient of dense layer j's pre-activations to that of what enters it. */
static void multiply_back(const Epoch *e, const Layout *y, Network *net, int64_t j, int64_t first, int64_t n) {
    const int64_t in = e->widths[j - 1], wide = y->wide[j - 1], out = y->wide[j], rows = padded(n);
    transpose(rows, out, net->back[j] + first * out, out, y->dqt, rows);
    multiply(in, rows, e->widths[j], net->theta + y->flat[j], out, y->dqt, rows, 0, y->dzt, rows);
    for (int64_t k = in * rows; k < wide * rows; k++) y->dzt[k] = 0;
    transpose(wide, rows, y->dzt, rows, net->back[j - 1] + first * wide, wide);
}

/* Before a batch: convolutions' weights as they are read, and their gradients at zero. */
static void pack_layers(const Epoch *e, const Layout *y, Network *net, int trains) {
    for (int64_t l = 1; l <= e->convolutions; l++) {
        const float *w = net->theta + y->conv[l];
        pack(e->channels[l - 1], e->channels[l], w, 0, net->forward[l]);
        if (trains && l > 1) pack(e->channels[l - 1], e->channels[l], w, 1, net->backward[l]);
    }
    if (trains) memset(net->gradient, 0, y->convolved * sizeof(float));
}

/* n parameters, a multiple of PAD, by their gradients. */
static void step_all(Step s, int64_t n, const float *g, float *w, float *m, float *v) {
    for (int64_t k = 0; k < n; k += LANES) update(s, *(const vec *)(g + k), w + k, m + k, v + k);
}

/* After a batch of n: all weights make their step. */
static void move(const Epoch *e, const Layout *y, Step s, Network *net, int64_t n) {
    const int64_t dense = net->back[e->dense] ? e->dense : e->dense - 1; /* features have no output layer */
    step_all(s, y->convolved, net->gradient, net->w, net->m, net->v);
    for (int64_t j = 1; j <= dense; j++) {
        const int64_t at = y->flat[j];
        descend(s, 1, n, e->widths[j - 1], y->wide[j], net->rows[j - 1], y->wide[j - 1], net->back[j], net->w + at,
                net->m + at, net->v + at);
    }
}
