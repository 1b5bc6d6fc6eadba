"""The examples on the page about one's own network."""

import doctest
from pathlib import Path


def test_the_page_says_what_happens():
    page = Path(__file__).parents[2] / "book" / "own_network.md"
    result = doctest.testfile(str(page), module_relative=False)
    assert result.attempted > 15
    assert result.failed == 0
