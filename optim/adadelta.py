"""Adadelta."""

from __future__ import annotations

from typing import Any

import numpy as np

from .optimizer import Optimizer, ParamsT
from .options import check, check_ranges, options

__all__ = ["Adadelta"]


class Adadelta(Optimizer):
    """Each step is the root mean square of the steps before over that of the gradients: it has the parameter's unit.

    Args:
        params: parameters, or dicts of parameters and options (see `Optimizer`).
        lr: multiplies the step.
        rho: how much of the two mean squares is kept at each step.
        eps: added to both mean squares.
        weight_decay: adds `weight_decay · p` to the gradient (L2 penalty).
        maximize: climb instead of descending.

    Source: Zeiler 2012, https://arxiv.org/abs/1212.5701

    >>> import autograd as ag
    >>> w = ag.tensor([1.0, 2.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> Adadelta([w], lr=100.0).step()
    >>> w
    tensor([0.6838, 1.6838], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        defaults = options(locals())
        check_ranges(lr, eps=eps, weight_decay=weight_decay)
        check(0.0 <= rho <= 1.0, f"Invalid rho value: {rho}")
        super().__init__(params, defaults)

    def numbers(self, group):
        return {"step": 0.0}

    def arrays(self, p, group):
        return {"square_avg": 0.0, "acc_delta": 0.0}

    def update(self, p, g, state, group):
        rho, eps = group["rho"], group["eps"]
        square, moved = state["square_avg"], state["acc_delta"]
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        square += (1 - rho) * (g * g - square)
        step = np.sqrt(moved + eps) / np.sqrt(square + eps) * g
        moved += (1 - rho) * (step * step - moved)
        p -= group["lr"] * step
