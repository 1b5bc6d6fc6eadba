"""nbval starts kernels as the book does: in this very environment, with sockets that none has to race for."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

import nbval.kernel
import pytest
from jupyter_client.manager import KernelManager

from companion.site.notebooks import kernels


def pytest_configure(config: pytest.Config) -> None:
    stack = ExitStack()
    config.add_cleanup(stack.close)
    nbval.kernel.KernelManager = partial(KernelManager, **stack.enter_context(kernels()))
