import pytest
import torch

from companion.data import load
from companion.runs.examples import split
from companion.runs.fields import SpecError
from companion.runs.spec import RunSpec


def digits(**fields):
    return RunSpec(dataset="digits", **fields)


def test_holdout_is_the_end_of_the_training_set_and_trains_nothing():
    whole, data = load("digits"), split(digits(train_size=300, holdout=50), load("digits"))
    assert len(data.train) == 250
    assert torch.equal(data.holdout.labels, whole.train_labels[250:300])
    assert torch.equal(data.train.inputs, whole.train_inputs[:250])


@pytest.mark.parametrize("changes", [{}, {"classes": (7, 4)}, {"train_size": 300, "holdout": 50}])
def test_standardised_images_are_those_of_the_whole_set_whatever_part_is_seen(changes):
    plain, data = (split(digits(standardise=flag, **changes), load("digits")) for flag in (False, True))
    for part in ("train", "test", "holdout"):
        before, after = getattr(plain, part), getattr(data, part)
        if before is not None:
            expected = (before.inputs.double() * 16 - 4.89) / 6.01
            torch.testing.assert_close(after.inputs.double(), expected, rtol=0, atol=1e-6)
            assert torch.equal(after.labels, before.labels)


def test_all_training_images_together_have_mean_0_and_deviation_1():
    images = split(digits(standardise=True), load("digits")).train.inputs
    assert images.mean().item() == pytest.approx(0, abs=1e-3)
    assert images.std().item() == pytest.approx(1, abs=1e-3)


def test_classes_are_kept_and_numbered_in_the_given_order():
    whole, data = load("digits"), split(digits(classes=(7, 4)), load("digits"))
    kept = (whole.train_labels == 4) | (whole.train_labels == 7)
    assert torch.equal(data.train.inputs, whole.train_inputs[kept])
    assert torch.equal(data.train.labels, (whole.train_labels[kept] == 4).long())
    assert set(data.test.labels.tolist()) == {0, 1}


@pytest.mark.parametrize("noise", [0.25, 1.0])
def test_label_noise_changes_that_fraction_of_the_training_labels_and_no_other(noise):
    clean, noisy = (split(digits(label_noise=g, holdout=100), load("digits")) for g in (0.0, noise))
    changed = (clean.train.labels != noisy.train.labels).float().mean().item()
    assert changed == pytest.approx(0.9 * noise, abs=0.04)  # a tenth of the draws returns the old label
    assert torch.equal(clean.test.labels, noisy.test.labels)
    assert torch.equal(clean.holdout.labels, noisy.holdout.labels)
    again = split(digits(label_noise=noise, holdout=100), load("digits"))
    assert torch.equal(again.train.labels, noisy.train.labels)
    other = split(digits(label_noise=noise, holdout=100, seed=1), load("digits"))
    assert not torch.equal(other.train.labels, noisy.train.labels)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"classes": (4,)}, "at least two different classes"),
        ({"classes": (4, 11)}, "from 0 to 9"),
        ({"label_noise": 1.5}, "fraction from 0 to 1"),
        ({"loss": "squared-error"}, "needs two classes"),
        ({"probe": "kernel-norms"}, "needs regime DL"),
        ({"probe": "label-alignment"}, "needs regime ReLU and two classes"),
        ({"probe": "nothing"}, "valid are label-alignment, kernel-norms"),
        ({"probe_every": 2}, "no effect without a probe"),
        ({"initialisation": "zeros"}, "valid are glorot, fan-in, sign"),
    ],
)
def test_bad_fields_are_one_sentence(fields, words):
    with pytest.raises(SpecError, match=words) as error:
        digits(**fields)
    assert "\n" not in str(error.value)


def test_all_classes_in_order_are_the_default():
    assert digits(classes=tuple(range(10))).key == digits().key
