import pandas as pd
import pytest

from companion.verdicts.stats import Verdict
from companion.verdicts.trends import TRENDS, evaluate_trend

NU, SCALE = (next(one for one in TRENDS if one.exhibit == name) for name in ("A-F2-nu", "A-F2-K"))


def probes(quantities, seeds=5):
    """Frames of made-up measurements: ``quantities(seed)`` gives the columns."""
    parts = [
        pd.DataFrame(
            {"row": "r", "variant": "", "dataset": "mnist", "seed": seed, "epoch": [0, 10, 20], **quantities(seed)}
        )
        for seed in range(seeds)
    ]
    return pd.concat(parts)


def verdict(trend, frame, seeds=5):
    (result,) = evaluate_trend(trend, ["r"], frame, seeds)
    return result.verdict


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (lambda s: 500 + s, Verdict.REPRODUCED),
        (lambda s: 2000 + s, Verdict.NOT_REPRODUCED),
        (lambda s: 1000 + (400 if s % 2 else -400), Verdict.INCONCLUSIVE),
    ],
)
def test_nu_falls(end, expected):
    frame = probes(lambda s: {"nu": [1000.0, 5000.0, float(end(s))]})
    assert verdict(NU, frame) is expected


def test_order_of_rows_does_not_matter():
    frame = probes(lambda s: {"nu": [1000.0, 900.0, 500.0 + s]}).sample(frac=1, random_state=0)
    assert verdict(NU, frame) is Verdict.REPRODUCED


@pytest.mark.parametrize(
    ("factor", "expected"), [(3.0, Verdict.REPRODUCED), (1 / 3, Verdict.REPRODUCED), (100.0, Verdict.NOT_REPRODUCED)]
)
def test_same_scale_is_the_worst_epoch_and_norm(factor, expected):
    def quantities(seed):
        v = [1.0, 1.0 + seed / 100, 1.0]
        return {"trace_v": v, "trace_f": v, "norm_v": v, "norm_f": [1.0, factor, 1.0]}

    assert verdict(SCALE, probes(quantities)) is expected


def test_a_control_is_put_to_the_same_rule():
    own = probes(lambda s: {"nu": [1000.0, 800.0, 500.0 + s]})
    control = probes(lambda s: {"nu": [1000.0, 1000.0, 2000.0 + s]}).assign(variant="random labels")
    (result,) = evaluate_trend(NU, ["r"], pd.concat([own, control]), 5, "random labels")
    assert result.verdict is Verdict.NOT_REPRODUCED
    assert result.difference == pytest.approx(0.301, abs=0.001)


def test_missing_seeds_are_pending_and_variants_do_not_count():
    frame = probes(lambda s: {"nu": [2.0, 1.5, 1.0 + s / 10]}, seeds=4)
    assert verdict(NU, frame) is Verdict.PENDING
    assert verdict(NU, frame.assign(variant="random labels"), seeds=4) is Verdict.PENDING
    assert verdict(NU, frame, seeds=4) is Verdict.REPRODUCED
