"""Backends: ways to train one epoch.  See :mod:`companion.backends.base`."""

from companion.backends.base import Backend, Engine, EpochResult, TrainState
from companion.backends.chains import ChainsBackend
from companion.backends.cuda import CudaBackend
from companion.backends.fused import FusedBackend
from companion.backends.lanes import LanesBackend
from companion.backends.reference import ReferenceBackend
from companion.backends.stacked import StackedBackend

__all__ = [
    "Backend",
    "ChainsBackend",
    "CudaBackend",
    "Engine",
    "EpochResult",
    "FusedBackend",
    "LanesBackend",
    "ReferenceBackend",
    "StackedBackend",
    "TrainState",
]
