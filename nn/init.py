"""Ways to fill a parameter before training, in place and outside the graph.

Source: https://docs.pytorch.org/docs/stable/nn.init.html
"""

from __future__ import annotations

import math
import warnings
from statistics import NormalDist
from typing import Any

import numpy as np

from autograd.device import device_of, to_device
from autograd.graph import mutated
from autograd.random import Generator, rng
from autograd.tensor import Tensor, share

__all__ = [
    "calculate_gain", "constant_", "dirac_", "eye_", "kaiming_normal_", "kaiming_uniform_", "normal_", "ones_", "orthogonal_",
    "sparse_", "trunc_normal_", "uniform_", "xavier_normal_", "xavier_uniform_", "zeros_",
]  # fmt: skip


def write(tensor: Tensor, values: Any) -> Tensor:
    """Put values into a tensor's memory."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"expected a Tensor to fill, such as layer.weight, got {type(tensor).__name__}")
    array = share(tensor)
    array[...] = to_device(values, device_of(array)) if isinstance(values, np.ndarray) else values
    mutated(array)
    return tensor


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights are to be larger before this nonlinearity.

    Args:
        nonlinearity: "linear", "conv1d" … "conv_transpose3d", "sigmoid", "tanh", "relu", "leaky_relu" or "selu".
        param: the negative slope of "leaky_relu"; 0.01 unless given.

    >>> calculate_gain("tanh")
    1.6666666666666667
    """
    convolutions = {f"conv{t}{n}d" for t in ("", "_transpose") for n in (1, 2, 3)}
    if nonlinearity in ("linear", "sigmoid") or nonlinearity in convolutions:
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "selu":
        return 3.0 / 4
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    raise ValueError(
        f"Unsupported nonlinearity {nonlinearity}: expected 'linear', 'sigmoid', 'tanh', 'relu', 'leaky_relu' or 'selu'"
    )


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform between a and b."""
    return write(tensor, rng(generator).random(tensor.shape, _drawn(tensor)) * (b - a) + a)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with that mean and standard deviation."""
    return write(tensor, rng(generator).standard_normal(tensor.shape, _drawn(tensor)) * std + mean)


def _drawn(tensor: Tensor) -> Any:
    """The type to draw in: NumPy has no half-precision random numbers."""
    return np.float32 if tensor.dtype.itemsize < 8 else np.float64


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Normal, without what lies outside [a, b]: the inverse of its distribution function, of uniform numbers."""
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be incorrect.",
            stacklevel=2,
        )
    random, values = rng(generator), np.empty(tensor.numel())
    low, high = (a - mean) / std, (b - mean) / std
    left = np.arange(values.size)
    normal = NormalDist()
    share = normal.cdf(high) - normal.cdf(low)
    if share > 0.1:  # draw again what falls outside
        while left.size:
            values[left] = random.standard_normal(left.size)
            left = left[(values[left] < low) | (values[left] > high)]
    else:  # almost all would: uniform candidates, accepted by the density
        top = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
        while left.size:
            drawn = random.uniform(low, high, left.size)
            values[left] = drawn
            left = left[random.random(left.size) > np.exp((top**2 - drawn**2) / 2)]
    return write(tensor, np.clip(values * std + mean, a, b).reshape(tensor.shape))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """All elements `val`."""
    return write(tensor, val)


def ones_(tensor: Tensor) -> Tensor:
    """All elements 1."""
    return write(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """All elements 0."""
    return write(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """A matrix with ones on the diagonal, zeros elsewhere."""
    if tensor.ndim != 2:
        raise ValueError(f"Only tensors with 2 dimensions are supported, got shape {tuple(tensor.shape)}")
    return write(tensor, np.eye(*tensor.shape))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """The weight of a convolution (3 to 5 dimensions) that hands on its input channels unchanged."""
    if tensor.ndim not in (3, 4, 5):
        raise ValueError(f"Only tensors with 3, 4, or 5 dimensions are supported, got shape {tuple(tensor.shape)}")
    outs, ins = tensor.shape[:2]
    if outs % groups:
        raise ValueError(f"dim 0 must be divisible by groups, got {outs} and {groups}")
    values = np.zeros(tensor.shape)
    middle = tuple(n // 2 for n in tensor.shape[2:])
    per_group = outs // groups
    for group in range(groups):
        for channel in range(min(per_group, ins)):
            values[(group * per_group + channel, channel, *middle)] = 1
    return write(tensor, values)


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many inputs each output has, and how many outputs each input."""
    if tensor.ndim < 2:
        raise ValueError(
            f"Fan in and fan out can not be computed for tensor with fewer than 2 dimensions, got shape {tuple(tensor.shape)}"
        )
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    """The one that `mode` names: "fan_in" or "fan_out"."""
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return _calculate_fan_in_and_fan_out(tensor)[mode == "fan_out"]


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform within ± gain · √(6 / (fan_in + fan_out)), by Glorot & Bengio (2010)."""
    bound = gain * math.sqrt(6.0 / sum(_calculate_fan_in_and_fan_out(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with standard deviation gain · √(2 / (fan_in + fan_out)), by Glorot & Bengio (2010)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(_calculate_fan_in_and_fan_out(tensor))), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Uniform within ± gain · √(3 / fan) (arXiv:1502.01852); `a` is the negative slope of "leaky_relu"."""
    if _empty(tensor):
        return tensor
    std = calculate_gain(nonlinearity, a) / math.sqrt(_calculate_correct_fan(tensor, mode))
    return uniform_(tensor, -math.sqrt(3.0) * std, math.sqrt(3.0) * std, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Normal with standard deviation gain / √fan (arXiv:1502.01852); `a` is the negative slope of "leaky_relu"."""
    if _empty(tensor):
        return tensor
    return normal_(
        tensor, 0.0, calculate_gain(nonlinearity, a) / math.sqrt(_calculate_correct_fan(tensor, mode)), generator
    )


def _empty(tensor: Tensor) -> bool:
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return True
    return False


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Rows (or columns, where there are fewer) orthonormal, times `gain` (arXiv:1312.6120); trailing dimensions flattened."""
    if tensor.ndim < 2:
        raise ValueError(f"Only tensors with 2 or more dimensions are supported, got shape {tuple(tensor.shape)}")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    drawn = rng(generator).standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(drawn)
    q *= np.sign(np.diagonal(r))  # makes the distribution uniform
    return write(tensor, ((q.T if rows < columns else q) * gain).reshape(tensor.shape))


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """A matrix of normal numbers in which the share `sparsity` of each column is 0."""
    if tensor.ndim != 2:
        raise ValueError(f"Only tensors with 2 dimensions are supported, got shape {tuple(tensor.shape)}")
    rows, columns = tensor.shape
    random = rng(generator)
    values = random.standard_normal((rows, columns)) * std
    order = np.argsort(random.random((rows, columns)), axis=0)
    np.put_along_axis(values, order[: math.ceil(sparsity * rows)], 0, axis=0)
    return write(tensor, values)


def _deprecated(current: Any) -> Any:
    """PyTorch's old name, without the underscore, which warns."""
    old = current.__name__.removesuffix("_")

    def function(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(f"`nn.init.{old}` is now deprecated in favor of `nn.init.{old}_`.", FutureWarning, stacklevel=2)
        return current(*args, **kwargs)

    function.__name__ = function.__qualname__ = old
    function.__doc__ = f"The old name of `{old}_`."
    return function


uniform, normal, constant, eye, dirac = map(_deprecated, (uniform_, normal_, constant_, eye_, dirac_))
xavier_uniform, xavier_normal = map(_deprecated, (xavier_uniform_, xavier_normal_))
kaiming_uniform, kaiming_normal = map(_deprecated, (kaiming_uniform_, kaiming_normal_))
orthogonal, sparse = map(_deprecated, (orthogonal_, sparse_))
