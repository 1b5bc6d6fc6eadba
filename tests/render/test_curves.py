"""Curves against epochs."""

from __future__ import annotations

from matplotlib.colors import to_hex

from companion.render import curves, style
from support.figures import BANDS, PROBES, TITLE


class TestCurveFigure:
    def test_each_panel_names_its_row_and_n_and_each_axis_its_unit(self) -> None:
        first, second = curves.curve_figure(BANDS, TITLE).axes
        assert (first.get_title(), second.get_title()) == ("a (n = 5)", "b (n = 3 to 5)")
        for ax in (first, second):
            assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "test accuracy [%]")
        (ax, _) = curves.curve_figure(BANDS, TITLE, unit="training loss [nats]").axes
        assert ax.get_ylabel() == "training loss [nats]"

    def test_lines_are_the_means_and_bands_the_ranges(self) -> None:
        first, _ = curves.curve_figure(BANDS, TITLE).axes
        lines = {str(line.get_label()): line for line in first.lines}
        assert set(lines) == {"ReLU", "FR-II"}
        assert list(lines["FR-II"].get_ydata()) == [89.0, 90.0, 91.0, 92.0]
        assert all(to_hex(line.get_color()) == style.COLOURS[name] for name, line in lines.items())
        band = first.collections[0].get_paths()[0].get_extents()
        assert (band.ymin, band.ymax) == (90.0, 95.5)

    def test_no_curves_at_all(self) -> None:
        (ax,) = curves.curve_figure(BANDS.iloc[:0], TITLE).axes
        assert ax.get_title() == "no records yet"


class TestProbeFigure:
    def test_there_is_a_line_of_panels_for_each_row(self) -> None:
        figure = curves.probe_figure(PROBES, ["a", "b"], ["left", "right"], {}, TITLE)
        assert [ax.get_title() for ax in figure.axes] == ["a: left", "a: right", "b: left", "b: right"]
        assert [ax.get_yscale() for ax in figure.axes] == ["log", "linear", "linear", "linear"]

    def test_medians_ranges_and_lines_of_reference(self) -> None:
        lines = {"left": {"a class alone": 5.0}}
        ax, other = curves.probe_figure(PROBES, ["a"], ["left", "right"], lines, TITLE).axes
        assert not other.lines
        median, line = ax.lines
        assert (median.get_label(), list(median.get_ydata())) == ("trace v", [10.0, 9.0, 8.0])
        assert (line.get_label(), set(line.get_ydata())) == ("a class alone", {5.0})
        band = ax.collections[0].get_paths()[0].get_extents()
        assert (band.ymin, band.ymax) == (7.0, 12.0)
