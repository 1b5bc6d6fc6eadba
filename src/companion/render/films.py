"""Path kernels through training: a slider over their stages, and a still picture of some that says the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape

import matplotlib.pyplot as plt
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from torch.nn.functional import avg_pool2d

from companion.notation import Int, Tensor
from companion.render.style import STYLE

__all__ = ["Reel", "Still", "film_figure", "film_html", "when"]

RAMP = LinearSegmentedColormap.from_list("kernel", ["#fffdf8", "#3d97a3", "#06303a"])
"""As in ``book/_static/film/film.js``."""
ENDS = ("little in common", "much in common")
"""What the first and the last colour mean."""
BLOCK = 2
"""A still picture shows means of so many images by so many, which keeps it small."""


@dataclass(frozen=True)
class Reel:
    """One network's kernel through training, as the page's script takes it.

    Args:
        name: what the network learns.
        blocks: the two groups of images, in their order.
        images: how many.
        shades: of a picture.
        epochs: of each stage.
        nu: of each stage.
        same: the mean entry of two images with the same label, of each stage.
        other: that of two with different labels.
        curve: ``epoch`` and ``nu`` of every measurement.
        packed: the pictures, see :func:`companion.records.films.pack`.
    """

    name: str
    blocks: Sequence[str]
    images: int
    shades: int
    epochs: Sequence[int]
    nu: Sequence[float]
    same: Sequence[float]
    other: Sequence[float]
    curve: dict[str, list[float]]
    packed: str


@dataclass(frozen=True)
class Still:
    """One picture.

    Args:
        title: above it.
        blocks: the two groups of images.
        shades: of every pair, from 0.
        count: how many shades there are.
    """

    title: str
    blocks: Sequence[str]
    shades: Int[Tensor, "n n"]
    count: int


def when(epoch: int) -> str:
    """``before training``, or ``after 10 epochs``."""
    return "before training" if epoch == 0 else f"after {epoch} epoch{'' if epoch == 1 else 's'}"


def film_html(reels: Sequence[Reel], still: str) -> str:
    """The slider, the picture and the curve; hidden until the page's script shows them.

    Args:
        reels: the networks, the one that is shown first in front.
        still: the name of the figure that stands in its place without scripts.
    """
    data = json.dumps([asdict(reel) for reel in reels], separators=(",", ":")).replace("<", "\\u003c")
    choices = "".join(
        f'<label><input type="radio" name="{still}-network"{" checked" if i == 0 else ""}>{escape(reel.name)}</label>'
        for i, reel in enumerate(reels)
    )
    last = max(len(reel.epochs) for reel in reels) - 1
    return f"""<link rel="stylesheet" href="../_static/film/film.css">
<section class="companion-film" data-still="{still}" aria-label="The kernel through training" hidden>
<div class="controls">
<label class="stages">Training <input type="range" min="0" max="{last}" step="1" value="0" data-part="stage">
<span data-part="when"></span></label>
<fieldset><legend>It learns</legend>{choices}</fieldset>
</div>
<div class="pictures">
<div><div class="framed"><div class="across" data-part="across"></div><div class="down" data-part="down"></div>
<canvas data-part="kernel" role="img" aria-label="The kernel"></canvas></div>
<div class="scale"><div data-part="scale"></div><p><span>{ENDS[0]}</span><span>{ENDS[1]}</span></p></div></div>
<div><svg data-part="curve" viewBox="0 0 360 300" role="img" aria-label="ν against epochs"></svg></div>
</div>
<p data-part="said" role="status"></p>
<script type="application/json" data-part="data">{data}</script>
</section>
<script src="../_static/film/film.js"></script>"""


def film_figure(stills: Sequence[Still], title: str) -> Figure:
    """Some pictures, two in a line, with one scale of colours, in means of neighbours; of none a figure that says so.

    Args:
        stills: all of the same number of shades.
        title: of the figure; says profile, device and seed.
    """
    with plt.rc_context(STYLE):
        if not stills:
            figure, ax = plt.subplots(figsize=(6.4, 1.2))
            ax.text(0.5, 0.5, "pending: no such film is kept yet", ha="center", va="center", fontsize=11)
            ax.set_axis_off()
        else:
            lines = -(-len(stills) // 2)
            figure, grid = plt.subplots(lines, 2, figsize=(4.4, 2.4 * lines + 0.6), squeeze=False, layout="constrained")
            for ax in grid.flat[len(stills) :]:
                ax.set_visible(False)
            for ax, still in zip(grid.flat, stills, strict=False):
                half = len(still.shades) / 2
                means = avg_pool2d(still.shades[None].double(), BLOCK)[0].round().numpy()
                extent = (-0.5, 2 * half - 0.5, 2 * half - 0.5, -0.5)
                scale = {"cmap": RAMP, "vmin": 0, "vmax": still.count - 1}
                shown = ax.imshow(means, extent=extent, interpolation="none", **scale)
                ax.set_title(still.title, fontsize=8)
                places = [half / 2 - 0.5, 1.5 * half - 0.5]
                ax.set_xticks(places, still.blocks, fontsize=8)
                ax.set_yticks(places, still.blocks, fontsize=8, rotation=90, va="center")
                ax.tick_params(length=0)
            bar = figure.colorbar(shown, ax=grid, location="bottom", shrink=0.7, aspect=30, pad=0.03)
            bar.set_ticks([0, stills[0].count - 1], labels=list(ENDS), fontsize=8)
        figure.suptitle(title, fontsize=8)
    plt.close(figure)
    return figure
