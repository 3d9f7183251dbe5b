"""Schedules of the learning rate, as in ``torch.optim.lr_scheduler``.

A schedule is made with its optimizer, and its `step` is called after the optimizer's, usually once per epoch.  Most change
the rate that is there by a factor, so that several of them can be used on one optimizer.

>>> import autograd as ag
>>> from optim import SGD
>>> optimizer = SGD([ag.tensor([1.0], requires_grad=True)], lr=0.1)
>>> schedule = StepLR(optimizer, step_size=2, gamma=0.5)
>>> for epoch in range(4):
...     print(schedule.get_last_lr())
...     optimizer.step()
...     schedule.step()
[0.1]
[0.1]
[0.05]
[0.05]
"""

from __future__ import annotations

from .base import LRScheduler
from .combined import ChainedScheduler, SequentialLR
from .cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from .cycles import CyclicLR, OneCycleLR
from .factors import (
    ConstantLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from .plateau import ReduceLROnPlateau

_LRScheduler = LRScheduler  # the name of PyTorch before 2.0

__all__ = [
    "ChainedScheduler", "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "CyclicLR", "ExponentialLR",
    "LRScheduler", "LambdaLR", "LinearLR", "MultiStepLR", "MultiplicativeLR", "OneCycleLR", "PolynomialLR",
    "ReduceLROnPlateau", "SequentialLR", "StepLR",
]  # fmt: skip
