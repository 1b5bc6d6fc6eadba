/* One epoch of one convolutional network or deep gated network, batch by batch, inside the cache of one core.
 *
 * Convolutions of 3 x 3, then a global average pool or none, then dense layers, the last of which has the outputs.  A few
 * examples at a time go forward through all layers and back (a span), so that their activations are still in the cache;
 * the weights stand still meanwhile, and move at the end of the batch.  How the pixels lie in memory, and why, stands in
 * convolution.h; dense layers are those of ../products.h.
 *
 * Parameters of a network: convolutions [out][in][3][3] and then [out] biases, layer after layer; that part padded to whole
 * vectors; then the dense layers [in][out], rows padded with zeros, and a row of biases.
 */
#include "network.h"
#include "../loss.h"

/* The value network's forward pass for one example, and its features into a row of the first dense layer's input. */
static void forward_value(const Epoch *e, const Layout *y, const Network *value, int64_t slot, int64_t row, const Word *bits) {
    const Plane p = y->plane;
    for (int64_t l = 1; l <= e->convolutions; l++) {
        float *z = value->z[l] + slot * y->image[l];
        convolve_layer(e, y, value, l, slot);
        if (e->gating == OWN_GATES) relu(p, e->channels[l], y->inside, z);
        else if (e->gating == FIXED_GATES) pass_bits(p, e->channels[l], bits + y->word[e->source[l - 1] + 1], z);
        else pass_soft(p, e->channels[l], value->gate[e->source[l - 1] + 1] + slot * y->image[l], z);
    }
    gather(e, y, value->z[e->convolutions] + slot * y->image[e->convolutions], value->rows[0] + row * y->wide[0]);
}

/* The feature network's: its gates become bits of this example, or are kept as they are. */
static void forward_feature(const Epoch *e, const Layout *y, const Network *f, int64_t slot, int64_t row, Word *bits) {
    for (int64_t l = 1; l <= e->convolutions; l++) {
        const int64_t at = slot * y->image[l];
        convolve_layer(e, y, f, l, slot);
        if (bits) feature_bits(y->plane, e->channels[l], y->inside, y->feature, f->z[l] + at, bits + y->word[l]);
        else feature_soft(y->plane, e->channels[l], y->inside, y->feature, f->z[l] + at, f->gate[l] + at);
    }
    if (e->dense > 1)
        gather(e, y, f->z[e->convolutions] + slot * y->image[e->convolutions], f->rows[0] + row * y->wide[0]);
}

/* Gates of a span of examples by the feature network: rows `first` to `first + n` of the batch. */
static void feature_span(const Epoch *e, const Layout *y, const Network *f, int64_t first, int64_t n, Word *bits) {
    for (int64_t b = 0; b < n; b++) forward_feature(e, y, f, b, first + b, bits ? bits + b * y->words : 0);
    for (int64_t j = 1; j < e->dense; j++) {
        const int64_t l = e->convolutions + j;
        multiply_layer(e, y, f, j, first, n);
        for (int64_t b = 0; b < n; b++) {
            const int64_t at = (first + b) * y->wide[j];
            if (bits) feature_bits(y->line[j], 1, 0, y->feature, f->rows[j] + at, bits + b * y->words + y->word[l]);
            else feature_soft(y->line[j], 1, 0, y->feature, f->rows[j] + at, f->gate[l] + at);
        }
    }
}

/* The dense layers of the value network for a span: forward, loss, and back to what enters the first of them. */
static void dense_span(Epoch *e, const Layout *y, Network *value, int64_t start, int64_t first, int64_t n, int64_t size,
                       const Word *const *bits) {
    const int64_t last = e->dense;
    for (int64_t j = 1; j <= last; j++) {
        multiply_layer(e, y, value, j, first, n);
        for (int64_t b = 0; b < n && j < last; b++) {
            const int64_t at = (first + b) * y->wide[j], from = e->source[e->convolutions + j - 1] + 1;
            float *z = value->rows[j] + at;
            if (e->gating == OWN_GATES) relu(y->line[j], 1, 0, z);
            else if (e->gating == FIXED_GATES) pass_bits(y->line[j], 1, bits[b] + y->word[from], z);
            else pass_soft(y->line[j], 1, value->gate[from] + at, z);
        }
    }
    float *logits = value->rows[last] + first * y->wide[last];
    e->loss += cross_entropy(n, size, e->widths[last], y->wide[last], logits, e->labels, e->order + start + first, &e->correct);
    memcpy(value->back[last] + first * y->wide[last], logits, n * y->wide[last] * sizeof(float));
    for (int64_t j = last; j >= 1; j--) {
        multiply_back(e, y, value, j, first, n);
        for (int64_t b = 0; b < n && j > 1; b++) {
            const int64_t at = (first + b) * y->wide[j - 1], from = e->source[e->convolutions + j - 2] + 1;
            float *dz = value->back[j - 1] + at;
            const float *z = value->rows[j - 1] + at;
            if (e->gating == OWN_GATES) back_relu(y->line[j - 1], 1, z, dz);
            else if (e->gating == FIXED_GATES) pass_bits(y->line[j - 1], 1, bits[b] + y->word[from], dz);
            else back_soft(y->line[j - 1], 1, z, y->feature, value->gate[from] + at, dz);
        }
    }
}

/* The dense layers of the feature network, back: their gates know by now what is asked of them. */
static void dense_feature_back(const Epoch *e, const Layout *y, Network *f, int64_t first, int64_t n) {
    for (int64_t j = e->dense - 1; j >= 1; j--) {
        const float *asked = f->gate[e->convolutions + j];
        float *dz = f->back[j];
        if (j == e->dense - 1) memset(dz + first * y->wide[j], 0, n * y->wide[j] * sizeof(float));
        for (int64_t b = first; b < first + n; b++) {
            const int64_t at = b * y->wide[j];
            back_feature(y->line[j], 1, 0, y->feature, f->rows[j] + at, asked + at, dz + at);
        }
        multiply_back(e, y, f, j, first, n);
    }
}

/* The convolutions of a network back, for a group of a span's examples from `slot` on: gradients of its weights. */
static void back_group(const Epoch *e, const Layout *y, Network *net, int is_feature, int64_t slot, int64_t row, int64_t n,
                       const Word *const *bits) {
    const Plane p = y->plane;
    float *dq = net->dq[0], *dz = net->dq[1];
    for (int64_t l = e->convolutions; l >= 1; l--) {
        const int64_t in = e->channels[l - 1], out = e->channels[l], from = e->source[l - 1] + 1;
        for (int64_t b = 0; b < n; b++) {
            const float *z = net->z[l] + (slot + b) * y->image[l];
            float *own = dq + b * y->image[l], *G = net->gate[is_feature ? l : from];
            if (G) G += (slot + b) * y->image[l];
            if (l == e->convolutions) {
                if (is_feature && e->dense == 1) memset(own, 0, y->image[l] * sizeof(float));
                else scatter(e, y, net->back[0] + (row + b) * y->wide[0], own);
            }
            if (is_feature) back_feature(p, out, y->inside, y->feature, z, G, own);
            else if (e->gating == OWN_GATES) back_relu(p, out, z, own);
            else if (e->gating == FIXED_GATES) pass_bits(p, out, bits[b] + y->word[from], own);
            else back_soft(p, out, z, y->feature, G, own);
        }
        const Images behind = {dq, y->image[l]}, before = {net->z[l - 1] + slot * net->stride[l - 1], net->stride[l - 1]};
        float *dw = net->gradient + y->conv[l];
        gradient(p, in, out, n, behind, before, dw, e->biased ? dw + in * out * TAPS : 0);
        if (l == 1) break;
        for (int64_t b = 0; b < n; b++)
            convolve(p, out, in, dq + b * y->image[l], net->backward[l], 0, dz + b * y->image[l - 1]);
        float *other = dq;
        dq = dz;
        dz = other;
    }
}

/* One batch: `size` examples from `start` of the order. */
static void batch(Epoch *e, const Layout *y, Network *value, Network *feature, int64_t start, int64_t size) {
    const int learnt = e->gating == LEARNT_GATES, anew = e->gating == FIXED_GATES && !e->bits;
    pack_layers(e, y, value, 1);
    if (learnt) pack_layers(e, y, feature, 1);
    for (int64_t first = 0; first < size; first += e->span) {
        const int64_t n = size - first < e->span ? size - first : e->span;
        for (int64_t b = 0; b < n; b++) {
            const int64_t example = e->order[start + first + b];
            if (!e->constant) place(e, y, e->images + example * y->pixels, value->z[0] + b * y->image[0]);
            else if (feature->z[0]) place(e, y, e->images + example * y->pixels, feature->z[0] + b * y->image[0]);
            y->bits_of[b] = !e->bits ? y->fresh + b * y->words : (const Word *)e->bits + example * y->words;
        }
        if (learnt || anew) feature_span(e, y, feature, first, n, anew ? y->fresh : 0);
        for (int64_t b = 0; b < n; b++) forward_value(e, y, value, b, first + b, y->bits_of[b]);
        dense_span(e, y, value, start, first, n, size, y->bits_of);
        if (learnt) dense_feature_back(e, y, feature, first, n);
        for (int64_t b = 0; b < n; b += e->group) {
            const int64_t some = n - b < e->group ? n - b : e->group;
            back_group(e, y, value, 0, b, first + b, some, y->bits_of + b);
            if (learnt) back_group(e, y, feature, 1, b, first + b, some, 0);
        }
    }
    const Step s = corrected((Step){.kind = (int)e->optimiser, .biased = (int)e->biased, .rate = e->rates[start / e->batch],
                                    .beta1 = e->beta1,
                                    .beta2 = e->beta2, .epsilon = e->epsilon, .decay = e->decay,
                                    .nesterov = (int)e->nesterov}, ++e->step);
    move(e, y, s, value, size);
    if (learnt) move(e, y, s, feature, size);
}

/* Floats of scratch that an epoch needs, or the gates of `span` examples. */
int64_t companion_planes_scratch(const Epoch *e) {
    Layout y;
    Network value, feature;
    return arrange(e, 0, &y, &value, &feature);
}

/* Words of gates that an example has. */
int64_t companion_planes_words(const Epoch *e) {
    Layout y;
    Network value, feature;
    arrange(e, 0, &y, &value, &feature);
    return y.words;
}

/* Bytes of a word, and with it the widest vectors that this library was built for. */
int64_t companion_planes_word(void) { return sizeof(Word); }

/* Trains an epoch; scratch is all zeros. */
void companion_planes_epoch(Epoch *e) {
    Layout y;
    Network value, feature;
    arrange(e, e->scratch, &y, &value, &feature);
    const unsigned int mode = flush_denormals();
    if (e->constant) place(e, &y, e->constant, value.z[0]);
    if (feature.theta && e->gating == FIXED_GATES) pack_layers(e, &y, &feature, 0);
    e->loss = 0;
    e->correct = 0;
    for (int64_t start = 0; start < e->examples; start += e->batch)
        batch(e, &y, &value, &feature, start, e->examples - start < e->batch ? e->examples - start : e->batch);
    restore_denormals(mode);
}

/* The gates of the images in `order`, by the frozen feature network: [examples][words]; scratch is all zeros. */
void companion_planes_gates(Epoch *e, Word *bits) {
    Layout y;
    Network value, feature;
    arrange(e, e->scratch, &y, &value, &feature);
    const unsigned int mode = flush_denormals();
    pack_layers(e, &y, &feature, 0);
    for (int64_t start = 0; start < e->examples; start += e->span) {
        const int64_t n = e->examples - start < e->span ? e->examples - start : e->span;
        for (int64_t b = 0; b < n; b++)
            place(e, &y, e->images + e->order[start + b] * y.pixels, feature.z[0] + b * y.image[0]);
        feature_span(e, &y, &feature, 0, n, bits + start * y.words);
    }
    restore_denormals(mode);
}

/* One step over n parameters, a multiple of PAD; `count` is its number, from 1.  For tests. */
void companion_planes_step(const Step *s, int64_t count, int64_t n, const float *g, float *w, float *m, float *v) {
    step_all(corrected(*s, count), n, g, w, m, v);
}
