"""Models by name: only what was named is imported, and what is wrong is one sentence."""

from __future__ import annotations

import doctest
import sys

import pytest
import torch
from torch import nn

from companion.decoupling import named
from companion.decoupling.named import load_weights, model_named

SOURCE = """\
import torch
from torch import nn

ready = nn.Linear(2, 3)
number = 3


def net(width=4):
    return nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, 2))


def wrong():
    return {}["weights"]


def nothing():
    pass


class Holder:
    inner = staticmethod(net)
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    (tmp_path / "own_models").mkdir()
    (tmp_path / "own_models" / "__init__.py").write_text("")
    (tmp_path / "own_models" / "nets.py").write_text(SOURCE)
    (tmp_path / "own_models" / "broken.py").write_text("x = (\n")
    (tmp_path / "own_models" / "ends.py").write_text("import sys\nsys.exit('usage: ends')\n")
    (tmp_path / "own_models" / "needs.py").write_text("import not_to_be_found_anywhere\n")
    (tmp_path / "own_models" / "loud.py").write_text("raise SystemError('never named, never run')\n")
    (tmp_path / "torchvision.py").write_text("raise SystemError('in the place of a library')\n")
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("own_models"):
            del sys.modules[name]


def test_a_factory_a_model_and_arguments(here):
    first, second = model_named("own_models.nets:net"), model_named("own_models.nets:net")
    assert torch.equal(first[0].weight, second[0].weight)
    assert model_named("own_models.nets:net", {"width": 7})[0].out_features == 7
    assert model_named("own_models.nets:ready").out_features == 3
    assert model_named("own_models.nets:Holder.inner")[0].out_features == 4
    assert "own_models.loud" not in sys.modules
    state = torch.random.get_rng_state()
    model_named("own_models.nets:net")
    assert torch.equal(state, torch.random.get_rng_state())
    assert model_named("torchvision.models:squeezenet1_1", {"num_classes": 3})


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("own_models.nets", {}, "a model is named package.module:factory, such as torchvision.models:resnet18, not"),
        ("own_models/nets.py:net", {}, "a model is named package.module:factory"),
        (":net", {}, "a model is named"),
        ("own_models.nets:net()", {}, "a model is named"),
        ("own_modls.nets:net", {}, "there is no module own_modls.nets where Python looks or in"),
        ("own_models.nts:net", {}, "there is no module own_models.nts"),
        ("own_models.nets:nat", {}, r"own_models.nets \(.*nets.py\) has no nat"),
        ("own_models.nets:number", {}, "must give a torch.nn.Module when it is called, and is a int"),
        ("own_models.nets:nothing", {}, "must give a torch.nn.Module, and gave a NoneType"),
        ("own_models.nets:wrong", {}, r"own_models.nets:wrong\(\) failed \(KeyError, nets.py line 13\): 'weights'"),
        ("own_models.nets:net", {"wide": 3}, r"net\(wide\) failed \(TypeError.*unexpected keyword argument 'wide'"),
        ("own_models.nets:ready", {"wide": 3}, "is a model already: it takes no arguments"),
        ("own_models.broken:net", {}, r"importing own_models.broken failed \(SyntaxError"),
        ("own_models.ends:net", {}, r"importing own_models.ends failed \(SystemExit, ends.py line 2\): usage: ends"),
        ("own_models.needs:net", {}, "importing own_models.needs failed .*No module named 'not_to_be_found_anywhere'"),
    ],
)
def test_what_is_wrong_is_one_sentence(here, name, arguments, words):
    with pytest.raises(ValueError, match=words) as caught:
        model_named(name, arguments)
    assert "\n" not in str(caught.value)


def test_weights(tmp_path):
    trained, model = nn.Linear(2, 3), nn.Linear(2, 3)
    torch.save(trained.state_dict(), tmp_path / "good.pt")
    load_weights(model, tmp_path / "good.pt")
    assert torch.equal(model.weight, trained.weight)
    with pytest.raises(ValueError, match=r"there is no file .*none.pt of weights"):
        load_weights(model, tmp_path / "none.pt")
    with pytest.raises(ValueError, match=r"has not the weights of this model: size mismatch for bias") as caught:
        load_weights(nn.Linear(2, 4), tmp_path / "good.pt")
    assert "\n" not in str(caught.value)
    torch.save(nn.Linear(2, 3), tmp_path / "pickle.pt")  # would run code of its own when it is loaded
    with pytest.raises(ValueError, match="is no file of weights"):
        load_weights(model, tmp_path / "pickle.pt")


def test_examples_in_docstrings():
    result = doctest.testmod(named)
    assert (result.attempted > 0, result.failed) == (True, 0)
