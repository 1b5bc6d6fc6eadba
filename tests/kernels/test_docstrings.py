"""The examples in the docstrings of the kernels."""

import doctest
import importlib

import pytest


@pytest.mark.parametrize("module", ["base", "npk", "ntk"])
def test_examples_in_docstrings(module):
    result = doctest.testmod(importlib.import_module(f"companion.kernels.{module}"))
    assert result.attempted > 0
    assert result.failed == 0
