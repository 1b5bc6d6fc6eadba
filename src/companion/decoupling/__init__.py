"""Any ReLU network that ``torch.fx`` can trace, as a deep gated network: :func:`decouple`.

``companion.decouple(model, example_input)`` is the same function.
"""

from companion.decoupling.network import DecoupledNetwork, decouple
from companion.decoupling.refusal import NotDecouplableError, Refusal
from companion.decoupling.sites import Site

__all__ = ["DecoupledNetwork", "NotDecouplableError", "Refusal", "Site", "decouple"]
