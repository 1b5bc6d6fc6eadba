"""Train a fully connected ReLU network by ``fit`` of Keras, as the papers' authors did, and tell the seconds.

Runs in an environment with tensorflow.  Each line of standard input is a request ``{"optimiser", "examples", "width",
"depth", "batch", "tuned"}``; the answer is ``{"seconds"}``.
"""

import functools
import json
import sys
import time

import keras
import numpy as np
import tensorflow as tf


@functools.cache
def prepared(optimiser: str, examples: int, width: int, depth: int, batch: int, tuned: bool):
    """A compiled model and its data; ``tuned`` compiles to XLA and hands over fifty steps at a time."""
    generator = np.random.default_rng(0)
    x = generator.random((examples, 784), dtype=np.float32) * (generator.random((examples, 784)) < 0.2)
    y = generator.integers(10, size=examples)
    layers = [keras.layers.Dense(width, activation="relu") for _ in range(depth - 1)]
    model = keras.Sequential([keras.Input((784,)), *layers, keras.layers.Dense(10, activation="softmax")])
    kinds = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}
    options = {"jit_compile": True, "steps_per_execution": 50} if tuned else {}
    model.compile(kinds[optimiser](1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"], **options)
    return model, x.astype(np.float32), y, batch


def main() -> None:
    """Answer requests until the input ends."""
    tf.config.threading.set_intra_op_parallelism_threads(int(sys.argv[1]))
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        model, x, y, batch = prepared(**json.loads(line))
        start = time.perf_counter()
        model.fit(x, y, batch_size=batch, epochs=1, verbose=0)
        print(json.dumps({"seconds": time.perf_counter() - start}), file=answers, flush=True)


main()
