/* Gates: what becomes of pre-activations, and of gradients on their way back, in place.
 *
 * A layer's outputs for one example are `channels` planes (convolution.h).  The outputs of a dense layer are one plane of
 * as many vectors as they fill, without an edge.  `inside` has a bit for every pixel of a plane that is in the image;
 * null stands for all.  Outside, z is zero, and so are hard gates, soft gates, and what passes them.
 */
#pragma once
#include "convolution.h"

#if defined(__AVX512F__)
typedef uint16_t Word; /* a bit for each lane of a vector */
#else
typedef uint8_t Word;
#endif

/* The last argument for each vector of some planes: k is its place in their floats, n its number. */
#define EACH_VECTOR(p, channels, ...)                         \
    for (int64_t c = 0, n = 0; c < (channels); c++)           \
        for (int64_t v = 0; v < (p).vectors; v++, n++) {      \
            const int64_t k = c * (p).pitch + v * (p).step;   \
            __VA_ARGS__                                       \
        }
#define AT(a) (*(vec *)((a) + k))
#define INSIDE (inside ? inside[v] : ~0u)

/* A feature network: the slope and height of its soft gates, and whether anything stands between its layers. */
typedef struct {
    float beta, scale;
    int linear; /* nothing does; else a ReLU */
} Feature;

/* What a layer of the feature network hands to the next: its pre-activations, or where they are positive. */
#define HANDED(q) select_bits(INSIDE, f.linear ? (q) : gated(q, q))

/* z = q where q > 0: the network gates itself. */
static void relu(Plane p, int64_t channels, const Word *inside, float *z) {
    EACH_VECTOR(p, channels, AT(z) = select_bits(INSIDE, gated(AT(z), AT(z)));)
}

/* A layer of the feature network, and the bits of its gates. */
static void feature_bits(Plane p, int64_t channels, const Word *inside, Feature f, float *z, Word *bits) {
    EACH_VECTOR(p, channels, {
        const vec q = AT(z);
        bits[n] = (Word)(positive_bits(q) & INSIDE);
        AT(z) = HANDED(q);
    })
}

/* The same, and its soft gates. */
static void feature_soft(Plane p, int64_t channels, const Word *inside, Feature f, float *z, float *G) {
    EACH_VECTOR(p, channels, {
        const vec q = AT(z);
        AT(G) = select_bits(INSIDE, splat(f.scale) / (splat(1) + exponential(splat(-f.beta) * q)));
        AT(z) = HANDED(q);
    })
}

/* z = q, or dq = dz, where the bit is set. */
static void pass_bits(Plane p, int64_t channels, const Word *bits, float *a) {
    EACH_VECTOR(p, channels, AT(a) = select_bits(bits[n], AT(a));)
}

/* z = q G. */
static void pass_soft(Plane p, int64_t channels, const float *G, float *z) {
    EACH_VECTOR(p, channels, AT(z) *= AT(G);)
}

/* dq = dz where z > 0. */
static void back_relu(Plane p, int64_t channels, const float *z, float *dz) {
    EACH_VECTOR(p, channels, AT(dz) = gated(AT(z), AT(dz));)
}

/* dq = dz G; and in place of G what the gate's own pre-activation is asked for, as z = q G:
 * dz q G' = dz q beta G (scale - G) / scale = dz z (beta / scale) (scale - G). */
static void back_soft(Plane p, int64_t channels, const float *z, Feature f, float *G, float *dz) {
    EACH_VECTOR(p, channels, {
        const vec g = AT(G), d = AT(dz);
        AT(G) = d * AT(z) * splat(f.beta / f.scale) * (splat(f.scale) - g);
        AT(dz) = d * g;
    })
}

/* In the feature network: what passes its ReLU, if it has one, and what its gates are asked for. */
static void back_feature(Plane p, int64_t channels, const Word *inside, Feature f, const float *z, const float *asked,
                         float *dz) {
    EACH_VECTOR(p, channels, {
        const vec passed = f.linear ? select_bits(INSIDE, AT(dz)) : gated(AT(z), AT(dz));
        AT(dz) = passed + AT(asked);
    })
}

#undef AT
#undef INSIDE
#undef HANDED
