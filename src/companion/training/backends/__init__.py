"""Backends: ways to train one epoch.  See :mod:`companion.training.backends.base`."""

from companion.training.backends.base import Backend, Engine
from companion.training.backends.chains import ChainsBackend
from companion.training.backends.cuda import CudaBackend
from companion.training.backends.fused import FusedBackend
from companion.training.backends.lanes import LanesBackend
from companion.training.backends.planes import PlanesBackend
from companion.training.backends.reference import ReferenceBackend
from companion.training.backends.stacked import StackedBackend

__all__ = [
    "Backend",
    "ChainsBackend",
    "CudaBackend",
    "Engine",
    "FusedBackend",
    "LanesBackend",
    "PlanesBackend",
    "ReferenceBackend",
    "StackedBackend",
]
