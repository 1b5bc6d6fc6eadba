"""Which operations are linear in what, by name, whether they are written as module, function, method or operator.

The list is one of what is *known*: an operation that is on none of these lists is refused.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional as F

__all__ = [
    "FIRST",
    "FIRST_MODULES",
    "JOINT",
    "LIKE",
    "ONE",
    "SHAPE",
    "SITE_MODULES",
    "SITE_NAMES",
    "draws",
    "name_of",
    "reason_against",
]


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


SHAPE = words("size dim ndimension numel nelement new_zeros new_ones new_full zeros_like ones_like")
"""These ask for shape and type alone: what they give does not depend on what is in the tensor."""
ATTRIBUTES = words("shape dtype device ndim layout is_cuda requires_grad")

JOINT = words("add sub subtract neg negative pos positive cat concat concatenate stack hstack vstack dstack")
"""Linear in all their arguments together: sums and concatenations."""

ONE = words(
    "mul multiply matmul mm bmm mv einsum tensordot addmm baddbmm linear conv1d conv2d conv3d conv_transpose1d "
    "conv_transpose2d conv_transpose3d"
)
"""Products: linear in the one argument that depends on the input, if there is only one."""

VIEWS = words(
    "view reshape flatten ravel unflatten permute transpose t swapaxes swapdims movedim moveaxis squeeze "
    "unsqueeze contiguous chunk split tensor_split unbind getitem select narrow expand diagonal unfold detach to "
    "float double half bfloat16 expand_as view_as reshape_as type_as T mT data"
)
"""Linear in their first argument, and what they give may lie in the same memory."""

LIKE = words("expand_as view_as reshape_as type_as")
"""Of their other argument these ask for shape or type alone."""

FIRST = VIEWS | words(
    "div truediv divide true_divide mean sum cumsum clone repeat tile repeat_interleave roll flip rot90 tril triu "
    "index_select gather take_along_dim masked_fill pad interpolate upsample fold pixel_shuffle pixel_unshuffle "
    "channel_shuffle batch_norm avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d "
    "adaptive_avg_pool3d"
)
"""Linear (or affine) in their first argument, which alone may depend on the input."""

WHERE = "where"
"""Linear in both of its choices, if what it asks does not depend on the input."""

ALIASES = VIEWS | words("pos positive einsum")
"""What these give may lie in the memory of what they take."""

DRAWS = words(
    "rand randn randint randperm rand_like randn_like randint_like normal bernoulli multinomial poisson uniform cauchy "
    "log_normal exponential geometric random binomial gumbel_softmax rrelu rrelu_with_noise alpha_dropout "
    "feature_dropout feature_alpha_dropout native_dropout fractional_max_pool2d fractional_max_pool3d"
)
"""Functions and methods that draw random numbers; dropout, which is a site, apart."""

DRAWING_MODULES = (nn.modules.dropout._DropoutNd, nn.RReLU, nn.FractionalMaxPool2d, nn.FractionalMaxPool3d)
"""Modules that draw random numbers while they train."""

FIRST_MODULES: frozenset[type[nn.Module]] = frozenset(
    getattr(nn, name)
    for name in words(
        "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d Linear BatchNorm1d BatchNorm2d "
        "BatchNorm3d SyncBatchNorm AvgPool1d AvgPool2d AvgPool3d AdaptiveAvgPool1d AdaptiveAvgPool2d "
        "AdaptiveAvgPool3d Flatten Unflatten Identity ZeroPad1d ZeroPad2d ZeroPad3d ConstantPad1d "
        "ConstantPad2d ConstantPad3d ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d "
        "ReplicationPad2d ReplicationPad3d CircularPad1d CircularPad2d CircularPad3d PixelShuffle "
        "PixelUnshuffle ChannelShuffle Upsample UpsamplingNearest2d UpsamplingBilinear2d Fold Unfold"
    )
)
"""Modules that are linear (or affine) in their input."""

SITE_MODULES: dict[type[nn.Module], tuple[str, tuple[str, ...]]] = {
    nn.ReLU: ("relu", ()),
    nn.ReLU6: ("relu6", ()),
    nn.LeakyReLU: ("leaky_relu", ("negative_slope",)),
    nn.Hardtanh: ("hardtanh", ("min_val", "max_val")),
    nn.PReLU: ("prelu", ("weight",)),
    **{
        getattr(nn, f"MaxPool{d}d"): (f"max_pool{d}d", ("kernel_size", "stride", "padding", "dilation", "ceil_mode"))
        for d in (1, 2, 3)
    },
    **{getattr(nn, f"AdaptiveMaxPool{d}d"): (f"adaptive_max_pool{d}d", ("output_size",)) for d in (1, 2, 3)},
    **{getattr(nn, f"Dropout{d}"): (f"dropout{d}", ("p",)) for d in ("", "1d", "2d", "3d")},
}
"""Modules that gate, choose or drop out: the function that they call, and which of their attributes go with it."""

SITE_NAMES = frozenset(name for name, _ in SITE_MODULES.values()) | {"clamp", "clip", "clamp_min"}

PLAIN = {"iadd": "add", "isub": "sub", "imul": "mul", "itruediv": "truediv", "imatmul": "matmul"}
"""Operators that write into their first argument, by the name of those that do not."""


def _functions() -> dict[Callable[..., Any], str]:
    names = {}
    for name in SHAPE | JOINT | ONE | FIRST | SITE_NAMES | {WHERE} | {f"{name}_" for name in SITE_NAMES}:
        for space in (torch, F, *(() if name in SITE_NAMES else (operator,))):
            if callable(function := getattr(space, name, None)):
                names[function] = name
    return names | {getattr(operator, name): name for name in PLAIN}


FUNCTIONS = _functions()


def name_of(node: fx.Node) -> tuple[str, bool]:
    """The plain name of what a function or method node calls, and whether it writes into its first argument.

    A function that is on no list has its own name in brackets, which is on no list either.
    """
    target = node.target
    if node.op == "call_function":
        if target is getattr:
            attribute = str(node.args[1])
            return ("size" if attribute in ATTRIBUTES else attribute), False
        if isinstance(target, type) and issubclass(target, tuple) and hasattr(target, "_fields"):
            return "stack", False  # a named tuple only holds what it is given
        name = FUNCTIONS.get(target, f"<{getattr(target, '__name__', target)}>")  # type: ignore[arg-type]
    else:
        name = str(target)
    if name in PLAIN:
        return PLAIN[name], True
    return (name[:-1], True) if name.endswith("_") and not name.endswith("__") else (name, False)


def draws(name: str, module: nn.Module | None, training: Any) -> bool:
    """Whether what is called by that name, with that argument ``training``, draws random numbers."""
    if module is not None:
        return isinstance(module, DRAWING_MODULES) and module.training
    return name.strip("<>").rstrip("_") in DRAWS and training is not False


_ATTENTION = "softmax makes weights from the input, which then multiply the input", "use convolutions or pooling"
_SMOOTH = "it is smooth, so no gate on pre-activations makes it", "use nn.ReLU, nn.LeakyReLU or nn.ReLU6 in its place"
_NORM = (
    "it divides by a statistic of the example itself",
    "use batch norm, whose statistics are constants in evaluation",
)
_READING = (
    "it is not linear at the output, nor is it a gate",
    "leave it out of the model and apply it to what the network gives",
)
_COMPARE = "it compares activations", "write the gate as torch.relu, or as one of the modules that are known"
_REASONS = {
    **dict.fromkeys(words("GELU SiLU Mish Hardswish ELU CELU SELU Softplus Tanh Tanhshrink Softsign"), _SMOOTH),
    **dict.fromkeys(words("gelu silu mish hardswish elu celu selu softplus tanh softsign exp log sqrt pow"), _SMOOTH),
    **dict.fromkeys(words("Sigmoid Hardsigmoid sigmoid hardsigmoid Softmax LogSoftmax softmax log_softmax"), _READING),
    **dict.fromkeys(words("LayerNorm GroupNorm InstanceNorm1d InstanceNorm2d InstanceNorm3d LocalResponseNorm"), _NORM),
    **dict.fromkeys(words("RMSNorm layer_norm group_norm instance_norm local_response_norm normalize norm"), _NORM),
    **dict.fromkeys(words("MultiheadAttention scaled_dot_product_attention multi_head_attention_forward"), _ATTENTION),
    **dict.fromkeys(words("TransformerEncoderLayer TransformerDecoderLayer Transformer"), _ATTENTION),
    **dict.fromkeys(words("gt lt ge le eq ne where argmax sign"), _COMPARE),
    "maximum": ("the larger of two activations has no single pre-activation", "use torch.relu or a max pool"),
    "max": ("it chooses over whole axes", "use nn.AdaptiveMaxPool2d(1) or another max pool"),
    "amax": ("it chooses over whole axes", "use nn.AdaptiveMaxPool2d(1) or another max pool"),
    "Embedding": ("it looks its input up, and indices do not flow through weights", "decouple what comes after it"),
    "RReLU": ("its slopes are drawn anew in training", "use nn.LeakyReLU"),
    "AlphaDropout": ("it adds constants where it drops", "use nn.Dropout"),
}


def reason_against(name: str) -> tuple[str, str]:
    """Why the operation of that name is refused, and what would do."""
    known = _REASONS.get(name.strip("<>"))
    return known or (
        "it is not among the operations that are known to be linear, gates, pools or dropout",
        "write it with torch's layers, or decouple the part of the model before it",
    )
