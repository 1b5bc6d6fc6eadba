"""The chapter of kernel machines from gates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import pandas as pd
from matplotlib.figure import Figure

from companion.chapters.a_f2_probes import ProbeChapter
from companion.chapters.answer import Answer
from companion.chapters.chapter import Chapter, Findings
from companion.chapters.models import chosen, rows_of, score_text
from companion.data import DATASETS
from companion.exhibits.a_machine import IMAGES, SEEN, THEM
from companion.measure.machine import DRAWS, MOST, QUARTER
from companion.render.machines import machine_figure
from companion.render.tables import Table, plus_minus
from companion.runs.spec import RunSpec
from companion.verdicts.cells import Completeness
from companion.verdicts.stats import summarise
from companion.verdicts.trends import UNTRAINED

__all__ = ["MachineChapter"]


class MachineChapter:
    """Kernel machines at stages of training, of one profile.

    Args:
        chapter: from :func:`companion.chapters.open_chapter`.
    """

    def __init__(self, chapter: Chapter) -> None:
        self.chapter = chapter

    @cached_property
    def machines(self) -> pd.DataFrame:
        """One line for each row, seed, stage and kernel.

        Columns: ``row, variant, seed, epoch, design, images``; ``kernel``, one of ``npk``, ``ones``, ``ntk``,
        ``gaussian``, ``limit``, ``layer1 ...`` and ``network``; ``accuracy`` in percent.
        """
        lines = []
        for one in self.chapter.probes.to_dict("records"):
            n = one[IMAGES.name]
            place = {name: one[name] for name in ("row", "variant", "seed", "epoch")}
            place |= {"design": one[SEEN.name], "images": n}
            for name, value in one.items():
                kernel, _, number = str(name).rpartition("_")
                if name == "network" or number == str(n):
                    lines.append({**place, "kernel": kernel or "network", "accuracy": value})
        columns = ["row", "variant", "seed", "epoch", "design", "images", "kernel", "accuracy"]
        return pd.DataFrame(lines, columns=columns).dropna(subset=["accuracy"])

    def answer(self) -> Answer:
        """Design by design, for the fewest and the most images: gates before and after training, and other ways."""
        return Answer.of(self.chapter, (self._said(design) for design in self._designs()))

    def _said(self, design: str) -> str:
        found = {n: self._ends(row) for row, n in self._rows(design)}
        head = f"Gates learnt from {self._learnt_from(design)}: "
        if self._drawn:
            head = f"{DATASETS[self._spec.dataset].title}, images and networks made smaller. {head}"
        known = {n: ends for n, ends in found.items() if ends is not None}
        waits = [f"{n:,}" for n in found if n not in known]
        if not known:
            return head + "pending, no number of images has all its seeds yet."
        fewest, most = min(known), max(known)
        text = (
            f"fitted to {fewest:,} images, a machine from its gates gets {known[fewest]['last']:.2f}% of the test "
            f"images right, and {known[fewest]['first']:.2f}% with the gates before training"
        )
        if most != fewest:
            text += f"; fitted to {most:,} images, {known[most]['last']:.2f}% and {known[most]['first']:.2f}%"
        ends = dict.fromkeys((fewest, most))

        def each(name: str) -> str:
            return _listed([f"{known[n][name]:.2f}%" for n in ends])

        waiting = f" Pending with {_listed(waits)} images." if waits else ""
        return (
            f"{head}{text}. The network itself has {each('network')}, the better of two kernels that nobody trained "
            f"{each('untrained')}.{waiting}"
        )

    def _learnt_from(self, design: str) -> str:
        if design == THEM:
            return "the very images that the machine is fitted to"
        spec = next(cell.spec for cell in self.chapter.cells if cell.axes[SEEN.name] == design)
        images = (spec.train_size or DATASETS[spec.dataset].train_size) - spec.holdout
        return f"{images:,} other images, and from none of the machine's"

    def table(self) -> Table:
        """One line per row: the machine stage by stage, the network and FL at the end, ones, and the untrained."""
        lines = []
        for design in self._designs():
            for row, n in self._rows(design):
                mine = self._of(row)
                stages = self._stages()
                line: dict[str, object] = {"gates learnt from": design, "n": f"{n:,}"}
                for epoch in stages:
                    line["before" if epoch == 0 else f"epoch {epoch}"] = self._score(mine, "npk", epoch)
                last = stages[-1]
                line["network"] = self._score(mine, "network", last)
                line["FL"] = score_text(chosen(self.chapter.runs, row=row, column="FL"))
                line["ones"] = self._score(mine, "ones", last)
                line["Gaussian"], line["infinite network"] = (self._score(mine, name, last) for name in UNTRAINED)
                lines.append(line)
        title = f"{self.chapter.place}: test accuracy in percent, mean ± std over n = {self._seeds} seeds"
        return self.chapter.downloads.table("machines", Table(pd.DataFrame(lines, dtype=object), title), self.machines)

    def parts(self) -> Table:
        """Where they are tried, the gates of each layer alone, and the tangent kernel, before training and after.

        Of networks with convolutions, whose path kernel is drawn, what fewer draws give.
        """
        lines = []
        last = self._stages()[-1]
        names = {"npk": "all gates", "ntk": "tangent kernel"}
        if self._drawn:
            names = {"npk": f"{DRAWS} draws", "quarter": f"{DRAWS // QUARTER} draws"}
        for design in self._designs():
            for row, n in self._rows(design):
                mine = self._of(row)
                for kernel in self._parts(n):
                    name = names.get(kernel, kernel.replace("layer", "gates of layer "))
                    lines.append(
                        {"gates learnt from": design, "n": f"{n:,}", "kernel": name}
                        | {"before": self._score(mine, kernel, 0), "at the end": self._score(mine, kernel, last)}
                    )
        title = f"{self.chapter.place}: test accuracy in percent, mean ± std over n = {self._seeds} seeds"
        return self.chapter.downloads.table("parts", Table(pd.DataFrame(lines, dtype=object), title))

    def figure(self) -> Figure:
        """Machines and network against the stage, the first epochs with the others."""
        numbers = list(dict.fromkeys(cell.axes[IMAGES.name] for cell in self.chapter.cells))
        title = f"{self.chapter.place}, n = {self._seeds} seeds"
        figure = machine_figure(self.machines, list(self._designs()), numbers, self._seeds, title)
        return self.chapter.downloads.figure("stages", figure)

    def claims(self) -> Table:
        """The rules with their verdicts, row by row."""
        return ProbeChapter(self.chapter).verdicts()

    def findings(self) -> Findings:
        """When most of what training adds is there, and what it adds beyond the best that nobody trained."""
        sentences = []
        for design in self._designs():
            for row, n in self._rows(design):
                ends = self._ends(row)
                early = self.machines[(self.machines["row"] == row) & (self.machines["kernel"] == "npk")]
                first = early[early["epoch"] == 1]
                if ends is None:
                    continue
                text = f"n = {n:,}, learnt from {design}: training adds {ends['last'] - ends['first']:+.2f} points"
                if first["seed"].nunique() == self._seeds:
                    text += f", {first['accuracy'].mean() - ends['first']:+.2f} of them in the first epoch"
                text += (
                    f"; at its end the machine is {ends['last'] - ends['network']:+.2f} points from the network and "
                    f"{ends['last'] - ends['untrained']:+.2f} from the better untrained kernel."
                )
                sentences.append(text)
        if self._drawn:
            sentences += self._precision()
        return Findings(tuple(sentences) or ("Pending: no row has all its seeds yet.",))

    def _precision(self) -> Iterator[str]:
        """How near draws are to the path kernel, at the end of training."""
        found = self.chapter.probes
        ended = found[found["epoch"] == self._stages()[-1]] if len(found) else found
        for design, mine in ended.groupby(SEEN.name, sort=False):
            apart = mine.drop_duplicates("seed")["spread"]
            yield (
                f"Learnt from {design}: the kernels by either half of the {DRAWS} draws, brought to one scale, are "
                f"{apart.min():.1f} to {apart.max():.1f}% apart at the end of training."
            )

    @property
    def _spec(self) -> RunSpec:
        """The network whose gates they are, one of all."""
        return next(cell.spec for cell in self.chapter.cells if cell.spec.probe)

    @property
    def _drawn(self) -> bool:
        """Whether the path kernel is drawn, as that of a network with convolutions."""
        return self._spec.network.convolutional

    def _designs(self) -> Iterator[str]:
        return iter(dict.fromkeys(cell.axes[SEEN.name] for cell in self.chapter.cells))

    def _rows(self, design: str) -> Iterator[tuple[str, int]]:
        """Row and number of images, in order."""
        places = {cell.row: cell.axes for cell in self.chapter.cells}
        for row in rows_of(self.chapter):
            if places[row][SEEN.name] == design:
                yield row, places[row][IMAGES.name]

    def _stages(self) -> list[int]:
        """After which epochs the exhibit's own runs are measured."""
        spec = next(cell.spec for cell in self.chapter.cells if cell.spec.probe and not cell.variant)
        return list(range(0, spec.epochs + 1, spec.probe_every))

    def _of(self, row: str) -> pd.DataFrame:
        """What was measured of a row's own runs."""
        return chosen(self.machines, row=row, variant="")

    def _score(self, mine: pd.DataFrame, kernel: str, epoch: int) -> str:
        scores = mine[(mine["kernel"] == kernel) & (mine["epoch"] == epoch)]["accuracy"].to_list()
        if len(mine) and mine["seed"].nunique() == self._seeds and not scores:
            return "–"  # a kernel that was not tried on so many images
        if len(scores) < self._seeds:
            return Completeness(len(scores), 0, self._seeds).short
        found = summarise(scores)
        return plus_minus(found.mean, found.std)

    def _ends(self, row: str) -> dict[str, float] | None:
        """Means of a row that has all its seeds: before training, at the end, the network, the better untrained one."""
        mine = self._of(row)
        if mine["seed"].nunique() < self._seeds:
            return None
        at_end = mine[mine["epoch"] == mine["epoch"].max()].groupby("kernel")["accuracy"].mean()
        first = mine[(mine["epoch"] == 0) & (mine["kernel"] == "npk")]["accuracy"].mean()
        return {
            "first": float(first),
            "last": float(at_end["npk"]),
            "network": float(at_end["network"]),
            "untrained": float(max(at_end[name] for name in UNTRAINED)),
        }

    def _parts(self, n: int) -> list[str]:
        """The kernels of parts that are tried on so many images, behind that of all gates; perhaps none."""
        if self._drawn:
            return ["npk", "quarter"]
        layers = range(1, 1 + self.chapter.cells[0].spec.network.gated_layers)
        parts = [f"layer{l}" for l in layers if n <= MOST["layers"]] + ["ntk"] * (n <= MOST["ntk"])
        return ["npk", *parts] if parts else []

    @property
    def _seeds(self) -> int:
        return int(self.chapter.runs["seed"].nunique())


def _listed(words: Sequence[str]) -> str:
    """``a, b and c``; once where all are the same."""
    words = words if len(set(words)) > 1 else words[:1]
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
