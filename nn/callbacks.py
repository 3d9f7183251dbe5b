"""What a Trainer can do besides training: stop early, save, change the learning rate, write logs, watch gradients."""

from __future__ import annotations

import copy
import csv
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import autograd as ag
from autograd.graph import changed_since, clock
from autograd.utils.tensorboard import SummaryWriter

__all__ = [
    "CSVLog",
    "Callback",
    "EarlyStopping",
    "GradientMonitor",
    "LearningRateSchedule",
    "ModelCheckpoint",
    "TensorBoard",
]


class Callback:
    """Base class: write the methods you need; `self.trainer` is the Trainer."""

    trainer: Any = None

    def on_fit_begin(self) -> None:
        """Before the first epoch."""

    def on_epoch_begin(self, epoch: int) -> None:
        """Before an epoch."""

    def on_step(self, step: int) -> None:
        """Before the optimizer's step: gradients are there."""

    def on_step_end(self, step: int, loss: float) -> None:
        """After the optimizer's step, with the last batch's loss."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """After an epoch and its validation."""

    def on_fit_end(self) -> None:
        """After the last epoch."""

    def state_dict(self) -> dict[str, Any]:
        """What a training that is resumed needs to know: see `ModelCheckpoint`."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state; called after `on_fit_begin`."""


class _Monitor(Callback):
    """A callback that asks whether a logged value became better."""

    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0):
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"mode must be 'auto', 'min' or 'max', got {mode!r}")
        falls = _falls(monitor) if mode == "auto" else mode == "min"
        self.monitor, self.sign, self.min_delta = monitor, 1 if falls else -1, min_delta
        self.best = math.inf

    def state_dict(self) -> dict[str, Any]:
        """The best value so far."""
        return {"best": self.best}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from that value."""
        self.best = state["best"]

    def better(self, logs: dict[str, float]) -> bool:
        """Is this the best value so far?  NaN never is."""
        if self.monitor not in logs:
            raise KeyError(f"{type(self).__name__} monitors {self.monitor!r}, but an epoch logs {sorted(logs)}")
        value = self.sign * logs[self.monitor]
        if value < self.best - self.min_delta:
            self.best = value
            return True
        return False


def _falls(monitor: str) -> bool:
    """Is less of it better?  Its name tells, in the way of scikit-learn's."""
    if monitor.endswith(("loss", "error", "deviance")):
        return True
    if monitor.endswith(("accuracy", "acc", "score", "auc")) or "top_" in monitor:
        return False
    raise ValueError(
        f"the name {monitor!r} does not say whether less or more of it is better: pass mode='min' or 'max'"
    )


class EarlyStopping(_Monitor):
    """End the training when a value has not become better for `patience` epochs.

    Args:
        monitor: the value's name in the history.
        patience: epochs to wait.
        min_delta: the least change that counts.
        mode: "min" or "max" is better; "auto" by the name.
        restore_best: go back to the weights of the best epoch, also when the training ends for another reason.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 5,
        min_delta: float = 0.0,
        mode: str = "auto",
        restore_best: bool = True,
    ):
        super().__init__(monitor, mode, min_delta)
        self.patience, self.restore_best = patience, restore_best

    def on_fit_begin(self) -> None:
        """Forget an earlier training."""
        self.best, self.waited, self.weights, self.best_epoch = math.inf, 0, None, -1

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Compare, keep the best weights, stop."""
        if self.better(logs):
            self.waited, self.best_epoch = 0, epoch
            if self.restore_best:
                self.weights = copy.deepcopy(self.trainer.model.state_dict())
            return
        self.waited += 1
        if self.waited >= self.patience:
            self.trainer.stop = True

    def state_dict(self) -> dict[str, Any]:
        """How long it has waited for what."""
        own = {"waited": self.waited, "best_epoch": self.best_epoch, "weights": self.weights}
        return super().state_dict() | own

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on waiting."""
        super().load_state_dict(state)
        self.waited, self.best_epoch, self.weights = state["waited"], state["best_epoch"], state["weights"]

    def on_fit_end(self) -> None:
        """Go back to the best weights."""
        if self.weights is not None:
            self.trainer.model.load_state_dict(self.weights)


class ModelCheckpoint(_Monitor):
    """Save the whole training after each epoch, and go on from there.

    Model, optimizer, history, random state and the state of the other callbacks are written atomically, so a kill at any
    moment leaves a whole file, and a training that goes on from it, with the same arguments, is bit for bit the one that was
    not interrupted.

    Args:
        path: of the file.  If it exists when the training begins, it is loaded, and `epochs` counts from the beginning.
        monitor: with `best_only`, save only when this value became better.
        best_only: see there; such a file is not resumed from.
        resume: False starts anew although the file is there.
    """

    def __init__(
        self,
        path: str | Path,
        monitor: str = "val_loss",
        mode: str = "auto",
        best_only: bool = False,
        resume: bool = True,
    ):
        super().__init__(monitor, mode)
        self.path, self.best_only = Path(path), best_only
        self.resume = resume and not best_only
        self.resumed = False

    def on_fit_begin(self) -> None:
        """Load the file, if there is one to resume from."""
        if self.resume and self.path.exists():
            self.trainer.load_state_dict(ag.load(self.path))
            self.resumed = True

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Save."""
        if self.best_only and not self.better(logs):
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        ag.save(self.trainer.state_dict(), self.path)


class LearningRateSchedule(Callback):
    """Change the learning rate after each epoch (or each step).

    Args:
        schedule: one of `optim.lr_scheduler`, or a function of the epoch that returns the learning rate.
        monitor: the value that ReduceLROnPlateau watches.
        each_step: after each of the optimizer's steps instead of each epoch.
    """

    def __init__(self, schedule: Any, monitor: str = "val_loss", each_step: bool = False):
        self.schedule, self.monitor, self.each_step = schedule, monitor, each_step
        self.function = None if hasattr(schedule, "step") else schedule

    def on_epoch_begin(self, epoch: int) -> None:
        """A function sets the rate before the epoch."""
        if self.function is not None:
            for group in self.trainer.optimizer.param_groups:
                group["lr"] = self.function(epoch)

    def on_step_end(self, step: int, loss: float) -> None:
        """A schedule by steps."""
        if self.each_step and self.function is None:
            self.schedule.step()

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """A schedule by epochs."""
        if self.each_step or self.function is not None:
            return
        if type(self.schedule).__name__ == "ReduceLROnPlateau":  # nn does not know optim
            self.schedule.step(logs[self.monitor])
        else:
            self.schedule.step()

    def state_dict(self) -> dict[str, Any]:
        """The schedule's."""
        return {} if self.function is not None else self.schedule.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The schedule's."""
        if self.function is None:
            self.schedule.load_state_dict(state)


class CSVLog(Callback):
    """Write a row for each epoch into a CSV file, a new one at each `fit` unless `append` (as in Keras)."""

    def __init__(self, path: str | Path, append: bool = False):
        self.path, self.append = Path(path), append

    def on_fit_begin(self) -> None:
        """Begin a new file, unless `append`."""
        if not self.append:
            self.path.unlink(missing_ok=True)

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Write a row, and the header first."""
        fresh = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, ["epoch", *logs])
            if fresh:
                writer.writeheader()
            writer.writerow({"epoch": epoch, **logs})


class TensorBoard(Callback):
    """Write losses and metrics for TensorBoard, through tensorboardX (extra `tensorboard`)."""

    def __init__(self, folder: str | Path, histograms: bool = False):
        self.folder, self.histograms = str(folder), histograms

    def on_fit_begin(self) -> None:
        """Open the log."""
        self.writer = SummaryWriter(self.folder)

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Write an epoch."""
        for name, value in logs.items():
            self.writer.add_scalar(name, value, epoch)
        if self.histograms:
            for name, parameter in self.trainer.model.named_parameters():
                self.writer.add_histogram(name, parameter, epoch)

    def on_fit_end(self) -> None:
        """Close the log."""
        self.writer.close()


class GradientMonitor(Callback):
    """Warn, by parameter path, of gradients that are missing, NaN, vanishing or exploding, and of a forgotten `zero_grad`.

    Each warning comes once for each parameter.  In a loop of your own: ``GradientMonitor().watch(model, optimizer)``.

    Args:
        vanishing, exploding: bounds on the root mean square of a gradient.
        each: look every so many steps.
    """

    def __init__(self, vanishing: float = 1e-8, exploding: float = 1e3, each: int = 1):
        self.vanishing, self.exploding, self.each = vanishing, exploding, each
        self.steps = 0
        self.warned: set[tuple[str, str]] = set()
        self.used: dict[str, tuple[Any, int]] = {}  # the gradient that a step used, and when

    def watch(self, model: Any, optimizer: Any) -> Any:
        """Look before each step of this optimizer; returns a handle whose `remove()` ends that."""
        return optimizer.register_step_pre_hook(lambda *_: self.check(model))

    def on_step(self, step: int) -> None:
        """Look before a Trainer's step."""
        self.check(self.trainer.model)

    def check(self, model: Any) -> None:
        """Look at the gradients of all parameters."""
        self.steps += 1
        if (self.steps - 1) % self.each:
            return
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                self._check_one(name, parameter.grad)

    def _check_one(self, name: str, gradient: Any) -> None:
        if gradient is None:
            self._warn(
                name,
                "no",
                "has no gradient: the loss does not depend on it, or it was cut off by detach() or no_grad()",
            )
            return
        before, when = self.used.get(name, (None, 0))
        if before is gradient and not changed_since(gradient.array, when):
            self._warn(name, "again", "has a gradient that an earlier step has used already: zero_grad() was forgotten")
        self.used[name] = gradient, clock()
        g = gradient.detach().cpu().numpy()
        size = float(np.sqrt(np.mean(np.square(g, dtype=np.float64)))) if g.size else 0.0
        if not math.isfinite(size):
            self._warn(
                name, "nan", "has a gradient with NaN or infinity; autograd.detect_anomaly() finds where it began"
            )
        elif size > self.exploding:
            self._warn(name, "large", f"has an exploding gradient (root mean square {size:.1e}); clip_norm= bounds it")
        elif size < self.vanishing:
            self._warn(name, "small", f"has a vanishing gradient (root mean square {size:.1e})")

    def _warn(self, name: str, kind: str, text: str) -> None:
        if (name, kind) not in self.warned:
            self.warned.add((name, kind))
            warnings.warn(f"{name} {text}", RuntimeWarning, stacklevel=4)
