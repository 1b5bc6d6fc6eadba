"""The command line: ``companion ...``.  Each command is a few lines over the modules below it."""

from companion.cli.app import main

__all__ = ["main"]
