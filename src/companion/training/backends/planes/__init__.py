"""The planes backend: a compiled kernel trains one convolutional network's epoch in the cache of one core.

``convolution.h`` says how images lie in memory and what is multiplied when, ``gates.h`` what gates do, ``network.h``
where everything is, ``planes.c`` in which order it happens.
"""

from companion.training.backends.planes.backend import PlanesBackend

__all__ = ["PlanesBackend"]
