/* What a batch's logits cost, and which way they should move. */
#pragma once
#include "vectors.h"

/* Softmax cross-entropy: logits [rows][out] become their gradient, divided by the size of the batch, of which the rows
 * may be a part; returns the summed loss. */
static double cross_entropy(int64_t rows, int64_t batch, int64_t classes, int64_t out, float *q, const int64_t *labels,
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
        for (int64_t c = 0; c < classes; c++) row[c] = (row[c] / sum - (c == label)) / batch;
        for (int64_t c = classes; c < out; c++) row[c] = 0;
    }
    return loss;
}
