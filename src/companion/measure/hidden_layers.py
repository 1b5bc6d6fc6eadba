"""What hidden layers show of an image (Paper B, Figure 5; Paper C, Figure 3).

The papers show the first two filters of each layer and leave it at that.  Here the same is kept as pictures, and what
the eye looks for is measured, on test images:

* a layer with positions has *maps*, one a filter; a map is like an image as far as the two are correlated, position
  by position.  A filter may show its negative, so the sign is left out; a map without any contrast is like nothing.
* the units of a dense layer have no positions, and nothing in them can be laid over the image.  What such a layer can
  show is which images are alike: inner products of its outputs, from one pair of images to another, are correlated
  with those of the images themselves.

Both are told beside the same number for the *next* image of the test set in place of the layer's own, which is what
images have in common (bright in the middle, dark at the border) and not what the layer shows of this one.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.nn import functional as F

from companion.networks.forward import trace
from companion.notation import Float, Int, Tensor
from companion.runs.regimes import Model, gates, value_input
from companion.runs.spec import RunSpec

__all__ = [
    "BATCH",
    "EXAMPLES",
    "FILTERS",
    "NETWORKS",
    "PICTURED",
    "hidden_layers",
    "like_images",
    "like_maps",
    "pictures",
]

EXAMPLES = 500
"""Test images, from the first on, on which layers are measured."""
PICTURED, FILTERS = 3, 2
"""Test images and filters of each layer that are kept as pictures; of a dense layer all units are."""
NETWORKS = ("feature", "value")
STEPS = 127
"""Levels of a picture on either side of zero."""
BATCH = 100
"""Images that go through the networks at a time."""
FLAT = 1e-6
"""What varies by less than this part of its size does not vary."""


def hidden_layers(
    spec: RunSpec, model: Model, inputs: Float[Tensor, "N ..."], labels: Int[Tensor, "N"]
) -> dict[str, float]:
    """How like its image every layer of a feature and of a value network is, and how like another image.

    Args:
        spec: the run.
        model: both networks.
        inputs: test images, of which the first 500 are looked at.
        labels: of which nothing is asked.

    Returns:
        ``feature_own_1 ...`` and ``value_own_1 ...``, layers counted from 1: the mean of :func:`like_maps` over
        images, or :func:`like_images` of a dense layer; ``..._other_...``: the same with the next image.
    """
    x = inputs[:EXAMPLES]
    wanted = {"own": x, "other": x.roll(1, 0)}
    maps: dict[str, list[Tensor]] = {}
    units: dict[tuple[str, int], list[Tensor]] = {}
    for at in range(0, len(x), BATCH):
        for name, l, z in _outputs(spec, model, x[at : at + BATCH]):
            if z.dim() == 2:
                units.setdefault((name, l), []).append(z)
                continue
            for which, images in wanted.items():
                found = like_maps(z, images[at : at + BATCH])
                maps.setdefault(f"{name}_{which}_{l}", []).append(found)
    values = {key: float(torch.cat(parts).mean()) for key, parts in maps.items()}
    for (name, l), layers in units.items():
        z = torch.cat(layers)
        values |= {f"{name}_{which}_{l}": like_images(z, images) for which, images in wanted.items()}
    return values


def pictures(spec: RunSpec, model: Model, inputs: Float[Tensor, "N ..."]) -> dict[str, Tensor]:
    """The hidden layers of both networks for the first test images, each map scaled to its largest magnitude.

    Args:
        spec: the run.
        model: both networks.
        inputs: test images.

    Returns:
        ``image`` and ``input`` (what enters the value network), ``[k, C, H, W]``; ``feature.1 ...`` and
        ``value.1 ...``: ``[k, filters, *positions]`` of a layer with positions, ``[k, W]`` of a dense one, from -1 to 1
        in steps of 1/127.
    """
    x = inputs[:PICTURED]
    found = {"image": x.contiguous(), "input": value_input(spec, x).contiguous()}
    for name, l, z in _outputs(spec, model, x):
        shown = z if z.dim() == 2 else z[:, :FILTERS]
        largest = shown.abs().amax(dim=tuple(range(1 if z.dim() == 2 else 2, z.dim())), keepdim=True)
        found[f"{name}.{l}"] = (STEPS * shown / largest.clamp(min=1e-30)).round().contiguous() / STEPS
    return found


@torch.no_grad()
def _outputs(spec: RunSpec, model: Model, x: Float[Tensor, "n ..."]) -> Iterator[tuple[str, int, Tensor]]:
    """Network, layer and outputs ``[n, W, *positions]`` of every hidden layer."""
    assert model.feature is not None
    network = spec.feature_network
    feature = trace(network, model.feature, x, gate=spec.inner_gate, layers=network.gated_layers).z
    value = trace(spec.network, model.value, value_input(spec, x), gates(spec, model.feature, x)).z
    for name, layers in zip(NETWORKS, (feature, value), strict=True):
        for l, z in enumerate(layers, start=1):
            yield name, l, z


def like_maps(z: Float[Tensor, "n W H V"], images: Float[Tensor, "n C R S"]) -> Float[Tensor, "n"]:
    """How like the grey version of its image an example's maps are: mean over filters of ``|correlation|``.

    The image is averaged over windows where maps are smaller.  A map, or an image, without contrast counts as 0.
    """
    height, width = z.shape[-2:]
    grey = F.adaptive_avg_pool2d(images.double().mean(1, keepdim=True), (height, width)).flatten(2)
    a, b = _standard(z.double().flatten(2)), _standard(grey)
    return (a * b).sum(-1).abs().mean(-1)


def like_images(z: Float[Tensor, "n W"], images: Float[Tensor, "n ..."]) -> float:
    """How like images are to each other in a layer as they are by themselves.

    The correlation, over all pairs of examples, of inner products of the layer's outputs and of the images, each less
    its mean over examples; 0 where all pairs are alike.
    """
    pairs = torch.triu_indices(len(z), len(z), offset=1)
    products = []
    for one in (z.double(), images.double().flatten(1)):
        centred = one - one.mean(0)
        products.append(_standard((centred @ centred.T)[pairs[0], pairs[1]]))
    return float(products[0] @ products[1])


def _standard(a: Float[Tensor, "... n"]) -> Float[Tensor, "... n"]:
    """With mean 0 and norm 1 along the last axis; 0 where it does not vary."""
    centred = a - a.mean(-1, keepdim=True)
    size, norm = (torch.linalg.vector_norm(one, dim=-1, keepdim=True) for one in (a, centred))
    return torch.where(norm > FLAT * size, centred / norm.clamp(min=1e-300), 0.0)
