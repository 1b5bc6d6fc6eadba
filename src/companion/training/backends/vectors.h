/* Vectors of floats, as wide as the processor has them: what all kernels here are written in. */
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE__)
#include <immintrin.h>
#endif

#define PAD 16
#define INLINE static inline __attribute__((always_inline))

#if defined(__AVX512F__)
enum { LANES = 16 };
#else
enum { LANES = 8 };
#endif
typedef float vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t ivec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

INLINE int64_t padded(int64_t n) { return (n + PAD - 1) / PAD * PAD; }

INLINE vec splat(float a) { return a - (vec){0}; }

INLINE vec choose(ivec condition, vec yes, vec no) { return (vec)((condition & (ivec)yes) | (~condition & (ivec)no)); }

/* a where the gate is open, that is where q > 0; else 0. */
INLINE vec gated(vec q, vec a) { return (vec)((q > splat(0)) & (ivec)a); }

/* a where the bit of its lane is set, the lowest bit for the first lane; else 0. */
INLINE vec select_bits(uint32_t bits, vec a) {
#if defined(__AVX512F__)
    return (vec)_mm512_maskz_mov_ps((__mmask16)bits, (__m512)a);
#else
    ivec own;
    for (int k = 0; k < LANES; k++) own[k] = 1 << k;
    return (vec)((((int32_t)bits - (ivec){0}) & own) == own & (ivec)a);
#endif
}

/* The inverse of select_bits: a bit for every lane where q > 0. */
INLINE uint32_t positive_bits(vec q) {
#if defined(__AVX512F__)
    return _mm512_cmp_ps_mask((__m512)q, _mm512_setzero_ps(), _CMP_GT_OQ);
#else
    uint32_t bits = 0;
    for (int k = 0; k < LANES; k++) bits |= (uint32_t)(q[k] > 0) << k;
    return bits;
#endif
}

/* Says that a vector changes here, which it does not: it stays in its register.  Otherwise the compiler would rather load
 * it again for every product it is in. */
#if defined(__AVX512F__)
#define HOLD(a) __asm__("" : "+v"(a))
#elif defined(__AVX__)
#define HOLD(a) __asm__("" : "+x"(a))
#else
#define HOLD(a) (void)(a)
#endif

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

/* Lane k of the result has, of the two vectors, the one that bit `half` of k selects: lane k of it, and its partner's. */
INLINE void exchange(int half, vec a, vec b, vec *first, vec *second) {
    ivec low, high;
    for (int k = 0; k < LANES; k++) {
        low[k] = (k & half) ? LANES + k - half : k;
        high[k] = (k & half) ? LANES + k : k + half;
    }
    *first = __builtin_shuffle(a, b, low);
    *second = __builtin_shuffle(a, b, high);
}

/* Denormals are flushed to zero while a kernel runs, and treated as zero: they would cost a fifth of the time. */
INLINE unsigned int flush_denormals(void) {
#if defined(__SSE__)
    const unsigned int mode = _mm_getcsr();
    _mm_setcsr(mode | 0x8040);
    return mode;
#else
    return 0;
#endif
}

INLINE void restore_denormals(unsigned int mode) {
#if defined(__SSE__)
    _mm_setcsr(mode);
#else
    (void)mode;
#endif
}
