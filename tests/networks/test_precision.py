"""Float32 products stay what they are called, and settings of the process end with the block that made them."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from companion.networks import precision
from companion.networks.precision import LARGEST_ERROR, fast_products, routing_is_exact, single_precision


def setting() -> str | None:
    return getattr(getattr(torch.backends.mkldnn, "matmul", None), "fp32_precision", None)


def error() -> float:
    generator = torch.Generator().manual_seed(1)
    a, b = torch.randn(6, 32, 500, generator=generator), torch.randn(6, 500, 96, generator=generator)
    exact = a.double() @ b.double()
    return float((a @ b - exact).abs().max() / exact.abs().max())


def test_products_in_the_block_keep_the_bits_of_float32() -> None:
    with fast_products():
        assert error() < LARGEST_ERROR
    assert error() < LARGEST_ERROR


def test_the_setting_ends_with_the_block_even_by_an_error() -> None:
    before = setting()
    with pytest.raises(KeyError), fast_products():
        raise KeyError
    assert setting() == before
    with fast_products(wanted=False):
        assert setting() == before


@pytest.mark.skipif(not routing_is_exact(), reason="this machine has no faster way that is exact")
def test_the_setting_lasts_until_the_last_thread_leaves() -> None:
    before, entered, leave = setting(), threading.Event(), threading.Event()

    def other() -> None:
        with fast_products():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with fast_products():
        inside = setting()
        thread.start()
        assert entered.wait(10)
    assert setting() == inside != before
    leave.set()
    thread.join()
    assert setting() == before


def test_where_the_faster_way_rounds_it_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "routing_is_exact", lambda: False)
    before = setting()
    with fast_products():
        assert setting() == before


@pytest.fixture
def gpu_settings() -> Iterator[None]:
    places = (torch.backends.cuda.matmul, torch.backends.cudnn.conv)
    before = [place.fp32_precision for place in places]
    yield
    for place, value in zip(places, before, strict=True):
        place.fp32_precision = value


@pytest.mark.usefixtures("gpu_settings")
@pytest.mark.parametrize(("tensor_cores", "name"), [(True, "tf32"), (False, "ieee")])
def test_a_gpu_rounds_to_tf32_only_where_it_is_asked_to(tensor_cores: bool, name: str) -> None:
    single_precision(tensor_cores)
    assert torch.backends.cuda.matmul.fp32_precision == name
    assert torch.backends.cudnn.conv.fp32_precision == name
