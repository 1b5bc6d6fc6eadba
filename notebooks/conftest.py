"""nbval starts kernels as the book does: warm, in this environment, with sockets that none has to race for."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

import nbval.kernel
import pytest
from jupyter_client.manager import KernelManager

from companion.site.notebooks import kernels
from companion.site.warm import WarmManager


def pytest_configure(config: pytest.Config) -> None:
    several = len(config.args) > 1 or not config.args[0].partition("::")[0].endswith(".ipynb")
    manager = WarmManager if several else KernelManager
    stack = ExitStack()
    config.add_cleanup(stack.close)
    nbval.kernel.KernelManager = partial(manager, **stack.enter_context(kernels()))
