"""Draws of the path kernel: right in the mean, ever nearer, and the same whenever they are made."""

from __future__ import annotations

import pytest
import torch

from companion.kernels import DeepGatedNetwork, npk
from companion.kernels import sketch as sketches
from companion.kernels.sketch import path_sketch
from support.kernels import NETWORKS, close, examples, networks_of

LINEAR = [name for name in NETWORKS if "maximum" not in name and "bias" not in name]


def gaps(dgn: DeepGatedNetwork, x: torch.Tensor, draws: int, tiles: int, seeds: int) -> torch.Tensor:
    """Sketch minus kernel, ``[seeds, N, N]``."""
    K = npk(dgn, normalise=True)(x)
    found = [path_sketch(dgn, draws, tiles=tiles, seed=seed)(x) for seed in range(seeds)]
    return torch.stack([Z @ Z.T - K for Z in found])


@pytest.mark.parametrize(
    ("name", "tiles"), [(name, tiles) for name in LINEAR for tiles in ((1,) if name == "flat-flatten" else (1, 3))]
)
def test_its_mean_is_the_path_kernel(name, tiles):
    dgn = networks_of(name)["fixed"]
    x = examples(dgn.architecture, 3, 1)
    found = gaps(dgn, x, 400, tiles, 30)
    error = found.std(0) / len(found) ** 0.5
    assert (found.mean(0).abs() <= 5 * error + 1e-12).all(), (found.mean(0) / error).abs().max()
    assert error.max() < 0.5 * npk(dgn, normalise=True)(x).abs().max()


def test_its_error_falls_with_the_root_of_the_draws():
    dgn = networks_of("fc")["fixed"]
    x = examples(dgn.architecture, 6, 1)
    few, many = (gaps(dgn, x, draws, 4, 60).square().mean().sqrt() for draws in (50, 800))
    assert 3 < few / many < 5.3


def test_tiling_makes_the_same_draws_better():
    dgn = networks_of("conv-average")["fixed"]
    x = examples(dgn.architecture, 4, 1)
    plain, tiled = (gaps(dgn, x, 200, tiles, 60).square().mean() for tiles in (1, 8))
    assert tiled < 0.8 * plain


@pytest.mark.parametrize("name", LINEAR)
def test_units_are_the_mean_over_output_weights(name):
    """As features of the last hidden layer their inner products are the kernel too, and nearer to it."""
    dgn = networks_of(name)["fixed"]
    x = examples(dgn.architecture, 3, 1)
    K = npk(dgn, normalise=True)(x)
    by_units = [path_sketch(dgn, 60, units=True, seed=seed)(x) for seed in range(40)]
    found = torch.stack([Z @ Z.T - K for Z in by_units])
    error = found.std(0) / len(found) ** 0.5
    assert (found.mean(0).abs() <= 5 * error + 1e-12).all(), (found.mean(0) / error).abs().max()
    assert found.square().mean() < gaps(dgn, x, 60, 1, 40).square().mean()
    units = by_units[0].shape[1] // 60
    assert units > 1
    close(path_sketch(dgn, 20, units=True)(x) * 20**0.5, by_units[0][:, : 20 * units] * 60**0.5)


def test_it_is_the_same_whenever_it_is_made(monkeypatch):
    dgn = networks_of("conv-average")["decoupled"]
    x = examples(dgn.architecture, 7, 1)
    whole = path_sketch(dgn, 20, seed=5)
    Z = whole(x)
    assert torch.equal(whole(x), Z)
    close(whole(x[2:4]), Z[2:4])
    close(path_sketch(dgn, 8, seed=5)(x) * 8**0.5, Z[:, :8] * 20**0.5)
    monkeypatch.setattr(sketches, "EXAMPLES", 3)
    monkeypatch.setattr(sketches, "FLOATS", 1)
    close(path_sketch(dgn, 20, seed=5)(x), Z)
    assert not torch.equal(path_sketch(dgn, 20, seed=6)(x), Z)


def test_a_maximum_pool_and_no_draws_are_refused():
    with pytest.raises(ValueError, match="a maximum pool is not linear under given gates"):
        path_sketch(networks_of("circular-maximum")["relu"], 10)
    with pytest.raises(ValueError, match="a block whose skip passes the input on cannot be tiled: tiles must be 1"):
        path_sketch(networks_of("flat-flatten")["fixed"], 10, tiles=2)
    dgn = networks_of("fc")["fixed"]
    with pytest.raises(ValueError, match="draws must be a whole number of at least 1 and at most 16777216, not 0"):
        path_sketch(dgn, 0)
    with pytest.raises(ValueError, match="tiles must be a whole number of at least 1 and at most 1024, not 0"):
        path_sketch(dgn, 10, tiles=0)
    with pytest.raises(TypeError, match="a kernel has one precision"):
        path_sketch(dgn, 10)(examples(dgn.architecture, 2, 0).float())
