"""Any ReLU network that ``torch.fx`` can trace, as a deep gated network: :func:`decouple`.

``companion.decouple(model, example_input)`` is the same function.  Of what it gives, :func:`npk_exact` and
:func:`npk_sketch` are the neural path kernel; layer kernels, overlap and statistics of gates are in
:mod:`companion.kernels`, for every gated network.
"""

from companion.decoupling.covariance import npk_exact
from companion.decoupling.network import DecoupledNetwork, decouple
from companion.decoupling.paths import PathKernelSketch, npk_sketch
from companion.decoupling.refusal import NotDecouplableError, Refusal
from companion.decoupling.sites import Site

__all__ = [
    "DecoupledNetwork",
    "NotDecouplableError",
    "PathKernelSketch",
    "Refusal",
    "Site",
    "decouple",
    "npk_exact",
    "npk_sketch",
]
