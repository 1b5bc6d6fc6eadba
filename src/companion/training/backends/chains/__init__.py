"""Chains of layers on a GPU, with a backward pass written by hand; see :mod:`.engine`."""

from companion.training.backends.chains.chain import is_chain
from companion.training.backends.chains.engine import ChainsBackend, ChainsEngine
from companion.training.backends.chains.network import kept, logits

__all__ = ["ChainsBackend", "ChainsEngine", "is_chain", "kept", "logits"]
