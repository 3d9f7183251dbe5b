"""Tensors of random numbers.

They are drawn by NumPy on the CPU and then moved, so that a seed gives the same numbers on every device.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import dtypes
from .creation import finished, float_dtype, like, number, shape_of
from .device import as_device, to_device
from .dtypes import as_dtype
from .op import function
from .random import Generator, rng
from .tensor import Tensor

__all__ = [
    "bernoulli", "binomial", "multinomial", "normal", "poisson", "rand", "rand_like", "randint", "randint_like", "randn",
    "randn_like", "randperm",
]  # fmt: skip


def placed(array: Any, device: Any, requires_grad: bool = False, out: Any = None) -> Tensor:
    """Numbers that were drawn on the CPU, on their device."""
    return finished(to_device(array, as_device(device)), requires_grad, out)


def host(value: Any) -> Any:
    """The values of a tensor on the CPU; a number itself."""
    return value.detach().cpu().array if isinstance(value, Tensor) else value


# ---- new tensors -------------------------------------------------------------------------------------------------


def _drawn(draw: Callable, shape: tuple[int, ...], dtype: np.dtype, scale: float = 1.0) -> np.ndarray:
    """Numbers by one of NumPy's methods, which know float32 and float64; complex ones have two of them each."""
    if dtype.kind == "c":
        real, imag = draw((2, *shape)) * scale
        return (real + 1j * imag).astype(dtype)
    if dtype.kind != "f":
        raise RuntimeError(f"random numbers of type {dtype} are not implemented here; use randint")
    return draw(shape, np.float32 if dtype == np.float32 else np.float64).astype(dtype, copy=False)


def rand(
    *size: Any,
    generator: Generator | None = None,
    out: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **named: Any,
) -> Tensor:
    """Numbers from the uniform distribution on [0, 1).

    >>> rand(2, 3).shape
    autograd.Size([2, 3])
    """
    array = _drawn(rng(generator).random, shape_of(size, named), float_dtype(dtype))
    return placed(array, device, requires_grad, out)


def randn(
    *size: Any,
    generator: Generator | None = None,
    out: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **named: Any,
) -> Tensor:
    """Numbers from the standard normal distribution; complex ones have variance 1, half of it in each part.

    >>> import autograd as ag
    >>> ag.randn(2, 3, generator=ag.Generator().manual_seed(0)).shape
    autograd.Size([2, 3])
    """
    array = _drawn(rng(generator).standard_normal, shape_of(size, named), float_dtype(dtype), scale=0.5**0.5)
    return placed(array, device, requires_grad, out)


def randint(
    low: Any = 0,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    out: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **named: Any,
) -> Tensor:
    """Whole numbers from `low` (0 unless given) up to but not including `high`.

    >>> randint(0, 10, (2, 3)).shape
    autograd.Size([2, 3])
    """
    if high is None or (size is None and not isinstance(high, (int, np.integer, Tensor))):
        low, high, size = 0, low, high if size is None else size  # randint(high, size)
    low, high = number(low), number(high)
    if size is None:
        raise TypeError("randint() needs a size: randint(low, high, size) or randint(high, size)")
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    target = dtypes.int64 if dtype is None else as_dtype(dtype)
    array = rng(generator).integers(low, high, shape_of((size,), named)).astype(target)
    return placed(array, device, requires_grad, out)


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    out: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **named: Any,
) -> Tensor:
    """The numbers 0 … n − 1 in random order.

    >>> randperm(3).sort().values
    tensor([0, 1, 2])
    """
    shape_of((n,), named)
    target = dtypes.int64 if dtype is None else as_dtype(dtype)
    return placed(rng(generator).permutation(n).astype(target), device, requires_grad, out)


@function(method=False)
def rand_like(
    input: Tensor,
    *,
    generator: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **named: Any,
) -> Tensor:
    """Uniform random numbers in the shape, type and device of `input`."""
    return like(rand, input, dtype, device, requires_grad, input.shape, generator=generator, **named)


@function(method=False)
def randn_like(
    input: Tensor,
    *,
    generator: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **named: Any,
) -> Tensor:
    """Normal random numbers in the shape, type and device of `input`."""
    return like(randn, input, dtype, device, requires_grad, input.shape, generator=generator, **named)


@function(method=False)
def randint_like(
    input: Tensor,
    low: Any = None,
    high: Any = None,
    *,
    generator: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **named: Any,
) -> Tensor:
    """Random whole numbers in the shape, type and device of `input`."""
    low, high = (0, high if low is None else low) if low is None or high is None else (low, high)
    return like(randint, input, dtype, device, requires_grad, low, high, input.shape, generator=generator, **named)


# ---- from distributions given by tensors -------------------------------------------------------------------------


@function(method=False)
def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    out: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **named: Any,
) -> Tensor:
    """Normal random numbers with the given means and standard deviations: numbers (then give `size`) or tensors."""
    given = [v for v in (mean, std) if isinstance(v, Tensor)]
    if size is None and not given:
        raise TypeError("normal() of numbers needs size=; or give tensors for mean or std")
    loc, scale = host(mean), host(std)
    if np.any(np.asarray(scale) < 0):
        raise RuntimeError(f"normal expects all elements of std >= 0.0, got {np.min(scale)}")
    shape = shape_of((size,), named) if size is not None else np.broadcast_shapes(np.shape(loc), np.shape(scale))
    target = given[0].dtype if given and dtype is None else float_dtype(dtype)
    array = np.asarray(loc + scale * _drawn(rng(generator).standard_normal, shape, target), target)
    return placed(array, given[0].device if given and device is None else device, requires_grad, out)


@function(method=False)
def bernoulli(input: Tensor, p: float | None = None, *, generator: Generator | None = None, out: Any = None) -> Tensor:
    """Ones with the probabilities `input` (or `p` everywhere), zeros otherwise.

    >>> import autograd as ag
    >>> bernoulli(ag.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    chance = host(input) if p is None else p
    if np.any((np.asarray(chance) < 0) | (np.asarray(chance) > 1)):
        raise RuntimeError(
            f"bernoulli expects all probabilities to be between 0 and 1, got {np.min(chance)} … {np.max(chance)}"
        )
    drawn = np.asarray(rng(generator).random(input.shape) < chance)
    return placed(drawn.astype(input.dtype), input.device, out=out)


@function(method=False)
def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Numbers from Poisson distributions with the rates `input`."""
    return placed(np.asarray(rng(generator).poisson(host(input))).astype(input.dtype), input.device)


@function(method=False)
def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """How many of `count` tries succeed, each with probability `prob`."""
    drawn = np.asarray(rng(generator).binomial(host(count).astype(np.int64), host(prob)))
    return placed(drawn.astype(count.dtype), count.device)


@function(method=False)
def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None, out: Any = None
) -> Tensor:
    """Indices drawn by weights.

    Args:
        input: weights, of any positive sum: (n,) or (rows, n).
        num_samples: how many indices, from each row.
        replacement: may an index be drawn twice?

    Returns:
        int64, of shape (num_samples,) or (rows, num_samples).

    >>> import autograd as ag
    >>> multinomial(ag.tensor([0.0, 3.0]), 2, replacement=True)
    tensor([1, 1])
    """
    weights = np.asarray(host(input), np.float64)
    if weights.ndim not in (1, 2) or not np.all(np.isfinite(weights) & (weights >= 0)) or np.any(weights.sum(-1) <= 0):
        raise RuntimeError(
            "multinomial expects one or two dimensions of finite weights >= 0 with a positive sum: probability tensor contains "
            "either `inf`, `nan` or element < 0, or has an invalid sum"
        )
    if num_samples <= 0:
        raise RuntimeError(f"cannot sample n_sample <= 0 samples, got {num_samples}")
    if not replacement and np.any((weights > 0).sum(-1) < num_samples):
        raise RuntimeError(f"cannot sample {num_samples} times without replacement: too few weights are positive")
    random = rng(generator)
    if replacement:
        edges = np.atleast_2d(np.cumsum(weights, -1))
        draws = random.random((len(edges), num_samples)) * edges[:, -1:]
        rows = [np.searchsorted(e, d, side="right") for e, d in zip(edges, draws, strict=True)]
        chosen = np.stack(rows).reshape(*weights.shape[:-1], num_samples)
    else:  # the first of exponential races with the weights as rates
        with np.errstate(divide="ignore"):
            race = random.standard_exponential(weights.shape) / weights
        chosen = np.argsort(race, -1)[..., :num_samples]
    return placed(chosen.astype(np.int64), input.device, out=out)


Tensor.bernoulli, Tensor.multinomial = bernoulli, multinomial  # type: ignore[attr-defined]

# ---- in place ----------------------------------------------------------------------------------------------------


def filling(draw: Callable, kinds: str) -> Callable:
    """The method that fills a tensor, of these kinds of types, with what `draw(rng, dtype, shape, …)` gives."""
    name = draw.__name__.removeprefix("_")

    @functools.wraps(draw)
    def method(self: Tensor, *args: Any, generator: Generator | None = None, **named: Any) -> Tensor:
        if self.dtype.kind not in kinds:
            raise RuntimeError(f"{name} cannot fill a tensor of {self.dtype}; convert it, for example with .float()")
        shape = tuple(self.shape) if self.dtype.kind != "c" else (*self.shape, 2)
        values = np.asarray(draw(rng(generator), self.dtype, shape, *args, **named))
        if self.dtype.kind == "c":  # both parts
            values = values[..., 0] + 1j * values[..., 1]
        return self.copy_(placed(values.astype(self.dtype), self.device))

    method.__name__ = method.__qualname__ = name
    return method


def _random_(r: np.random.Generator, dtype: np.dtype, shape: Sequence[int], *bounds: int, **named: int) -> Any:
    """Fill with whole numbers from the first bound (0) up to but not including the second; returns itself.

    Without bounds up to what the type can hold (for floating-point types: exactly).
    """
    low, high = (0, bounds[0]) if len(bounds) == 1 else bounds or (0, None)
    low, high = named.get("from", low), named.get("to", high)
    if high is None:
        high = (
            np.iinfo(dtype).max if dtype.kind in "iu" else 2 if dtype.kind == "b" else 2 ** (np.finfo(dtype).nmant + 1)
        )
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    return r.integers(low, high, shape)


def _uniform_(
    r: np.random.Generator, _: np.dtype, shape: Sequence[int], a: float = 0.0, b: float = 1.0, **named: float
) -> Any:
    """Fill with numbers from the uniform distribution between two bounds, 0 and 1 unless given; returns itself."""
    low, high = named.get("from", a), named.get("to", b)
    if low > high:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}")
    return r.uniform(low, high, shape)


def _normal_(r: np.random.Generator, dtype: np.dtype, shape: Sequence[int], mean: float = 0.0, std: float = 1.0) -> Any:
    """Fill with numbers from the normal distribution; returns itself."""
    if std < 0:
        raise RuntimeError(f"normal_ expects std >= 0.0, but found std {std}")
    return r.normal(mean, std / math.sqrt(2) if dtype.kind == "c" else std, shape)  # each part has half of the variance


def _bernoulli_(r: np.random.Generator, _: np.dtype, shape: Sequence[int], p: Any = 0.5) -> Any:
    """Fill with ones of probability `p` (a number or tensor) and zeros; returns itself."""
    return r.random(shape) < host(p)


def _exponential_(r: np.random.Generator, _: np.dtype, shape: Sequence[int], lambd: float = 1.0) -> Any:
    """Fill with numbers from the exponential distribution of rate `lambd`; returns itself."""
    if lambd <= 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}")
    return r.exponential(1 / lambd, shape)


def _log_normal_(r: np.random.Generator, _: np.dtype, shape: Sequence[int], mean: float = 1.0, std: float = 2.0) -> Any:
    """Fill with numbers whose logarithm is normal; returns itself."""
    return r.lognormal(mean, std, shape)


def _cauchy_(r: np.random.Generator, _: np.dtype, shape: Sequence[int], median: float = 0.0, sigma: float = 1.0) -> Any:
    """Fill with numbers from the Cauchy distribution; returns itself."""
    if sigma <= 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
    return median + sigma * r.standard_cauchy(shape)


def _geometric_(r: np.random.Generator, _: np.dtype, shape: Sequence[int], p: float) -> Any:
    """Fill with numbers of trials up to the first success of probability `p`; returns itself."""
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}")
    return r.geometric(p, shape)


for _draw, _kinds in (
    (_random_, "biuf"), (_uniform_, "fc"), (_normal_, "fc"), (_bernoulli_, "biuf"), (_exponential_, "f"), (_log_normal_, "f"),
    (_cauchy_, "f"), (_geometric_, "iuf"),
):  # fmt: skip
    setattr(Tensor, _draw.__name__.removeprefix("_"), filling(_draw, _kinds))
