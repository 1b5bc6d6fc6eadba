"""Probes against the slow, obvious computation, and through a whole training run."""

import pytest
import torch

from companion.data import load
from companion.kernels import DeepGatedNetwork, ntk_reference
from companion.measure.chosen import first_of_each_class
from companion.measure.kernel_norms import kernel_norms
from companion.measure.label_alignment import label_probe
from companion.networks.forward import trace
from companion.records.store import Store
from companion.runs.regimes import initial_model
from companion.runs.spec import RunSpec
from companion.training.loop import train
from companion.training.workspace import Workspace

NU = RunSpec(
    dataset="digits",
    classes=(4, 7),
    width=12,
    depth=3,
    bias=False,
    loss="squared-error",
    initialisation="sign",
    optimiser="rmsprop",
    learning_rate=1e-3,
    batch_size=16,
    epochs=4,
    probe="label-alignment",
    probe_every=2,
)
NORMS = RunSpec(dataset="digits", width=6, depth=3, regime="DL", epochs=2, probe="kernel-norms")


@pytest.fixture(scope="module")
def binary():
    from companion.runs.examples import split

    return split(NU, load("digits")).train


def test_first_of_each_class():
    labels = torch.tensor([1, 0, 1, 1, 0, 0])
    assert first_of_each_class(labels, 2).tolist() == [1, 4, 0, 2]


def test_label_probe_is_the_definition(binary):
    model = initial_model(NU)
    found = label_probe(NU, model, binary.inputs, binary.labels)
    x = binary.inputs[first_of_each_class(binary.labels, 100)].double()
    y = 2.0 * binary.labels[first_of_each_class(binary.labels, 100)].double() - 1
    passed = trace(NU.network, {n: t.double() for n, t in model.value.items()}, x)
    H = x.flatten(1) @ x.flatten(1).T
    for G in passed.G:
        H = H * (G @ G.T)
    normalised = H / H.trace()
    rho, u = torch.linalg.eigh(normalised)
    assert found["nu"] == pytest.approx(float(y @ torch.linalg.solve(normalised, y)), rel=1e-6)
    assert found["nu"] == pytest.approx(float(((u.T @ y).square() / rho).sum()), rel=1e-6)
    assert found["top_share"] == pytest.approx(float(rho.max()), rel=1e-9)
    assert found["energy"] == pytest.approx(float(y @ normalised @ y), rel=1e-9)
    assert found["nu"] >= len(y)
    assert found["nu_permuted"] != found["nu"]


def test_kernel_norms_are_those_of_the_reference_kernels():
    data = load("digits")
    model = initial_model(NORMS)
    found = kernel_norms(NORMS, model, data.train_inputs, data.train_labels)
    x = data.train_inputs[first_of_each_class(data.train_labels, 20)].double()
    double = [{n: t.double() for n, t in part.items()} for part in (model.value, model.feature)]
    dgn = DeepGatedNetwork(NORMS.network, *double, gate=NORMS.gate)
    for name, part in (("v", "value"), ("f", "feature")):
        K = ntk_reference(dgn, x, part=part)
        assert found[f"trace_{name}"] == pytest.approx(float(K.trace()), rel=1e-9)
        assert found[f"norm_{name}"] == pytest.approx(float(torch.linalg.matrix_norm(K)), rel=1e-9)
        assert found[f"official_trace_{name}"] < 1e-9 * found[f"trace_{name}"]


def test_a_run_records_its_probes_at_the_asked_epochs(tmp_path):
    store = Store(tmp_path / "results")
    train([NU, NU.replace(label_noise=1.0)], Workspace(tmp_path, store), store.write)
    records = [store.get(NU), store.get(NU.replace(label_noise=1.0))]
    for record in records:
        assert record.content["probes"]["epoch"] == [0, 2, 4]
        assert len(record.content["probes"]["nu"]) == 3
    assert records[0].content["probes"]["nu"][0] != records[1].content["probes"]["nu"][0]  # other labels, other order
    assert records[0].content["best_test"] > 90
