"""Rows of one protocol: what differs between them, and what does not."""

from __future__ import annotations

import copy
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from companion.decoupling.examples import require_halves
from companion.decoupling.information import ROWS, Row, reset, train_rows
from companion.notation import Regime, ValueInput
from companion.verdicts.information import gate_information

STILL = partial(torch.optim.SGD, lr=0.0)


def mlp():
    return nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 12), nn.ReLU(), nn.Linear(12, 3))


def split(n, seed):
    x = torch.randn(n, 4, generator=torch.Generator().manual_seed(seed))
    return x, (x[:, 0] > 0).long() + (x[:, 1] > 0).long()


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(5)
    return mlp()


TRAIN, TEST = split(97, 0), split(60, 1)


def accuracy(network, split):
    return 100 * int((network(split[0]).argmax(1) == split[1]).sum()) / len(split[1])


def test_the_relu_row_is_plain_training(model):
    (score,) = train_rows(model, TRAIN, TEST, regimes=[Row(Regime.RELU)], seeds=[3], epochs=4, batch=32)
    torch.manual_seed(2 * 3)
    plain = mlp()
    step = torch.optim.Adam(plain.parameters())
    order = torch.Generator().manual_seed(3)
    for _ in range(4):
        chosen = torch.randperm(97, generator=order)
        for part in (chosen[:32], chosen[32:64], chosen[64:]):  # the single example at the end goes with those before
            step.zero_grad()
            F.cross_entropy(plain(TRAIN[0][part]), TRAIN[1][part]).backward()
            step.step()
    assert (score.train, score.test) == (accuracy(plain, TRAIN), accuracy(plain, TEST))


def test_before_they_train_gates_of_its_own_weights_make_the_model(model):
    """So FR-DI begins as ReLU does, and FL with the weights of the model as the model."""
    still = partial(train_rows, model, TRAIN, TEST, seeds=[1], epochs=1, optimiser=STILL)
    rows = {score.row.regime: score for score in still(regimes=ROWS[:4])}
    assert rows[Regime.FR_DI].test == rows[Regime.RELU].test

    def its_own(fresh):
        fresh.load_state_dict(model.state_dict())

    (score,) = still(regimes=ROWS[1:2], initialise=its_own)
    assert score.test == accuracy(model, TEST)


def test_ones_say_nothing_but_through_gates():
    model = nn.Sequential(nn.Linear(4, 3))
    row = Row(Regime.FL, ValueInput.ONES)
    fast = partial(torch.optim.SGD, lr=1.0)
    (score,) = train_rows(model, TRAIN, TEST, regimes=[row], seeds=[0], epochs=30, optimiser=fast)
    assert score.test in [100 * float((TEST[1] == c).double().mean()) for c in range(3)]
    (image,) = train_rows(model, TRAIN, TEST, regimes=ROWS[1:2], seeds=[0], epochs=30, optimiser=fast)
    assert image.test > score.test


def test_the_model_and_the_random_numbers_are_left_alone(model):
    before, state = copy.deepcopy(model.state_dict()), torch.random.get_rng_state()
    first = list(train_rows(model, TRAIN, TEST, seeds=[0, 1], epochs=2))
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())
    assert model.training
    torch.rand(1)
    assert first == list(train_rows(model, TRAIN, TEST, seeds=[0, 1], epochs=2))
    assert [(score.seed, score.row) for score in first] == [(seed, row) for seed in (0, 1) for row in ROWS]
    assert len({score.train for score in first}) > 5


class Convolutions(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Conv2d(1, 6, 3),
            nn.BatchNorm2d(6),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(6, 3),
        )


def test_batch_norm_of_random_gates_has_the_statistics_of_the_examples(monkeypatch):
    seen = []
    monkeypatch.setattr(
        "companion.decoupling.information._train", lambda network, *rest: seen.append(network.eval()) or (1, False)
    )
    x = 3 * torch.randn(50, 1, 4, 4) + 1
    data = x, torch.arange(50) % 3
    list(train_rows(Convolutions(), data, data, regimes=ROWS[2:3], seeds=[0], batch=50))
    feature = seen[0].feature_network
    q = feature[0](x)
    torch.testing.assert_close(feature[1].running_mean, q.mean((0, 2, 3)))
    torch.testing.assert_close(feature[1].running_var, q.var((0, 2, 3)))
    assert feature[1].momentum == 0.1
    assert not feature.training
    assert not any(p.requires_grad for p in feature.parameters())
    assert all(p.requires_grad for p in seen[0].value_network.parameters())


@pytest.mark.parametrize("batch", [1, 7, 300])
def test_those_statistics_are_of_the_examples_whatever_a_step_and_their_order(monkeypatch, batch):
    """A step of one example left them as they are drawn, and examples in the order of classes made them too small."""
    seen = []
    monkeypatch.setattr(
        "companion.decoupling.information._train", lambda network, *rest: seen.append(network.eval()) or (1, False)
    )
    y = torch.arange(3).repeat_interleave(129)
    x = torch.randn(387, 1, 4, 4, generator=torch.Generator().manual_seed(0)) + 10 * y[:, None, None, None]
    list(train_rows(Convolutions(), (x, y), (x, y), regimes=ROWS[2:3], seeds=[0], batch=batch))
    feature = seen[0].feature_network
    q = feature[0](x)
    torch.testing.assert_close(feature[1].running_mean, q.mean((0, 2, 3)), rtol=0.01, atol=0.01)
    torch.testing.assert_close(feature[1].running_var, q.var((0, 2, 3)), rtol=0.02, atol=0)


def test_convolutional_models_train():
    data = torch.randn(20, 1, 4, 4), torch.arange(20) % 3
    scores = list(
        train_rows(
            Convolutions(), data, data, seeds=[0], epochs=60, batch=7, optimiser=partial(torch.optim.Adam, lr=0.01)
        )
    )
    assert scores[0].train > 80
    assert scores[1].train > 50


X, Y = TRAIN
SPOILT = X.clone()
SPOILT[7, 3] = float("nan")
SPOILT[9] = float("inf")


@pytest.mark.parametrize(
    ("train", "test", "error", "words"),
    [
        ((X, Y - 1), TEST, ValueError, "the classes of train must be whole numbers from 0, not -1"),
        ((X, torch.where(Y > 0, Y, -100)), TEST, ValueError, "from 0, not -100"),
        (TRAIN, (X, Y - 1), ValueError, "the classes of test must be whole numbers from 0, not -1"),
        ((X, Y.float()), TEST, TypeError, "classes of train must be integers from 0, as int64 has them, not float32"),
        (TRAIN, (X, Y > 0), TypeError, "the classes of test must be integers from 0, as int64 has them, not bool"),
        ((X, Y[:-1]), TEST, ValueError, r"train must be examples \[N, ...\] and as many classes \[N\], at least one"),
        ((X, F.one_hot(Y)), TEST, ValueError, r"train must be examples .* as many classes \[N\]"),
        (TRAIN, (X[:0], Y[:0]), ValueError, "test must be examples .*, at least one"),
        (TRAIN, (X, Y[0]), ValueError, "test must be examples"),
        ((X.to_sparse(), Y), TEST, TypeError, "examples of train must be a dense tensor, not a sparse_coo one"),
        ((X.long(), Y), TEST, TypeError, r"examples of train must be of floating type or bytes \(uint8\), not int64"),
        ((SPOILT, Y), TEST, ValueError, "the examples of train must be finite, and 2 of 97 have numbers that are not"),
        (TRAIN, (SPOILT, Y), ValueError, "the examples of test must be finite, and 2 of 97"),
        (TRAIN, (X[:, :3], Y), ValueError, r"of one shape and type, not \[4\] float32 and \[3\] float32"),
        (TRAIN, (X.double(), Y), ValueError, r"of one shape and type, not \[4\] float32 and \[4\] float64"),
    ],
)
def test_examples_and_classes_that_are_none_are_named_before_anything_is_trained(
    model, tmp_path, train, test, error, words
):
    events = []
    for ask in (train_rows, partial(gate_information, device="cpu")):
        with pytest.raises(error, match=words) as caught:
            list(ask(model, train, test, keep=tmp_path / "networks", tell=events.append))
        assert "\n" not in str(caught.value)
    assert not events
    assert not (tmp_path / "networks").exists()


@pytest.mark.parametrize(
    ("half", "words"),
    [
        ((X, Y.tolist()), "the classes of test must be a torch tensor, not list"),
        ((X.numpy(), Y), "the examples of test must be a torch tensor, not ndarray"),
        (X, r"test must be two tensors, examples \[N, ...\] and classes \[N\], not Tensor"),
        (None, "test must be two tensors, .* not NoneType"),
    ],
)
def test_what_is_no_tensor_is_named(half, words):
    with pytest.raises(TypeError, match=words):
        require_halves(TRAIN, half)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32])
def test_classes_of_any_integers_are_the_same(model, dtype):
    ask = partial(train_rows, model, regimes=ROWS[:2], seeds=[0], epochs=1)
    as_they_are = list(ask((X, Y.to(dtype)), (TEST[0], TEST[1].to(dtype))))
    assert as_they_are == list(ask(TRAIN, TEST))


def test_bad_input_is_named(model):
    with pytest.raises(ValueError, match="train must be examples"):
        list(train_rows(model, (TRAIN[0], TEST[1]), TEST))
    with pytest.raises(ValueError, match="epochs and batch must be at least 1"):
        list(train_rows(model, TRAIN, TEST, epochs=0))
    with pytest.raises(ValueError, match="not DL"):
        Row(Regime.DL)
    with pytest.raises(ValueError, match="image or ones, not noise"):
        Row(Regime.FL, ValueInput.NOISE)
    with pytest.raises(ValueError, match="gates itself"):
        Row(Regime.RELU, ValueInput.ONES)
    own = nn.Sequential(nn.Linear(4, 3))
    own.register_parameter("scale", nn.Parameter(torch.ones(3)))
    with pytest.raises(ValueError, match="the parameter scale belongs to a module without reset_parameters"):
        reset(own)
