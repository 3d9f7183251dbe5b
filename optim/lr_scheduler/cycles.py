"""Schedules that raise the learning rate and lower it again, and the momentum the other way round."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..optimizer import Optimizer
from .base import LRScheduler, assign, check_optimizer, function_state, per_group

__all__ = ["CyclicLR", "OneCycleLR"]


class _WithMomentum(LRScheduler):
    """Knows whether the optimizer calls its momentum so or β₁, and sets it."""

    cycle_momentum: bool
    use_beta1: bool

    def _start_momentum(self, base_momentum: Any, max_momentum: Any, last_epoch: int) -> tuple[list, list]:
        """The bounds of the momentum per group; at the start they are noted in the groups and the largest is set."""
        defaults = self.optimizer.defaults
        if "momentum" not in defaults and "betas" not in defaults:
            raise ValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")
        self.use_beta1 = "betas" in defaults
        lowest = per_group("base_momentum", self.optimizer, base_momentum)
        highest = per_group("max_momentum", self.optimizer, max_momentum)
        if last_epoch == -1:
            for low, high, group in zip(lowest, highest, self.optimizer.param_groups, strict=True):
                self._set_momentum(group, high)
                group["max_momentum"], group["base_momentum"] = high, low
        return lowest, highest

    def _set_momentum(self, group: dict[str, Any], value: float) -> None:
        if self.use_beta1:
            group["betas"] = (value, *group["betas"][1:])
        else:
            group["momentum"] = value


class CyclicLR(_WithMomentum):
    """Let the rate go up and down between two bounds, in cycles; to be stepped after every batch.

    Args:
        optimizer: whose learning rates are set.
        base_lr, max_lr: the bounds, for all groups or as a list for each.
        step_size_up, step_size_down: batches on the way up and down.
        mode: "triangular"; "triangular2" halves the height at each cycle, "exp_range" multiplies it by `gamma` each batch.
        gamma: see `mode`.
        scale_fn: a function for the height instead of `mode`, of the cycle (from 1) or the batch as `scale_mode` says.
        scale_mode: "cycle" or "iterations".
        cycle_momentum: let the momentum (β₁ where the optimizer has betas) go down while the rate goes up.
        base_momentum, max_momentum: its bounds.
        last_epoch: the number of the batch before; -1 to start.

    Source: Smith 2017, https://arxiv.org/abs/1506.01186
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: Any,
        max_lr: Any,
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.8,
        max_momentum: Any = 0.9,
        last_epoch: int = -1,
    ):
        check_optimizer(optimizer)
        if scale_fn is None and mode not in ("triangular", "triangular2", "exp_range"):
            raise ValueError("mode is invalid and scale_fn is None")
        self.optimizer = optimizer
        base_lrs = per_group("base_lr", optimizer, base_lr)
        self.max_lrs = per_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for lr, group in zip(base_lrs, optimizer.param_groups, strict=True):
                assign(group, "lr", lr)
        up = float(step_size_up)
        down = up if step_size_down is None else float(step_size_down)
        self.total_size, self.step_ratio = up + down, up / (up + down)
        self.mode, self.gamma, self._scale_fn_custom = mode, gamma, scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums, self.max_momentums = self._start_momentum(base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """The height of cycle or batch `x`."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        return {"triangular": 1.0, "triangular2": 1 / 2.0 ** (x - 1), "exp_range": self.gamma**x}[self.mode]

    def get_lr(self) -> list[Any]:
        self._check_stepping()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            bounds = zip(self.optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True)
            for group, low, high in bounds:
                self._set_momentum(group, high - (high - low) * height * scale)
        return [low + (high - low) * height * scale for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"_scale_fn_custom": function_state(self._scale_fn_custom)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        saved = state_dict["_scale_fn_custom"]
        super().load_state_dict({name: value for name, value in state_dict.items() if name != "_scale_fn_custom"})
        if saved is not None:
            vars(self._scale_fn_custom).update(saved)


class OneCycleLR(_WithMomentum):
    """Raise the rate once and let it fall far below where it started; to be stepped after every batch.

    Args:
        optimizer: whose learning rates are set.
        max_lr: the highest rate, for all groups or as a list for each.
        total_steps: batches in all; or give `epochs` and `steps_per_epoch`.
        pct_start: the part of them in which the rate rises.
        anneal_strategy: "cos" or "linear".
        cycle_momentum: let the momentum (β₁ where the optimizer has betas) go down while the rate goes up.
        base_momentum, max_momentum: its bounds.
        div_factor: the first rate is ``max_lr / div_factor``.
        final_div_factor: the last one is the first over this.
        three_phase: come down to the first rate as slowly as it rose, and then further.
        last_epoch: the number of the batch before; -1 to start.

    Source: Smith & Topin 2018, https://arxiv.org/abs/1708.07120
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Any,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.85,
        max_momentum: Any = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ):
        check_optimizer(optimizer)
        self.optimizer = optimizer
        self.total_steps = count_steps(total_steps, epochs, steps_per_epoch)
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_func_type = anneal_strategy
        up, end = float(pct_start * self.total_steps) - 1, self.total_steps - 1
        if three_phase:
            down = float(2 * pct_start * self.total_steps) - 2
            phases = [(up, "initial", "max", 1), (down, "max", "initial", -1), (end, "initial", "min", 0)]
        else:
            phases = [(up, "initial", "max", 1), (end, "max", "min", -1)]
        self._schedule_phases = [_phase(*phase) for phase in phases]
        if last_epoch == -1:
            for highest, group in zip(per_group("max_lr", optimizer, max_lr), optimizer.param_groups, strict=True):
                group["initial_lr"] = highest / div_factor
                group["max_lr"] = highest
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._start_momentum(base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        self._check_stepping()
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(f"Tried to step {step} times. The specified number of total steps is {self.total_steps}")
        start = 0.0
        for phase in self._schedule_phases[:-1]:
            if step <= phase["end_step"]:
                break
            start = phase["end_step"]
        else:
            phase = self._schedule_phases[-1]
        share = (step - start) / (phase["end_step"] - start)
        groups = self.optimizer.param_groups
        if self.cycle_momentum:
            for group in groups:
                self._set_momentum(group, self._between(group, phase, "momentum", share))
        return [self._between(group, phase, "lr", share) for group in groups]

    def _between(self, group: dict[str, Any], phase: dict[str, Any], name: str, share: float) -> Any:
        """A value of a group after a share of a phase."""
        start, end = group[phase[f"start_{name}"]], group[phase[f"end_{name}"]]
        if self._anneal_func_type == "linear":
            return (end - start) * share + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)


def count_steps(total_steps: Any, epochs: Any, steps_per_epoch: Any) -> int:
    """The number of steps in all, given in one of two ways."""
    if total_steps is None and (epochs is None or steps_per_epoch is None):
        raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    given = (
        {"total_steps": total_steps}
        if total_steps is not None
        else {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
    )
    for name, value in given.items():
        if not isinstance(value, int) or value <= 0:
            raise ValueError(f"Expected positive integer {name}, but got {value}")
    return math.prod(given.values())


def _phase(end_step: float, start: str, end: str, direction: int) -> dict[str, Any]:
    """A phase, as PyTorch saves it: the names of the options at its two ends.  The momentum goes against the rate."""
    first, last = {1: ("max", "base"), -1: ("base", "max"), 0: ("max", "max")}[direction]
    return {
        "end_step": end_step,
        "start_lr": f"{start}_lr",
        "end_lr": f"{end}_lr",
        "start_momentum": f"{first}_momentum",
        "end_momentum": f"{last}_momentum",
    }
