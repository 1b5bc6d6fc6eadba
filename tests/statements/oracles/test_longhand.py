"""Paths written out by hand."""

import companion.statements
from companion.kernels import neural_paths
from companion.statements.oracles import longhand


def test_longhand_paths_are_as_many_as_enumerated_ones():
    for case in companion.statements.oracles.cases.CASES:
        assert neural_paths.count_paths(case.architecture) == len(case.paths)
    assert len(list(longhand.cnn_paths(5, 2, 3, 2, 2))) == 540
