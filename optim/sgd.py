"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd.fast import ready

from .kernels import sgd_momentum_update, sgd_update
from .optimizer import Optimizer, ParamsT
from .options import check, check_lr, forbid_fused_with, options

__all__ = ["SGD"]


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if wanted.

    Args:
        params: parameters, or dicts of parameters and options (see `Optimizer`).
        lr: learning rate.
        momentum: how much of the last step's direction is kept; 0 for none.
        dampening: how much less of the gradient joins it.
        weight_decay: adds `weight_decay · p` to the gradient (L2 penalty).
        nesterov: look ahead along the momentum (Sutskever et al. 2013, http://www.cs.toronto.edu/%7Ehinton/absps/momentum.pdf).
        maximize: climb instead of descending.

    >>> import autograd as ag
    >>> w = ag.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = SGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.8000, 1.6000], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: Any = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        defaults = options(locals())
        check_lr(lr)
        check(not momentum < 0.0, f"Invalid momentum value: {momentum}")
        check(not weight_decay < 0.0, f"Invalid weight_decay value: {weight_decay}")
        check(
            not nesterov or (momentum > 0 and dampening == 0),
            "Nesterov momentum requires a momentum and zero dampening",
        )
        super().__init__(params, defaults)
        forbid_fused_with(fused, differentiable, foreach)

    def arrays(self, p, group):
        return {"momentum_buffer": 0.0} if group["momentum"] else {}

    def compiled(self, p, group):
        return ready(p)

    def update(self, p, g, state, group):
        momentum, decay, lr = group["momentum"], group["weight_decay"], group["lr"]
        fast = ready(p, g)
        if fast and not momentum:
            return sgd_update(p, g, np.float32(lr), np.float32(decay))
        if fast:
            kept, gain = (0, 1) if state["new"] else (momentum, 1 - group["dampening"])
            numbers = lr, decay, kept, gain, momentum if group["nesterov"] else 0
            return sgd_momentum_update(p, g, state["momentum_buffer"], *map(np.float32, numbers))
        if decay:
            g = g + decay * p
        if momentum:
            buffer = state["momentum_buffer"]
            if state["new"]:
                buffer += g
            else:
                buffer *= momentum
                buffer += (1 - group["dampening"]) * g
            g = g + momentum * buffer if group["nesterov"] else buffer
        p -= lr * g
