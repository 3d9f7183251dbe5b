"""Rprop."""

from __future__ import annotations

from typing import Any

import numpy as np

from .optimizer import Optimizer, ParamsT
from .options import check, check_lr, options

__all__ = ["Rprop"]


class Rprop(Optimizer):
    """Resilient propagation: only the gradient's sign counts.  An element's step grows while the sign stays, and shrinks
    when it changes.  For full batches.

    Args:
        params: parameters, or dicts of parameters and options (see `Optimizer`).
        lr: the first step.
        etas: factors by which a step shrinks and grows.
        step_sizes: the smallest and the largest step.
        maximize: climb instead of descending.

    Source: Riedmiller & Braun 1993, https://ieeexplore.ieee.org/document/298623

    >>> import autograd as ag
    >>> w = ag.tensor([1.0, 2.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> Rprop([w], lr=0.1).step()
    >>> w
    tensor([0.9000, 1.9000], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        defaults = options(locals())
        check_lr(lr)
        check(0.0 < etas[0] < 1.0 < etas[1], f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(params, defaults)

    def numbers(self, group):
        return {"step": 0.0}

    def arrays(self, p, group):
        return {"prev": 0.0, "step_size": group["lr"]}

    def update(self, p, g, state, group):
        (shrink, grow), (smallest, largest) = group["etas"], group["step_sizes"]
        before, size = state["prev"], state["step_size"]
        turn = g * before
        size *= np.where(turn > 0, grow, np.where(turn < 0, shrink, 1.0)).astype(size.dtype)
        size[...] = np.clip(size, smallest, largest)
        g = np.where(turn < 0, 0.0, g).astype(size.dtype)  # after a turn: wait one step
        p -= np.sign(g) * size
        before[...] = g
