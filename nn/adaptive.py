"""The adaptive softmax: a loss over very many classes, of which few are frequent."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import autograd
from autograd.tensor import Tensor

from . import functional as F
from .containers import ModuleList, Sequential
from .linear import Linear
from .module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]


class AdaptiveLogSoftmax(NamedTuple):
    """The log-probability of each target, and the loss."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """A softmax in two steps: frequent classes directly, rare ones by clusters with fewer and fewer features.

    Args:
        in_features: of the input.
        n_classes: the classes are sorted by falling frequency.
        cutoffs: where the clusters begin.
        div_value: a cluster has that many times fewer features than the one before.
        head_bias: has the first layer a bias?

    Shapes: input (N, in_features) or (in_features,), target (N,) or ().

    Source: Grave et al., https://arxiv.org/abs/1609.04309
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        cutoffs = list(cutoffs)
        rising = all(a < b for a, b in itertools.pairwise([0, *cutoffs, n_classes]))
        if not cutoffs or not rising or any(int(c) != c for c in cutoffs):
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each value "
                f"is between 1 and n_classes-1, got {cutoffs} for {n_classes} classes"
            )
        self.in_features, self.n_classes = in_features, n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value, self.head_bias = div_value, head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        where = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **where)
        self.tail = ModuleList()
        for i, (low, high) in enumerate(itertools.pairwise(self.cutoffs)):
            features = int(in_features // div_value ** (i + 1))
            self.tail.append(
                Sequential(
                    Linear(in_features, features, bias=False, **where),
                    Linear(features, high - low, bias=False, **where),
                )
            )

    def reset_parameters(self) -> None:
        """Draw new values."""
        self.head.reset_parameters()
        for first, second in self.tail:
            first.reset_parameters()
            second.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> AdaptiveLogSoftmax:
        if target_.ndim > 1:
            raise RuntimeError(
                f"0D or 1D target tensor expected, multi-target not supported, got {tuple(target_.shape)}"
            )
        if input_.ndim != target_.ndim + 1:
            raise RuntimeError(
                f"{target_.ndim}D target tensor expects {target_.ndim + 1}D input tensors, but found inputs with size "
                f"{tuple(input_.shape)}"
            )
        batched = target_.ndim == 1
        if batched and input_.shape[0] != target_.shape[0]:
            raise RuntimeError(
                "Input and target should have the same size in the batch dimension, "
                f"got {input_.shape[0]} and {target_.shape[0]}"
            )
        input, target = (input_, target_) if batched else (input_.unsqueeze(0), target_.unsqueeze(0))
        if target.numel() and (target.min().item() < 0 or target.max().item() >= self.n_classes):
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{target.min().item()}, {target.max().item()}] were found."
            )
        head = F.log_softmax(self.head(input), dim=1)
        place: Any = autograd.where(target < self.shortlist_size, target, 0)  # column of the head: class, or cluster
        rows, parts = [], []
        for i, (low, high) in enumerate(itertools.pairwise(self.cutoffs)):
            chosen = ((target >= low) & (target < high)).nonzero().reshape(-1)
            if chosen.numel() == 0:
                continue
            place[chosen] = self.shortlist_size + i
            inside = F.log_softmax(self.tail[i](input[chosen]), dim=1)
            rows.append(chosen)
            parts.append(inside.gather(1, (target[chosen] - low).unsqueeze(1)).squeeze(1))
        output = head.gather(1, place.unsqueeze(1)).squeeze(1)
        if rows:
            output = output.index_add(0, autograd.cat(rows), autograd.cat(parts))
        return AdaptiveLogSoftmax(output if batched else output.squeeze(0), -output.mean())

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities (N, n_classes) of all classes."""
        head = F.log_softmax(self.head(input), dim=1)
        parts = [head[:, : self.shortlist_size]]
        for i, tail in enumerate(self.tail):
            cluster = head[:, self.shortlist_size + i].unsqueeze(1)
            parts.append(F.log_softmax(tail(input), dim=1) + cluster)
        return autograd.cat(parts, dim=1)

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class (N,) of each example."""
        return self.log_prob(input).argmax(dim=1)
