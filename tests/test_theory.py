"""What the chapters on the theory show: the table of checks, and the data and figures beside it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch

from companion.chapters.checks import CHAPTER_OF, CHAPTERS, check_table, table_of
from companion.chapters.dgn_and_gradients import measure as theory_gradients
from companion.chapters.dgn_and_gradients.draw import dgn_figure
from companion.chapters.ntk_npk import measure as theory_kernels
from companion.chapters.paths_and_gates import draw
from companion.chapters.paths_and_gates import measure as theory_paths
from companion.networks.forward import forward
from companion.render import kernels
from companion.site.notebooks import parameters, read
from companion.statements import CHECKS, Check, run_checks, statements
from companion.statements.oracles.cases import FC, RESNET
from companion.verdicts.stats import Verdict

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
MINE = ("paths_and_gates", "dgn_and_gradients", "ntk_npk")
GOOD = Check("A-Eq2", "stated", "a case", 1.5, 1.5, 1e-16, 1e-10, True, True)


def test_every_checked_statement_has_one_chapter():
    assert set(CHECKS) <= set(CHAPTER_OF) <= set(statements())
    assert sum(map(len, CHAPTERS.values())) == len(CHAPTER_OF)


@pytest.mark.parametrize("name", MINE)
def test_a_chapter_shows_the_checks_of_its_statements(name: str):
    notebook = read(NOTEBOOKS / f"{name}.ipynb")
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    shown = set(re.findall(r'"([ABC]-[^"]+)"', "".join(re.findall(r"check_table\((.*?)\)", code, re.DOTALL))))
    assert shown == {id for id in CHAPTERS[name] if id in CHECKS}


@pytest.mark.parametrize("name", MINE)
def test_a_chapter_is_thin_and_its_figures_are_described(name: str):
    notebook = read(NOTEBOOKS / f"{name}.ipynb")
    assert parameters(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert sum(bool(line.strip()) for cell in cells for line in cell.source.splitlines()) <= 60
    assert not any(re.search(r"^\s*(def|class) ", cell.source, re.MULTILINE) for cell in cells)
    for cell in cells:
        if re.search(r"^\w+_figure\(", cell.source, re.MULTILINE):
            figure = cell.metadata["mystnb"]
            assert figure["figure"]["caption"]
            assert figure["figure"]["name"]
            assert figure["image"]["alt"]


def test_the_table_links_every_id_to_its_entry():
    table = check_table(["A-P2.1", "B-D3.3"])
    page = table._repr_html_()
    assert '<td><a href="../book/generated/statements.html#item-a-p2-1">A-P2.1</a></td>' in page
    assert page.count('statements.html#item-b-d3-3">B-D3.3</a>') == 2  # corrected and printed
    assert table.passed
    assert table.caption.startswith("5 of 5 comparisons")


def test_both_forms_of_a_wrong_print_are_shown():
    frame = check_table(["A-Eq8"]).frame
    assert list(frame["form"]) == ["corrected", "printed"]
    assert list(frame["verdict"]) == [Verdict.REPRODUCED, Verdict.NOT_REPRODUCED]
    assert frame["error"].iloc[0] == "< 1e-10"


def test_the_decisive_case_is_the_worst_one():
    bad = replace(GOOD, aspect="another", error=1e-3, holds=False, passed=False)
    table = table_of([GOOD, bad, replace(GOOD, aspect="a third")])
    assert list(table.frame["decisive case"]) == ["another (1 of 3)"]
    assert list(table.frame["verdict"]) == [Verdict.PARTLY]
    assert not table.passed
    assert "2 of 3" in table.caption


def test_a_printed_form_that_holds_somewhere_is_no_failure_and_does_not_pass():
    wrong = replace(GOOD, form="printed", error=2.0, holds=False, passed=True)
    held = replace(wrong, aspect="holds", error=0.0, holds=True, passed=False)
    table = table_of([wrong, held])
    assert list(table.frame["decisive case"]) == ["holds (1 of 2)"]
    assert not table.passed
    assert table_of([wrong]).passed


def test_rounding_errors_do_not_choose_the_case():
    shaken = replace(GOOD, aspect="later", error=9e-16)
    assert list(table_of([GOOD, shaken]).frame["decisive case"]) == ["a case (1 of 2)"]
    assert table_of([GOOD]).frame.equals(table_of([replace(GOOD, error=7e-16, measured=1.5 + 1e-15)]).frame)


def test_unknown_statements_are_refused():
    with pytest.raises(ValueError, match="unknown statement"):
        check_table(["A-P9.9"])


@pytest.mark.parametrize(("s", "t"), [(0, 1), (2, 4)])
def test_active_paths_are_those_with_a_feature(s: int, t: int):
    one, other, both = theory_paths.active_networks(s, t)
    phi = FC.features()
    assert (one.active, other.active) == (int((phi[s] != 0).sum()), int((phi[t] != 0).sum()))
    assert both.active == int(((phi[s] * phi[t]) != 0).sum())
    for network in (one, other, both):
        assert all(sum(edges.values()) == network.active for edges in network.edges)
        assert all(network.on[l][i] for l, edges in enumerate(network.edges) for i, _ in edges)


def test_an_example_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="from 0 to 4, not 7"):
        theory_paths.active_networks(0, 7)


def test_bundles_hold_all_paths_and_follow_their_taps():
    found = theory_paths.bundles([0.3, -1.0, 2.0])
    assert [len(bundle.positions) for bundle in found] == [3] * 8
    assert len({bundle.taps for bundle in found}) == 8
    for bundle in found:
        for path in bundle.positions:
            assert all((a - b) % 3 == tap for a, b, tap in zip(path, path[1:], bundle.taps, strict=False))
        assert max(bundle.activity["average"]) <= 1 / 3
        assert set(bundle.activity["maximum"]) <= {0.0, 1.0}


def test_the_sub_networks_add_up_to_the_residual_network():
    found = theory_paths.residual_subnetworks(1)
    output = forward(RESNET.architecture, RESNET.theta, RESNET.x)[1, 0]
    assert sum(part.output for part in found) == pytest.approx(float(output), rel=1e-10)
    assert sum(part.paths for part in found) == len(RESNET.paths)


def test_paths_by_formula_and_by_counting_agree():
    assert set(theory_paths.count_table().frame["equal"]) == {"yes"}


def test_the_printed_cross_part_alone_is_not_symmetric():
    parts = theory_gradients.kernel_parts()
    torch.testing.assert_close(parts["total"], parts["value"] + parts["feature"] + parts["cross"])
    torch.testing.assert_close(parts["cross"], (parts["printed"] + parts["printed"].T) / 2)
    assert not torch.allclose(parts["printed"], parts["printed"].T, rtol=1e-3)


def test_a_step_of_descent_needs_the_feature_kernel():
    frame = theory_gradients.descent_deviations([1e-4, 1e-5])
    exponents = theory_gradients.fitted_exponents(frame, "alpha", "deviation", "case")
    alone = exponents.pop("DL, K_v alone")
    assert alone == pytest.approx(0, abs=0.1)
    assert list(exponents.values()) == pytest.approx([1, 1, 1], abs=0.1)


def test_the_constant_is_the_right_one_and_not_the_printed_one():
    frame = theory_kernels.constants([(2, 2, 3), (1, 2, 4)])
    assert list(frame["measured"]) == pytest.approx(list(frame["right"]), rel=1e-10)
    assert (frame["measured"] < 0.6 * frame["printed"]).all()
    assert (frame["residual"] < 1e-10).all()


def test_own_gates_stay_away_from_the_path_kernel():
    frame = theory_kernels.plateau([16, 256], draws=6).pivot(index="case", columns="w", values="error")
    ratio = frame[256] / frame[16]
    assert ratio["independent gates, to βH"] < 0.5
    assert ratio["own gates, to the ReLU limit"] < 0.5
    assert ratio["own gates, to βH"] > 0.5
    assert frame[256]["own gates, to βH"] == pytest.approx(theory_kernels.plateau_level(), abs=0.12)


def test_errors_fall_with_the_width_for_every_architecture():
    frame = theory_kernels.convergence([16, 128], draws=12)
    assert set(frame["case"]) == set(theory_kernels.INDEPENDENT)
    exponents = theory_gradients.fitted_exponents(frame, "w", "error", "case")
    assert all(-0.8 < exponent < -0.25 for exponent in exponents.values())


def test_figures_draw_what_they_are_given():
    networks = theory_paths.active_networks()
    figure = draw.active_figure(networks)
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == [f"{n.title}: {n.active} of {n.paths} paths active" for n in networks]
    assert figure.get_facecolor() == (1.0, 1.0, 1.0, 1.0)

    bundles = theory_paths.bundles([1.0, -2.0, 0.5, 3.0])
    figure = draw.bundle_figure(bundles)
    dotted = sum(line.get_linestyle() == ":" for ax in figure.axes for line in ax.lines)
    assert dotted == sum(not a for bundle in bundles for pool in bundle.activity.values() for a in pool)

    figure = draw.subnetwork_figure(theory_paths.residual_subnetworks())
    assert sum("paths" in text.get_text() for text in figure.axes[0].texts) == 4
    figure = dgn_figure((1, 0))
    assert [ax.get_title() for ax in figure.axes if ax.get_title()] == [
        "gates layer by layer, one input",
        "gates permuted, an input for each network",
    ]
    assert not plt.get_fignums()


def test_rates_and_matrices_are_drawn_as_they_are():
    frame = theory_kernels.plateau([8, 16], draws=1)
    exponents = theory_gradients.fitted_exponents(frame, "w", "error", "case")
    figure = kernels.power_law_figure(frame, exponents, "w", "error", "case", ("width", "distance"), ("limit", 0.5))
    (ax,) = figure.axes
    assert (ax.get_xscale(), ax.get_yscale(), ax.get_xlabel(), ax.get_ylabel()) == ("log", "log", "width", "distance")
    assert list(ax.lines[-1].get_ydata()) == [0.5, 0.5]
    assert [list(line.get_ydata()) for line in ax.lines[:-1]] == [
        list(p["error"]) for _, p in frame.groupby("case", sort=False)
    ]

    K, limit = theory_kernels.kernel_pairs([8])[8]
    figure = kernels.matrix_figure([{"K": K, "limit": limit}], "unit")
    assert torch.equal(torch.tensor(figure.axes[0].images[0].get_array().data), K)
    assert figure.axes[-1].get_ylabel() == "unit"

    constants = theory_kernels.constants([(2, 3, 2)])
    figure = kernels.constant_figure(constants)
    assert [line.get_ydata()[0] for line in figure.axes[0].lines] == [
        constants[name][0] for name in ("right", "printed", "measured")
    ]


def test_a_table_repeats_run_checks():
    (check,) = run_checks(["A-Eq3"])
    assert table_of([check]).frame.equals(check_table(["A-Eq3"]).frame)
