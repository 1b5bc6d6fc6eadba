"""What this machine trains with."""

from __future__ import annotations

import pytest
import torch

from companion.runs.fields import SpecError
from companion.runs.machine import device_of, threads_here


@pytest.mark.parametrize(("gpus", "best"), [(0, "cpu"), (2, "cuda")])
def test_auto_is_the_best_device(monkeypatch: pytest.MonkeyPatch, gpus: int, best: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert device_of("auto") == best
    assert device_of("cpu") == "cpu"


def test_a_device_that_is_not_here_is_refused_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert device_of("cuda:1") == "cuda:1"
    with pytest.raises(SpecError, match="valid on this machine are auto, cpu, cuda, cuda:0, cuda:1"):
        device_of("cuda:2")


@pytest.mark.parametrize(("named", "threads"), [("3", 3), ("0", None), ("many", None)])
def test_threads_are_those_that_are_asked_for_or_one_a_core(
    monkeypatch: pytest.MonkeyPatch, named: str, threads: int | None
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", named)
    assert threads_here() == threads or (threads is None and threads_here() >= 1)
