/* How fast one core multiplies and adds, with nothing in its way: CHAINS independent sums held in registers. */
#include <stdint.h>

#if defined(__AVX512F__)
enum { LANES = 16, CHAINS = 24 };
#else
enum { LANES = 8, CHAINS = 12 };
#endif
typedef float vec __attribute__((vector_size(4 * LANES)));

/* Makes 2 * LANES * CHAINS * rounds operations; returns a number that depends on all of them. */
float multiply_add(int64_t rounds, float factor, float term) {
    vec sums[CHAINS];
    const vec a = factor - (vec){0}, b = term - (vec){0};
    for (int c = 0; c < CHAINS; c++) sums[c] = (float)c - (vec){0};
    for (int64_t k = 0; k < rounds; k++)
#pragma GCC unroll 24
        for (int c = 0; c < CHAINS; c++) sums[c] = sums[c] * a + b;
    float total = 0;
    for (int c = 0; c < CHAINS; c++)
        for (int l = 0; l < LANES; l++) total += sums[c][l];
    return total;
}

int64_t operations_per_round(void) { return 2 * LANES * CHAINS; }
