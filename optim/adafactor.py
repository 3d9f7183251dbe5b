"""Adafactor."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .optimizer import Optimizer, ParamsT
from .options import check, check_lr, options

__all__ = ["Adafactor"]


class Adafactor(Optimizer):
    """Adam's scaling with the mean squared gradient of a matrix kept as one row and one column, and relative steps.

    Args:
        params: parameters, or dicts of parameters and options (see `Optimizer`).
        lr: the largest relative step, and the factor of the weight decay.
        beta2_decay: at step t the mean squares take ``t ** beta2_decay`` of the new square.
        eps: smallest value of the mean squares (None: the type's epsilon), and smallest root mean square of a parameter.
        d: longer updates than this root mean square are shortened to it.
        weight_decay: shrinks the parameter by `lr · weight_decay` at each step.
        maximize: climb instead of descending.

    Source: Shazeer & Stern 2018, https://arxiv.org/abs/1804.04235, in PyTorch's variant.

    >>> import autograd as ag
    >>> w = ag.tensor([1.0, 2.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> Adafactor([w], lr=0.1).step()
    >>> w
    tensor([0.8419, 1.8419], requires_grad=True)
    """

    elementwise = False

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ):
        defaults = options(locals())
        check_lr(lr, "Learning rate should be >= 0 but is: {}")
        check(beta2_decay <= 0.0, f"beta2_decay should be <= 0 but is: {beta2_decay}")
        check(eps[0] is None or eps[0] >= 0.0, f"epsilon1 should be >= 0 but is: {eps[0]}")
        check(eps[1] >= 0.0, f"epsilon2 should be >= 0 but is: {eps[1]}")
        check(d >= 1.0, f"Clipping threshold d should be >= 1 but is: {d}")
        check(weight_decay >= 0.0, f"weight_decay should be >= 0 but is: {weight_decay}")
        super().__init__(params, defaults)

    def numbers(self, group):
        return {"step": 0.0}

    def arrays(self, p, group):
        if p.dtype.kind == "c":
            raise RuntimeError("Adafactor does not support complex parameters")
        if p.ndim < 2:
            return {"variance": 0.0}
        return {"row_var": (*p.shape[:-1], 1), "col_var": (*p.shape[:-2], 1, p.shape[-1])}

    def update(self, p, g, state, group):
        lr, t = group["lr"], state["step"]
        eps1, eps2 = group["eps"]
        eps1 = float(np.finfo(p.dtype).eps) if eps1 is None else eps1
        share = t ** group["beta2_decay"]
        step = max(eps2, root_mean_square(p)) * min(lr, 1 / math.sqrt(t))
        if group["weight_decay"]:
            p *= 1 - lr * group["weight_decay"]
        square = g * g
        if p.ndim > 1:
            rows, columns = state["row_var"], state["col_var"]
            rows += share * (square.mean(axis=-1, keepdims=True) - rows)
            columns += share * (square.mean(axis=-2, keepdims=True) - columns)
            variance = rows @ columns / np.maximum(rows.mean(axis=-2, keepdims=True), eps1)
        else:
            variance = state["variance"]
            variance += share * (square - variance)
        update = g / np.sqrt(np.maximum(variance, eps1 * eps1))
        p -= (step / max(1.0, root_mean_square(update) / group["d"])) * update


def root_mean_square(x: Any) -> float:
    """The root of the mean of the squares of all elements."""
    return math.sqrt((x * x).sum() / x.size)
