"""The tangent kernel of a fully connected ReLU network by neural-tangents, and the seconds it took.

Runs in an environment with neural-tangents.  Each line of standard input is a request ``{"file", "implementation"}``
whose file holds ``x [N, D]`` and the parameters ``weight.0 [in, out], bias.0 ...``; the answer is ``{"seconds",
"sum"}``.
"""

import functools
import json
import sys
import time

import jax
import jax.numpy as jnp
import neural_tangents as nt
import numpy as np


def network(params, x):
    """The outputs ``[N, C]``; ``params`` are pairs of weight and bias."""
    for weight, bias in params[:-1]:
        x = jax.nn.relu(x @ weight + bias)
    weight, bias = params[-1]
    return x @ weight + bias


@functools.cache
def prepared(file: str, implementation: str):
    """The compiled kernel function and its arguments, on the device."""
    arrays = np.load(file)
    depth = sum(name.startswith("weight") for name in arrays)
    params = [(jnp.asarray(arrays[f"weight.{l}"]), jnp.asarray(arrays[f"bias.{l}"])) for l in range(depth)]
    kind = nt.NtkImplementation[implementation]
    kernel = nt.empirical_ntk_fn(network, trace_axes=(-1,), vmap_axes=0, implementation=kind)
    return jax.jit(lambda x, theta: kernel(x, None, theta)), jnp.asarray(arrays["x"]), params, params[-1][1].size


def main() -> None:
    """Answer requests until the input ends."""
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        kernel, x, params, outputs = prepared(**json.loads(line))
        kernel(x, params).block_until_ready()  # the first call compiles
        start = time.perf_counter()
        K = kernel(x, params).block_until_ready()
        seconds = time.perf_counter() - start
        total = float(K.sum()) * outputs  # the library divides a trace by the number of outputs
        print(json.dumps({"seconds": seconds, "sum": total}), file=answers, flush=True)


main()
