"""SparseAdam."""

from __future__ import annotations

from typing import Any

import numpy as np

from .optimizer import Optimizer, ParamsT
from .options import check_ranges, options

__all__ = ["SparseAdam"]


class SparseAdam(Optimizer):
    """Adam that leaves rows without a gradient alone, with their running means: for large embeddings.

    PyTorch's takes sparse gradients, of which there are none here: a row counts as absent where its gradient is zero.

    Args:
        params: parameters, or dicts of parameters and options (see `Optimizer`).
        lr: learning rate.
        betas: how much of the means of the gradient and of its square is kept at each step.
        eps: added to the root mean square.
        maximize: climb instead of descending.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.optim.SparseAdam.html

    >>> import autograd as ag
    >>> table = ag.tensor([[1.0], [2.0], [3.0]], requires_grad=True)
    >>> table[[0, 2]].sum().backward()
    >>> SparseAdam([table], lr=0.5).step()
    >>> table.detach().flatten()
    tensor([0.5000, 2.0000, 2.5000])
    """

    elementwise = False

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ):
        defaults = options(locals())
        check_ranges(lr, eps=eps, betas=betas)
        super().__init__(params, defaults)

    def numbers(self, group):
        return {"step": 0.0}

    def arrays(self, p, group):
        if p.ndim == 0 or p.dtype.kind == "c":
            raise RuntimeError(f"SparseAdam needs real parameters with rows, got {p.dtype} of shape {p.shape}")
        return {"exp_avg": 0.0, "exp_avg_sq": 0.0}

    def update(self, p, g, state, group):
        (beta1, beta2), t = group["betas"], state["step"]
        rows = np.flatnonzero(g.reshape(g.shape[0], -1).any(1))
        g, mean, square = g[rows], state["exp_avg"][rows], state["exp_avg_sq"][rows]  # copies
        mean += (1 - beta1) * (g - mean)
        square += (1 - beta2) * (g * g - square)
        rate = group["lr"] * (1 - beta2**t) ** 0.5 / (1 - beta1**t)
        p[rows] -= rate * mean / (np.sqrt(square) + group["eps"])
        state["exp_avg"][rows], state["exp_avg_sq"][rows] = mean, square
