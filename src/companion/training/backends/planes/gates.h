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

/* The height and slope of soft gates. */
typedef struct {
    float beta, scale;
} Soft;

/* z = q where q > 0: the network gates itself. */
static void relu(Plane p, int64_t channels, const Word *inside, float *z) {
    EACH_VECTOR(p, channels, AT(z) = select_bits(INSIDE, gated(AT(z), AT(z)));)
}

/* The same, and the bits of its gates. */
static void relu_bits(Plane p, int64_t channels, const Word *inside, float *z, Word *bits) {
    EACH_VECTOR(p, channels, {
        bits[n] = (Word)(positive_bits(AT(z)) & INSIDE);
        AT(z) = select_bits(bits[n], AT(z));
    })
}

/* The same, and its soft gates. */
static void relu_soft(Plane p, int64_t channels, const Word *inside, Soft s, float *z, float *G) {
    EACH_VECTOR(p, channels, {
        const vec q = AT(z);
        AT(G) = select_bits(INSIDE, splat(s.scale) / (splat(1) + exponential(splat(-s.beta) * q)));
        AT(z) = select_bits(INSIDE, gated(q, q));
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
static void back_soft(Plane p, int64_t channels, const float *z, Soft s, float *G, float *dz) {
    EACH_VECTOR(p, channels, {
        const vec g = AT(G), d = AT(dz);
        AT(G) = d * AT(z) * splat(s.beta / s.scale) * (splat(s.scale) - g);
        AT(dz) = d * g;
    })
}

/* In the feature network: what passes its own ReLU, and what its gates are asked for. */
static void back_feature(Plane p, int64_t channels, const float *z, const float *asked, float *dz) {
    EACH_VECTOR(p, channels, AT(dz) = gated(AT(z), AT(dz)) + AT(asked);)
}

#undef AT
#undef INSIDE
