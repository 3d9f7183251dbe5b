"""Averages of a model's weights over training: equal (SWA) or exponential (EMA).

Source: Izmailov et al. 2018, https://arxiv.org/abs/1803.05407; https://docs.pytorch.org/docs/stable/optim.html#weight-averaging-swa-and-ema
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

from autograd import int64, no_grad
from autograd.creation import tensor
from nn.module import Module

from .lr_scheduler.base import LRScheduler, per_group
from .optimizer import Optimizer

__all__ = [
    "SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn",
    "update_bn",
]  # fmt: skip


def get_swa_avg_fn() -> Callable:
    """The function ``(average, current, n) → average`` of n + 1 equally weighted values."""

    @no_grad()
    def swa_update(averaged_param: Any, current_param: Any, num_averaged: Any) -> Any:
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> Callable:
    """The function ``(average, current, n) → average`` that keeps `decay` of the average."""
    check_decay(decay)

    @no_grad()
    def ema_update(ema_param: Any, current_param: Any, num_averaged: Any) -> Any:
        return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_multi_avg_fn() -> Callable:
    """`get_swa_avg_fn` for lists of tensors, which it changes in place."""
    return for_lists(get_swa_avg_fn())


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable:
    """`get_ema_avg_fn` for lists of tensors, which it changes in place."""
    return for_lists(get_ema_avg_fn(decay))


def check_decay(decay: float) -> None:
    """Raise ValueError unless 0 ≤ decay ≤ 1."""
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def for_lists(average: Callable) -> Callable:
    """An averaging function for lists of tensors, in place."""

    @no_grad()
    def update(averaged_params: list, current_params: list, num_averaged: Any) -> None:
        for averaged, current in zip(averaged_params, current_params, strict=True):
            averaged.copy_(average(averaged, current, num_averaged))

    return update


class AveragedModel(Module):
    """A copy of a model whose parameters are averages over those that the model had at each `update_parameters`.

    Args:
        model: the model.
        device: where the copy lives.
        avg_fn: ``(average, current, number of models so far) → average``.  Default: the equal average.
        multi_avg_fn: the same for lists of tensors, in place.
        use_buffers: average the buffers too, instead of copying the last ones.

    >>> import autograd as ag
    >>> import nn
    >>> model = nn.Linear(2, 1)
    >>> average = AveragedModel(model, avg_fn=get_ema_avg_fn(0.9))
    >>> average.update_parameters(model)
    >>> average.n_averaged
    tensor(1)
    """

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Callable | None = None,
        multi_avg_fn: Callable | None = None,
        use_buffers: bool = False,
    ):
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=int64, device=device))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged model says."""
        return self.module(*args, **kwargs)  # pyright: ignore[reportCallIssue]

    @no_grad()
    def update_parameters(self, model: Module) -> None:
        """Take the model's parameters of now into the average."""
        ours, theirs = list(self.module.parameters()), list(model.parameters())
        buffers, their_buffers = list(self.module.buffers()), list(model.buffers())
        if self.use_buffers:
            ours, theirs = ours + buffers, theirs + their_buffers
        averages = [p.detach() for p in ours]
        currents = [p.detach().to(average.device) for p, average in zip(theirs, averages, strict=True)]
        if self.n_averaged == 0:
            for average, current in zip(averages, currents, strict=True):
                average.copy_(current)
        elif averages:
            update = self.multi_avg_fn or for_lists(self.avg_fn or get_swa_avg_fn())
            for alike in by_kind(averages, currents):
                update(*alike, self.n_averaged.to(alike[0][0].device))
        if not self.use_buffers:
            for ours_, theirs_ in zip(buffers, their_buffers, strict=True):
                ours_.detach().copy_(theirs_.detach().to(ours_.device))
        self.n_averaged += 1


def by_kind(averages: list, currents: list) -> list[tuple[list, list]]:
    """Pairs of tensors, in lists of one device and type each, which is what a `multi_avg_fn` is given."""
    kinds: dict[tuple, tuple[list, list]] = {}
    for average, current in zip(averages, currents, strict=True):
        pair = kinds.setdefault((str(average.device), average.dtype), ([], []))
        pair[0].append(average)
        pair[1].append(current)
    return list(kinds.values())


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of all batch-norm layers anew, as averages over the batches of a loader.

    Args:
        loader: batches, or tuples or lists that begin with one.
        model: the model; it runs once over each batch.
        device: where batches are moved to.
    """
    from nn.batch_norm import _BatchNorm

    momenta = {module: module.momentum for module in model.modules() if isinstance(module, _BatchNorm)}
    if not momenta:
        return
    was_training = model.training
    model.train()
    for module in momenta:
        module.reset_running_stats()
        module.momentum = None
    for batch in loader:
        batch = batch[0] if isinstance(batch, (list, tuple)) else batch
        model(batch if device is None else batch.to(device))
    for module, momentum in momenta.items():
        module.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """Bring the learning rate to a constant `swa_lr` in `anneal_epochs` epochs.

    Args:
        optimizer: whose learning rates are set.
        swa_lr: the rate in the end, for all groups or as a list for each.
        anneal_epochs: epochs on the way.
        anneal_strategy: "cos" or "linear".
        last_epoch: the number of the epoch before; -1 to start.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: Any,
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ):
        rates = per_group("swa_lr", optimizer, swa_lr)
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        for rate, group in zip(rates, optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        self._anneal_strategy, self.anneal_epochs = anneal_strategy, anneal_epochs
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        self._check_stepping()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            # The rate without this schedule, which another one may be changing at the same time.
            free = group["swa_lr"] if before == 1 else (group["lr"] - before * group["swa_lr"]) / (1 - before)
            rates.append(group["swa_lr"] * now + free * (1 - now))
        return rates

    def _share(self, step: int) -> float:
        """How much of the way is done at a step."""
        t = max(0, min(1, step / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t
