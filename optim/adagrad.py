"""Adagrad."""

from __future__ import annotations

from typing import Any

import numpy as np

from .optimizer import Optimizer, ParamsT
from .options import check, check_ranges, forbid_fused_with, options

__all__ = ["Adagrad"]


class Adagrad(Optimizer):
    """Each element's gradient over the root of the sum of all its squared gradients.

    Args:
        params: parameters, or dicts of parameters and options (see `Optimizer`).
        lr: learning rate.
        lr_decay: the learning rate falls as ``lr / (1 + lr_decay · step)``.
        weight_decay: adds `weight_decay · p` to the gradient (L2 penalty).
        initial_accumulator_value: what the sum starts from.
        eps: added to the root.
        maximize: climb instead of descending.

    Source: Duchi et al. 2011, https://jmlr.org/papers/v12/duchi11a.html

    >>> import autograd as ag
    >>> w = ag.tensor([1.0, 2.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> Adagrad([w], lr=0.1).step()
    >>> w
    tensor([0.9000, 1.9000], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        defaults = options(locals())
        check_ranges(lr, eps=eps, weight_decay=weight_decay)
        check(lr_decay >= 0.0, f"Invalid lr_decay value: {lr_decay}")
        check(initial_accumulator_value >= 0.0, f"Invalid initial_accumulator_value value: {initial_accumulator_value}")
        super().__init__(params, defaults)
        forbid_fused_with(fused, differentiable, foreach)
        for group in self.param_groups:  # PyTorch, too, has this state before the first step
            for p in group["params"]:
                self.complete(p, group)

    def numbers(self, group):
        return {"step": 0.0}

    def arrays(self, p, group):
        return {"sum": self.defaults["initial_accumulator_value"]}

    def update(self, p, g, state, group):
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        total = state["sum"]
        total += g * g
        lr = group["lr"] / (1 + (state["step"] - 1) * group["lr_decay"])
        p -= lr * g / (np.sqrt(total) + group["eps"])
