"""A study that was stopped goes on as if it had not been, and never with another model, other data or settings."""

from __future__ import annotations

import copy
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from companion.decoupling import information
from companion.decoupling.information import train_rows
from companion.decoupling.kept import DamagedError, KeptError, data_digest, model_digest
from companion.decoupling.rows import ROWS, rows_of


def model(width=12, slope=0.0):
    torch.manual_seed(5)
    gate = nn.LeakyReLU(slope) if slope else nn.ReLU()
    return nn.Sequential(nn.Linear(4, width), nn.BatchNorm1d(width), gate, nn.Dropout(0.3), nn.Linear(width, 3))


def split(n, seed):
    x = torch.randn(n, 4, generator=torch.Generator().manual_seed(seed))
    return x, (x[:, 0] > 0).long() + (x[:, 1] > 0).long()


TRAIN, TEST = split(97, 0), split(60, 1)
ask = partial(train_rows, seeds=[0, 1], epochs=4, regimes=ROWS[:3], batch=16)


class StoppedError(Exception):
    pass


def stop_at(place, epoch):
    def tell(event):
        if event.score is None and (event.place, event.epoch) == (place, epoch):
            raise StoppedError

    return tell


@pytest.mark.parametrize(("place", "epoch"), [(0, 1), (1, 3), (4, 4)])
def test_what_was_stopped_anywhere_ends_as_if_it_had_not_been(tmp_path, monkeypatch, place, epoch):
    monkeypatch.setattr(information, "SAVE_EVERY", 0.0)
    whole = list(ask(model(), TRAIN, TEST))
    with pytest.raises(StoppedError):
        list(ask(model(), TRAIN, TEST, keep=tmp_path, tell=stop_at(place, epoch)))
    done = {path.name for path in tmp_path.glob("*.json")}
    assert len(done) == place + 1  # and the settings
    assert len(list(tmp_path.glob("*.pt"))) == (epoch > 1)
    torch.rand(3)
    events = []
    assert list(ask(model(), TRAIN, TEST, keep=tmp_path, tell=events.append)) == whole
    first = next(event for event in events if event.epoch and event.score is None)
    assert (first.place, first.epoch) == (place, max(1, epoch - 1) + (epoch > 1))
    assert not list(tmp_path.glob("*.pt"))
    again = []
    assert list(ask(model(), TRAIN, TEST, keep=tmp_path, tell=again.append)) == whole
    assert all(event.score is not None for event in again)


def test_more_seeds_and_regimes_may_be_asked_of_the_same_folder(tmp_path):
    list(ask(model(), TRAIN, TEST, keep=tmp_path))
    more = {"seeds": [2, 1], "regimes": ["FR-DI", "FL"]}
    events = []
    assert list(ask(model(), TRAIN, TEST, keep=tmp_path, tell=events.append, **more)) == list(
        ask(model(), TRAIN, TEST, **more)
    )
    trained = {(str(event.row), event.seed) for event in events if event.score is None}
    assert trained == {("FR-DI", 2), ("FL", 2), ("FR-DI", 1)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": model(slope=0.1)}, "of another model: choose another folder"),
        ({"model": model(13)}, "of another model:"),
        ({"initialise": lambda fresh: nn.init.ones_(fresh[0].weight)}, "of another model:"),
        ({"train": TEST}, "of other data:"),
        ({"test": TRAIN}, "of other data:"),
        ({"epochs": 5}, r"of other settings \(epochs 4, not 5\)"),
        ({"batch": 17}, r"\(batch 16, not 17\)"),
        ({"early_stop": 1}, r"\(early_stop 0, not 1\)"),
        ({"optimiser": partial(torch.optim.Adam, lr=0.01)}, r"optimiser Adam\(.*lr=0.001.*, not Adam\(.*lr=0.01"),
    ],
)
def test_other_studies_are_refused(tmp_path, change, words):
    list(ask(model(), TRAIN, TEST, keep=tmp_path))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    arguments = {"model": model(), "train": TRAIN, "test": TEST} | change
    with pytest.raises(KeptError, match=words):
        list(ask(keep=tmp_path, **arguments))
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_one_weight_more_or_less_is_another_model(tmp_path):
    list(ask(model(), TRAIN, TEST, keep=tmp_path))
    other = model()
    with torch.no_grad():
        other[1].running_mean[0] += 1e-6
    with pytest.raises(KeptError, match="another model"):
        list(ask(other, TRAIN, TEST, keep=tmp_path))


class Loose(nn.Module):
    """Computes by a tensor that is no buffer, a buffer that is not saved, and dropout that no module holds."""

    def __init__(self, mean=0.0, spread=1.0, p=0.1, fixed=0.0, counts=True):
        super().__init__()
        torch.manual_seed(5)
        self.first, self.last = nn.Linear(4, 6), nn.Linear(3, 3)
        self.pool = nn.AvgPool1d(2, padding=0 if counts is None else 1, stride=3, count_include_pad=bool(counts))
        self.mean, self.p, self.fixed = torch.full((4,), mean), p, fixed
        self.register_buffer("spread", torch.full((4,), spread), persistent=False)

    def forward(self, x):
        z = F.relu(self.first((x - self.mean - torch.full((4,), self.fixed)) / self.spread))
        if self.training:
            z = F.dropout(z, self.p)
        return self.last(self.pool(z[:, None]).flatten(1))


@pytest.mark.parametrize(
    "change", [{"mean": 5.0}, {"spread": 2.0}, {"p": 0.9}, {"fixed": 3.0}, {"counts": False}], ids=str
)
def test_what_a_model_computes_by_and_does_not_save_makes_it_another(tmp_path, change):
    before = Loose()
    list(ask(before, TRAIN, TEST, keep=tmp_path))
    assert before.training
    assert list(ask(Loose(), TRAIN, TEST, keep=tmp_path)) == list(ask(Loose(), TRAIN, TEST))
    with pytest.raises(KeptError, match="another model"):
        list(ask(Loose(**change), TRAIN, TEST, keep=tmp_path))


def test_one_network_of_every_mode_has_one_digest():
    one = Loose()
    made = [model_digest(network, network) for network in (one.eval(), one.train(), copy.deepcopy(one))]
    assert len(set(made)) == 1
    assert one.training
    assert "mean" not in dict(one.named_buffers())  # tracing makes buffers of what it finds


@pytest.mark.parametrize("name", ["settings.json", "FL.1.json"])
@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"train": "many", "test": 1, "epochs": 1}'])
def test_damaged_files_are_named(tmp_path, name, content):
    list(ask(model(), TRAIN, TEST, keep=tmp_path))
    (tmp_path / name).write_text(content)
    with pytest.raises(KeptError, match=name) as caught:
        list(ask(model(), TRAIN, TEST, keep=tmp_path))
    assert isinstance(caught.value, DamagedError) or content.startswith("{")


def test_a_damaged_checkpoint_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(information, "SAVE_EVERY", 0.0)
    with pytest.raises(StoppedError):
        list(ask(model(), TRAIN, TEST, keep=tmp_path, tell=stop_at(0, 3)))
    place = tmp_path / "ReLU.0.pt"
    place.write_bytes(place.read_bytes()[:100])
    with pytest.raises(DamagedError, match=r"ReLU.0.pt is damaged, or that of another network: delete it"):
        list(ask(model(), TRAIN, TEST, keep=tmp_path))


@pytest.mark.parametrize(
    ("name", "value"), [("exp_avg", None), ("exp_avg_sq", None), ("step", torch.tensor([])), ("exp_avg", "many")]
)
def test_moments_that_no_optimiser_has_left_are_damage(tmp_path, monkeypatch, name, value):
    """They would end the training after the next step, far from the file."""
    monkeypatch.setattr(information, "SAVE_EVERY", 0.0)
    with pytest.raises(StoppedError):
        list(ask(model(), TRAIN, TEST, keep=tmp_path, tell=stop_at(0, 3)))
    place = tmp_path / "ReLU.0.pt"
    content = torch.load(place)
    content["state"]["optimiser"]["state"][1][name] = value
    torch.save(content, place)
    with pytest.raises(DamagedError, match=r"ReLU.0.pt is damaged, or that of another network: delete it"):
        list(ask(model(), TRAIN, TEST, keep=tmp_path))


def test_the_files_of_another_network_are_not_believed(tmp_path, monkeypatch):
    monkeypatch.setattr(information, "SAVE_EVERY", 0.0)
    list(ask(model(), TRAIN, TEST, keep=tmp_path))
    scores = sorted(path for path in tmp_path.glob("*.json") if path.name != "settings.json")
    scores[1].write_bytes(scores[0].read_bytes())
    with pytest.raises(DamagedError, match=f"{scores[1].name} is damaged, or that of another network"):
        list(ask(model(), TRAIN, TEST, keep=tmp_path))
    for place in (0, 1):
        with pytest.raises(StoppedError):
            list(ask(model(), TRAIN, TEST, keep=tmp_path / str(place), tell=stop_at(place, 3)))
    (first,), (second,) = (list((tmp_path / str(place)).glob("*.pt")) for place in (0, 1))
    assert first.name != second.name
    second.write_bytes(first.read_bytes())
    with pytest.raises(DamagedError, match=f"{second.name} is damaged, or that of another network"):
        list(ask(model(), TRAIN, TEST, keep=tmp_path / "1"))


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "mine.json").write_text("{}")
    with pytest.raises(KeptError, match=r"has no settings.json: choose another folder"):
        list(ask(model(), TRAIN, TEST, keep=tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.json"]


def test_a_network_that_diverged_is_kept_as_one(tmp_path):
    wild = partial(torch.optim.SGD, lr=1e30)
    for _ in range(2):
        events = []
        scores = list(ask(model(), TRAIN, TEST, optimiser=wild, keep=tmp_path, tell=events.append))
        assert all(score.train != score.train and score.test != score.test for score in scores)
        assert all(score.epochs < 4 for score in scores)


def test_early_stop_ends_a_network_that_fits():
    easy = torch.eye(4)[torch.arange(40) % 4], torch.arange(40) % 4
    plain = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 4))
    fast = partial(torch.optim.Adam, lr=0.1)
    (score,) = train_rows(plain, easy, easy, regimes=["ReLU"], seeds=[0], epochs=50, optimiser=fast, early_stop=3)
    assert score.train == 100
    assert 3 <= score.epochs < 50
    (longer,) = train_rows(plain, easy, easy, regimes=["ReLU"], seeds=[0], epochs=50, optimiser=fast, early_stop=5)
    assert longer.epochs == score.epochs + 2
    (never,) = train_rows(plain, easy, easy, regimes=["ReLU"], seeds=[0], epochs=50, optimiser=fast)
    assert never.epochs == 50


def test_bytes_are_parts_of_255():
    whole = torch.randint(0, 256, (50, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(50) % 3
    as_bytes, as_floats = ((x, labels) for x in (whole, whole.float() / 255))
    assert list(ask(model(), as_bytes, as_bytes)) == list(ask(model(), as_floats, as_floats))
    assert data_digest(whole) != data_digest(whole.float() / 255)
    assert data_digest(whole) != data_digest(whole.view(100, 2))


def test_regimes_by_name():
    assert rows_of(["ReLU", "FL", "FL-ones", "FL"]) == (ROWS[0], ROWS[1], ROWS[4])
    assert [str(row) for row in rows_of(ROWS)] == ["ReLU", "FL", "FR-II", "FR-DI", "FL-ones"]
    with pytest.raises(ValueError, match="unknown regime 'DL': valid are ReLU, FL, FL-ones, FR-II"):
        rows_of(["DL"])


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (nn.Sequential(nn.Linear(5, 3)), r"does not take examples shaped \[4\] in evaluation mode: .*multiplied"),
        (nn.Sequential(nn.Linear(4, 2)), "tells 2 classes apart, and the labels go up to 2"),
        (nn.Sequential(nn.Linear(4, 3), nn.Unflatten(1, (3, 1))), r"not a tensor \[4, 3, 1\] in evaluation mode"),
        (nn.Sequential(nn.ReLU()), "no weights that could be trained"),
        (nn.LSTM(4, 3), "not tuple in evaluation mode"),
        (nn.Sequential(nn.Linear(4, 3), nn.GELU()), r"cannot be decoupled.*\n1 \(GELU\)"),
    ],
)
def test_models_that_do_not_fit_are_refused_before_anything_is_trained(tmp_path, bad, words):
    with pytest.raises(ValueError, match=words):
        list(ask(copy.deepcopy(bad), TRAIN, TEST, keep=tmp_path / "networks"))
    assert not (tmp_path / "networks").exists()
