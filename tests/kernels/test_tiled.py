"""Matrices made tile by tile."""

from companion import kernels
from companion.kernels import tiled
from support.kernels import close, examples, networks_of


def test_tiles_and_blocks_make_the_same_matrix(monkeypatch):
    dgn = networks_of("conv-average-classes-bias")["decoupled"]
    x, y = examples(dgn.architecture, 23, 1), examples(dgn.architecture, 9, 2)
    for kernel in (kernels.ntk(dgn), kernels.ntk(dgn, classes="each"), kernels.npk(dgn)):
        whole, between = kernel(x), kernel(x, y)
        monkeypatch.setattr(tiled, "TILE_ELEMENTS", 9 * kernel.area)
        monkeypatch.setattr(tiled, "BLOCK_BYTES", 7 * 8 * kernel.floats)
        pieces = list(kernel.tiles(x))
        assert all(value.shape[-2] <= 3 and value.shape[-1] <= 3 for _, _, value in pieces)
        assert len(pieces) > 30
        close(kernel(x), whole)
        close(kernel(x), kernel(x).mT)
        close(kernel(x, y), between)
        monkeypatch.undo()


def test_symmetric_tiles_lie_on_and_above_the_diagonal(monkeypatch):
    monkeypatch.setattr(tiled, "TILE_ELEMENTS", 16)
    dgn = networks_of("fc")["relu"]
    tiles = [
        (rows.start, columns.start) for rows, columns, _ in kernels.npk(dgn).tiles(examples(dgn.architecture, 10, 1))
    ]
    assert tiles == [(0, 0), (0, 4), (0, 8), (4, 4), (4, 8), (8, 8)]
