"""A store and a workspace of its own for each test."""

from __future__ import annotations

import pytest

from support.laboratory import Laboratory


@pytest.fixture
def lab(tmp_path):
    return Laboratory(tmp_path)
