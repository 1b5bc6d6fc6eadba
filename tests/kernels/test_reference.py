"""The slow tangent kernel against the whole network's Jacobian."""

import pytest

from companion import kernels
from support.kernels import close, examples, networks_of


@pytest.mark.parametrize("classes", ["trace", "each", "sum"])
@pytest.mark.parametrize("kind", ["soft", "decoupled"])
def test_reference_differentiates_the_whole_network(kind, classes):
    dgn = networks_of("fc-classes-bias")[kind]
    x, y = examples(dgn.architecture, 4, 1), examples(dgn.architecture, 2, 2)
    for part in ("total", *(("cross",) if dgn.coupled else ())):
        kernel = kernels.ntk(dgn, part=part, classes=classes)
        close(kernels.ntk_reference(dgn, x, part=part, classes=classes), kernel(x))
        close(kernels.ntk_reference(dgn, x, y, part=part, classes=classes), kernel(x, y))
