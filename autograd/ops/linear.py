"""The affine map of a layer, and the bilinear form."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..fast.linalg import affine, column_sums, compiles, matmul, suits
from ..fast.threads import get_num_threads, parts, shared
from ..op import function, op

__all__ = ["bilinear"]


def rows(x: Any) -> Any:
    """All leading dimensions folded into one: one GEMM instead of a batch of them."""
    return x if x.ndim == 2 else x.reshape((-1, x.shape[-1]))


def _input_gradient(g: Any, weight: Any) -> Any:
    if g.ndim == weight.ndim == 2:
        return matmul(g, weight)
    if weight.ndim == 1:
        return g[..., None] * weight
    return matmul(rows(g), weight).reshape((*g.shape[:-1], weight.shape[1]))


def _weight_gradient(g: Any, x: Any, weight: Any) -> Any:
    if g.ndim == weight.ndim == 2:
        return matmul(g.T, x)
    if weight.ndim == 1:
        return (g[..., None] * x).reshape((-1, x.shape[-1]))
    return matmul(rows(g).swapaxes(0, 1), rows(x))


def _bias_gradient(g: Any) -> Any:
    if g.ndim == 2:
        return column_sums(g)
    return column_sums(rows(g)) if g.ndim > 1 else g


def _gradients(g: Any, needs: tuple, x: Any, weight: Any) -> tuple:
    """All three at once where NumPy multiplies large matrices: each thread takes a part of the rows, and waits for the others once."""
    above, below, threads = rows(g), rows(x), get_num_threads()
    if not suits(above, weight) or compiles(above, weight) or len(above) < threads * max(weight.shape):
        return _input_gradient(g, weight), _weight_gradient(g, x, weight), _bias_gradient(g) if needs[2] else None
    jobs = parts(len(above), threads)
    gx = np.empty_like(below)
    gw = np.empty((len(jobs), *weight.shape), g.dtype)
    gb = np.empty((len(jobs), len(weight)), g.dtype)

    def work(job: tuple[int, slice]) -> None:
        number, part = job
        if needs[2]:
            gb[number] = column_sums(above[part])
        np.matmul(above[part], weight, out=gx[part])
        np.matmul(above[part].T, below[part], out=gw[number])

    shared(work, list(enumerate(jobs)))
    return gx.reshape(x.shape), np.add.reduce(gw), np.add.reduce(gb) if needs[2] else None


@op(
    method=False,
    joint=_gradients,
    x=_input_gradient,
    weight=_weight_gradient,
    bias=_bias_gradient,
)
def linear(x, weight, bias=None):
    """x Wᵀ + b, as of a fully connected layer.

    Args:
        x: (..., in).
        weight: (out, in), or (in,).
        bias: (out,), or None.

    Returns:
        (..., out).

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.linear.html

    >>> import autograd as ag
    >>> linear(ag.ones(2, 3), ag.ones(1, 3), ag.ones(1))
    tensor([[4.],
            [4.]])
    """
    if x.ndim == 0 or x.shape[-1] != weight.shape[-1]:
        raise ValueError(f"the last dimension of input must be weight's in_features, {weight.shape[-1]}")
    if x.dtype != weight.dtype or (bias is not None and bias.dtype != x.dtype):
        raise RuntimeError(
            f"linear: expected input, weight and bias of one dtype, got {x.dtype}, {weight.dtype}"
            + ("" if bias is None else f" and {bias.dtype}")
            + "; convert with .to(dtype)"
        )
    if weight.ndim == 1:
        out = x @ weight
        return out if bias is None else out + bias
    if x.ndim == 2:
        return affine(x, weight.T, bias)
    return affine(rows(x[None] if x.ndim == 1 else x), weight.T, bias).reshape((*x.shape[:-1], weight.shape[0]))


@function(method=False)
def bilinear(input1, input2, weight, bias=None):
    """x₁ᵀ W x₂ + b for each output: (..., in1), (..., in2), (out, in1, in2) to (..., out)."""
    if input1.shape[:-1] != input2.shape[:-1]:
        raise RuntimeError(
            f"bilinear: the leading dimensions of both inputs must be equal, got {tuple(input1.shape)} and {tuple(input2.shape)}"
        )
    if (input1.shape[-1], input2.shape[-1]) != tuple(weight.shape[1:]):
        raise RuntimeError(
            f"bilinear: a weight of shape {tuple(weight.shape)} takes inputs of {weight.shape[1]} and {weight.shape[2]} "
            f"features, got {input1.shape[-1]} and {input2.shape[-1]}"
        )
    outs, n1, n2 = weight.shape
    if bias is not None and tuple(bias.shape) != (outs,):
        raise RuntimeError(f"bilinear: expected a bias of shape ({outs},), got {tuple(bias.shape)}")
    x1, x2 = rows(input1), rows(input2)
    # (B, in1) by (in1, out·in2), then the sum over in2 of the product with (B, 1, in2)
    mixed = (x1 @ weight.permute(1, 0, 2).reshape(n1, outs * n2)).reshape(-1, outs, n2)
    out = (mixed * x2.reshape(-1, 1, n2)).sum(-1).reshape(*input1.shape[:-1], outs)
    return out if bias is None else out + bias
