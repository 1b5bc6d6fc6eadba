/* One step of an optimiser, a vector of parameters at a time, written as PyTorch writes it. */
#pragma once
#include "vectors.h"

enum { SGD, ADAM, RMSPROP, MOMENTUM };

/* The constants of one step.  m and v hold what is remembered of each parameter: ADAM both moments, RMSPROP the second
 * in v, MOMENTUM the velocity in m. */
typedef struct {
    int kind, biased;
    float rate, beta1, beta2, epsilon; /* beta1: of ADAM's first moment, or momentum; beta2: of second moments */
    float decay;                       /* so much of a parameter is added to its gradient */
    int nesterov;                      /* MOMENTUM: step along what the velocity will be if the gradient stays */
} Step;

/* Adam's bias correction, moved into rate and epsilon; `step` counts from 1. */
INLINE Step corrected(Step s, int64_t step) {
    if (s.kind == ADAM) {
        const double unbias = sqrt(1 - pow(s.beta2, (double)step));
        s.rate = (float)(s.rate * unbias / (1 - pow(s.beta1, (double)step)));
        s.epsilon = (float)(s.epsilon * unbias);
    }
    return s;
}

INLINE void update(Step s, vec g, float *w, float *m, float *v) {
    if (s.decay != 0) g += splat(s.decay) * *(vec *)w;
    if (s.kind == ADAM) {
        vec first = *(vec *)m * splat(s.beta1) + g * splat(1 - s.beta1);
        vec second = *(vec *)v * splat(s.beta2) + g * g * splat(1 - s.beta2);
        *(vec *)m = first;
        *(vec *)v = second;
        g = first / (square_root(second) + splat(s.epsilon));
    } else if (s.kind == RMSPROP) {
        vec second = *(vec *)v * splat(s.beta2) + g * g * splat(1 - s.beta2);
        *(vec *)v = second;
        g = g / (square_root(second) + splat(s.epsilon));
    } else if (s.kind == MOMENTUM) {
        vec velocity = *(vec *)m * splat(s.beta1) + g;
        *(vec *)m = velocity;
        if (s.nesterov) g += velocity * splat(s.beta1);
        else g = velocity;
    }
    *(vec *)w -= splat(s.rate) * g;
}
