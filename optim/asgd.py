"""ASGD."""

from __future__ import annotations

from typing import Any

from .optimizer import Optimizer, ParamsT
from .options import check_ranges, options

__all__ = ["ASGD"]


class ASGD(Optimizer):
    """Stochastic gradient descent that also averages the parameters: the average is ``state[p]["ax"]``.

    Args:
        params: parameters, or dicts of parameters and options (see `Optimizer`).
        lr: learning rate at the start; it falls as ``lr / (1 + lambd · lr · step) ** alpha``.
        lambd: how fast parameters decay, and the learning rate with them.
        alpha: the power of the learning rate's fall.
        t0: the step at which averaging starts.
        weight_decay: adds `weight_decay · p` to the gradient (L2 penalty).
        maximize: climb instead of descending.

    Source: Polyak & Juditsky 1992, https://dl.acm.org/doi/10.1137/0330046

    >>> import autograd as ag
    >>> w = ag.tensor([1.0, 2.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> ASGD([w], lr=0.1).step()
    >>> w
    tensor([0.8000, 1.6000], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ):
        defaults = options(locals())
        check_ranges(lr, weight_decay=weight_decay)
        super().__init__(params, defaults)

    def numbers(self, group):
        return {"step": 0.0, "eta": group["lr"], "mu": 1.0}

    def arrays(self, p, group):
        return {"ax": 0.0}

    def advance(self, state, group):
        state["step"] += 1
        state["now"] = state["eta"], state["mu"]  # the new ones are for the next step
        state["eta"] = group["lr"] / (1 + group["lambd"] * group["lr"] * state["step"]) ** group["alpha"]
        state["mu"] = 1 / max(1, state["step"] - group["t0"])

    def update(self, p, g, state, group):
        (eta, mu), average = state["now"], state["ax"]
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        p *= 1 - group["lambd"] * eta
        p -= eta * g
        average += mu * (p - average)
