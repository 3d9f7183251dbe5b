"""torch.nn.functional: the functions that layers and losses are made of.

Source: https://docs.pytorch.org/docs/stable/nn.functional.html
"""

from __future__ import annotations

import warnings
from typing import Any

from autograd import sigmoid, tanh
from autograd.creation import empty_like, zeros_like
from autograd.inplace import apply
from autograd.op import function
from autograd.ops import activation as _activation
from autograd.ops import dropout as _dropout
from autograd.ops import softmax as _softmax
from autograd.ops.activation import gelu, glu, hardshrink, logsigmoid, prelu, softplus, softshrink, softsign, tanhshrink
from autograd.ops.attention import scaled_dot_product_attention
from autograd.ops.binary_loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    kl_div,
    multilabel_soft_margin_loss,
    soft_margin_loss,
)
from autograd.ops.convolution import (
    conv1d,
    conv2d,
    conv3d,
    conv_tbc,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from autograd.ops.cross_entropy import cross_entropy, linear_cross_entropy, nll_loss
from autograd.ops.ctc import ctc_loss
from autograd.ops.distance import cosine_similarity, normalize, pairwise_distance, pdist
from autograd.ops.embedding import embedding, embedding_bag
from autograd.ops.interpolation import (
    affine_grid,
    grid_sample,
    interpolate,
    upsample,
    upsample_bilinear,
    upsample_nearest,
)
from autograd.ops.linear import bilinear, linear
from autograd.ops.loss import (
    gaussian_nll_loss,
    huber_loss,
    l1_loss,
    mse_loss,
    poisson_nll_loss,
    smooth_l1_loss,
)
from autograd.ops.margin_loss import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from autograd.ops.multi_head_attention import multi_head_attention_forward
from autograd.ops.normalization import batch_norm, group_norm, instance_norm, layer_norm, local_response_norm, rms_norm
from autograd.ops.padding import pad
from autograd.ops.pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool1d_with_indices,
    adaptive_max_pool2d,
    adaptive_max_pool2d_with_indices,
    adaptive_max_pool3d,
    adaptive_max_pool3d_with_indices,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    max_pool1d,
    max_pool1d_with_indices,
    max_pool2d,
    max_pool2d_with_indices,
    max_pool3d,
    max_pool3d_with_indices,
)
from autograd.ops.pooling_variants import (
    fractional_max_pool2d,
    fractional_max_pool2d_with_indices,
    fractional_max_pool3d,
    fractional_max_pool3d_with_indices,
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
    max_unpool1d,
    max_unpool2d,
    max_unpool3d,
)
from autograd.ops.scatter import one_hot
from autograd.ops.unfold import channel_shuffle, fold, native_channel_shuffle, pixel_shuffle, pixel_unshuffle, unfold

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices", "adaptive_max_pool2d", "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d", "adaptive_max_pool3d_with_indices", "affine_grid", "alpha_dropout", "avg_pool1d",
    "avg_pool2d", "avg_pool3d", "batch_norm", "bilinear", "binary_cross_entropy", "binary_cross_entropy_with_logits",
    "celu", "celu_", "channel_shuffle", "conv1d", "conv2d", "conv3d", "conv_tbc", "conv_transpose1d",
    "conv_transpose2d", "conv_transpose3d", "cosine_embedding_loss", "cosine_similarity", "cross_entropy", "ctc_loss",
    "dropout", "dropout1d", "dropout2d", "dropout3d", "elu", "elu_", "embedding", "embedding_bag",
    "feature_alpha_dropout", "fold", "fractional_max_pool2d", "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d", "fractional_max_pool3d_with_indices", "gaussian_nll_loss", "gelu", "glu", "grid_sample",
    "group_norm", "gumbel_softmax", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "hardtanh_",
    "hinge_embedding_loss", "huber_loss", "instance_norm", "interpolate", "kl_div", "l1_loss", "layer_norm",
    "leaky_relu", "leaky_relu_", "linear", "linear_cross_entropy", "local_response_norm", "log_softmax", "logsigmoid",
    "lp_pool1d", "lp_pool2d", "lp_pool3d", "margin_ranking_loss", "max_pool1d", "max_pool1d_with_indices",
    "max_pool2d", "max_pool2d_with_indices", "max_pool3d", "max_pool3d_with_indices", "max_unpool1d", "max_unpool2d",
    "max_unpool3d", "mish", "mse_loss", "multi_head_attention_forward", "multi_margin_loss", "multilabel_margin_loss",
    "multilabel_soft_margin_loss", "native_channel_shuffle", "nll_loss", "normalize", "one_hot", "pad",
    "pairwise_distance", "pdist", "pixel_shuffle", "pixel_unshuffle", "poisson_nll_loss", "prelu", "relu", "relu6",
    "relu_", "rms_norm", "rrelu", "rrelu_", "scaled_dot_product_attention", "selu", "selu_", "sigmoid", "silu",
    "smooth_l1_loss", "soft_margin_loss", "softmax", "softmin", "softplus", "softshrink", "softsign", "tanh",
    "tanhshrink", "threshold", "threshold_", "triplet_margin_loss", "triplet_margin_with_distance_loss", "unfold",
    "upsample", "upsample_bilinear", "upsample_nearest",
]  # fmt: skip

# ---- activations, which may write into their input ---------------------------------------------------------------


def _run(function: Any, inplace: bool, input: Any, *args: Any, **kwargs: Any) -> Any:
    """Call `function`, in place where asked for."""
    if inplace:
        return apply(f"{function.__name__}_", function, input, *args, **kwargs)
    return function(input, *args, **kwargs)


def relu(input: Any, inplace: bool = False) -> Any:
    """max(x, 0)."""
    return _run(_activation.relu, inplace, input)


def relu6(input: Any, inplace: bool = False) -> Any:
    """x between 0 and 6."""
    return _run(_activation.relu6, inplace, input)


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    """x between `min_val` and `max_val`."""
    return _run(_activation.hardtanh, inplace, input, min_val, max_val)


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """x where positive, `negative_slope` · x elsewhere."""
    return _run(_activation.leaky_relu, inplace, input, negative_slope)


def rrelu(
    input: Any, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Any:
    """x where positive, a · x elsewhere: a is drawn from [lower, upper] in training, and their mean otherwise."""
    return _run(_activation.rrelu, inplace, input, lower, upper, training)


def threshold(input: Any, threshold: float, value: float, inplace: bool = False) -> Any:
    """x where it is above `threshold`, `value` elsewhere."""
    return _run(_activation.threshold, inplace, input, threshold, value)


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """x where positive, alpha · (eˣ − 1) elsewhere."""
    return _run(_activation.elu, inplace, input, alpha)


def celu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """x where positive, alpha · (e^(x/alpha) − 1) elsewhere."""
    return _run(_activation.celu, inplace, input, alpha)


def selu(input: Any, inplace: bool = False) -> Any:
    """ELU with the scale that keeps mean and variance from layer to layer."""
    return _run(_activation.selu, inplace, input)


def silu(input: Any, inplace: bool = False) -> Any:
    """x · sigmoid(x)."""
    return _run(_activation.silu, inplace, input)


def mish(input: Any, inplace: bool = False) -> Any:
    """x · tanh(softplus(x))."""
    return _run(_activation.mish, inplace, input)


def hardsigmoid(input: Any, inplace: bool = False) -> Any:
    """(x + 3) / 6 between 0 and 1."""
    return _run(_activation.hardsigmoid, inplace, input)


def hardswish(input: Any, inplace: bool = False) -> Any:
    """x · hardsigmoid(x)."""
    return _run(_activation.hardswish, inplace, input)


def _in_place(function: Any) -> Any:
    def call(input: Any, *args: Any, **kwargs: Any) -> Any:
        return function(input, *args, **kwargs, inplace=True)

    call.__name__ = call.__qualname__ = f"{function.__name__}_"
    call.__doc__ = f"`{function.__name__}` in place."
    return call


relu_, elu_, celu_, selu_ = map(_in_place, (relu, elu, celu, selu))
hardtanh_, leaky_relu_, rrelu_, threshold_ = map(_in_place, (hardtanh, leaky_relu, rrelu, threshold))

# ---- dropout -----------------------------------------------------------------------------------------------------


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Each element 0 with probability `p`, and divided by 1 − p otherwise; `input` itself unless `training`."""
    return _run(_dropout.dropout, inplace, input, p, training)


def _of_channels(dims: int) -> Any:
    def call(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
        if dims > 1 and input.ndim not in (dims + 1, dims + 2):
            warnings.warn(
                f"{call.__name__}: Received a {input.ndim}-D input, which is deprecated and will result in an error in a "
                "future release.",
                stacklevel=3,
            )
        elif dims == 1 and input.ndim not in (2, 3):
            raise RuntimeError(f"{call.__name__}: Expected 2D or 3D input, but received a {input.ndim}D input.")
        if input.ndim != dims + 1 or dims == 2:
            return _run(_dropout.feature_dropout, inplace, input, p, training)
        return _run(lambda x: _dropout.feature_dropout(x[None], p, training)[0], inplace, input)

    call.__name__ = call.__qualname__ = f"dropout{dims}d"
    call.__doc__ = f"Whole channels of (N, C, {'*' * dims}) 0 with probability `p`, the others divided by 1 − p."
    return function(method=False)(call)


dropout1d, dropout2d, dropout3d = map(_of_channels, (1, 2, 3))


def alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    """Dropout for SELU networks: it keeps mean and variance."""
    return _run(_dropout.alpha_dropout, inplace, input, p, training)


def feature_alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    """`alpha_dropout` of whole channels."""
    return _run(_dropout.feature_alpha_dropout, inplace, input, p, training)


# ---- softmax -----------------------------------------------------------------------------------------------------


def softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """exp(input), divided by its sum along `dim`."""
    return _softmax.softmax(input, dim, dtype)


def log_softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """log(softmax(input)), without the detour that would lose small probabilities."""
    return _softmax.log_softmax(input, dim, dtype)


@function(method=False)
def softmin(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """softmax(−input)."""
    return _softmax.softmax(-input, dim, dtype)


@function(method=False)
def gumbel_softmax(logits: Any, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Any:
    """A random sample of softmax, by Gumbel noise (arXiv:1611.00712, arXiv:1611.01144).

    Args:
        logits: unnormalized log-probabilities.
        tau: temperature.
        hard: one-hot in the forward pass, with the gradient of the soft sample.
        dim: along which to take the softmax.
    """
    noise = -empty_like(logits.detach()).exponential_().log()
    soft = softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    chosen = zeros_like(soft).scatter_(dim, soft.detach().argmax(dim, keepdim=True), 1.0)
    return chosen - soft.detach() + soft
