"""The companion: three papers on gates in ReLU networks, re-measured."""

__version__ = "0.1.0"
