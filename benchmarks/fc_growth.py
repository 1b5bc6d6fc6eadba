"""How the cost of training a fully connected network grows with the number of models, the width and the depth."""

from __future__ import annotations

from benchmarks import roofs
from benchmarks.networks import engine, examples
from companion.costs.bench import Benchmark, Options, Variant
from companion.costs.flops import training_flops
from companion.runs.spec import RunSpec
from companion.training.backends import Backend, FusedBackend, StackedBackend

OPERATIONS = 2e10
"""Of one step, about: a tenth of a second at full speed."""

WIDTHS, DEPTHS, MODELS = (16, 32, 64, 128, 256, 512), (2, 4, 6, 12, 24), (1, 2, 4, 8, 16, 48)


def variants(options: Options) -> list[Variant]:
    """One change at a time, from depth 6, width 128 and as many models as threads (fused) or 48 (stacked)."""
    peak, peak_step = roofs.multiply_add(options)
    roof = "multiply-add peak"

    def way(name: str, backend: Backend, models: int, width: int = 128, depth: int = 6) -> Variant:
        spec = RunSpec(optimiser="adam", learning_rate=1e-3, width=width, depth=depth)
        each = training_flops(spec) * spec.batch_size * models
        steps = 1 if options.tiny else max(2, round(OPERATIONS / each))
        data = examples(spec.dataset, 8192)
        steps = min(steps, 8192 // spec.batch_size)
        return Variant(
            name,
            lambda: engine(backend, spec, models, data, steps, options.threads),
            steps * each / 1e9,
            float(steps * each),
            roof,
        )

    fused, stacked, cores = FusedBackend(), StackedBackend(), options.threads
    widths, depths, models = (WIDTHS[:1], DEPTHS[:1], MODELS[:1]) if options.tiny else (WIDTHS, DEPTHS, MODELS)
    return [
        *(way(f"fused, width {width}", fused, cores, width=width) for width in widths),
        *(way(f"fused, depth {depth}", fused, cores, depth=depth) for depth in depths),
        *(way(f"stacked, models {count}", stacked, count) for count in models),
        Variant(roof, peak_step, peak / 1e9, peak, roof),
    ]


FC_GROWTH = Benchmark(
    "fc-growth",
    "Training fully connected networks with Adam, batch 32, as models, width and depth grow",
    "GFLOP/s",
    variants,
)
