"""Metrics of a Trainer: accuracy, top-k, and anything of scikit-learn's by name.

A metric sees each batch's predictions and targets and answers for all of them together, so that a last, smaller batch counts
for what it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd.extras import require
from autograd.tensor import Tensor

__all__ = ["Accuracy", "Collected", "Metric", "TopK", "metric"]


class Metric:
    """Base class: `update` sees a batch, `compute` answers for all since `reset`."""

    name = "metric"

    def reset(self) -> None:
        """Forget everything."""
        self.total, self.count = 0.0, 0

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Take a batch into account: predictions (N, …), and targets of N samples."""
        values = self.each(prediction.detach().cpu().numpy(), target.detach().cpu().numpy())
        self.total += float(np.sum(values))
        self.count += np.size(values)

    def each(self, prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
        """The metric's value for each sample, to be averaged."""
        raise TypeError(f"{type(self).__name__} needs a method each(prediction, target), or its own update and compute")

    def compute(self) -> float:
        """The value over all batches; NaN if there was none."""
        return self.total / self.count if self.count else float("nan")


def classes(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The classes that a model's output means: the largest of several along dimension 1, or a logit above 0."""
    if prediction.ndim > target.ndim or (prediction.ndim == target.ndim > 1 and prediction.shape[1] > 1):
        if prediction.ndim > 1 and prediction.shape[1] > 1:
            return prediction.argmax(1)
        prediction = prediction.reshape(target.shape)
    return prediction if prediction.dtype.kind in "iub" else prediction > 0


class Accuracy(Metric):
    """The share of samples whose class is right.

    Args:
        name: what it is called in the history.

    Outputs (N, C, …) mean their largest entry, a single output is a logit.  Targets are classes, or one-hot.
    """

    def __init__(self, name: str = "accuracy"):
        self.name = name
        self.reset()

    def each(self, prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
        """1 where the class is right."""
        if target.ndim == prediction.ndim > 1 and target.shape[1] > 1:
            target = target.argmax(1)
            return prediction.argmax(1) == target
        if target.ndim == prediction.ndim > 1:
            target = target.reshape(target.shape[0], *target.shape[2:])
        return classes(prediction, target) == target


class TopK(Metric):
    """The share of samples whose class is among the `k` largest outputs."""

    def __init__(self, k: int = 5, name: str | None = None):
        self.k, self.name = k, name or f"top_{k}"
        self.reset()

    def each(self, prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
        """1 where the class is among the k largest."""
        if not 1 <= self.k <= prediction.shape[1]:
            raise ValueError(f"top_{self.k} needs at least {self.k} classes, the outputs have shape {prediction.shape}")
        own = np.take_along_axis(prediction, np.expand_dims(target, 1), 1)
        return (prediction > own).sum(1) < self.k


class Collected(Metric):
    """A function of all targets and predictions at once, such as scikit-learn's.

    Args:
        function: takes targets and predictions, returns a number.
        name: what it is called in the history.
        scores: hand it the model's outputs as they are, not the classes they mean.
        options: further arguments of the function.
    """

    def __init__(self, function: Callable, name: str | None = None, scores: bool = False, **options: Any):
        self.function, self.name, self.scores, self.options = function, name or function.__name__, scores, options
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.predictions: list[np.ndarray] = []
        self.targets: list[np.ndarray] = []

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Keep a batch."""
        p, t = prediction.detach().cpu().numpy(), target.detach().cpu().numpy()
        self.predictions.append(p if self.scores else classes(p, t))
        self.targets.append(t)

    def compute(self) -> float:
        """The function's value for all that was kept."""
        if not self.targets:
            return float("nan")
        return float(self.function(np.concatenate(self.targets), np.concatenate(self.predictions), **self.options))


# scikit-learn's functions that want outputs rather than classes.
_SCORES = (
    "r2_score", "roc_auc_score", "average_precision_score", "log_loss", "brier_score_loss", "explained_variance_score",
    "max_error", "d2_absolute_error_score",
)  # fmt: skip


def metric(wanted: Any) -> Metric:
    """A Metric by name (``"accuracy"``, ``"top_5"``, or a function of `sklearn.metrics`), from a function, or itself.

    Raises ValueError for a name that nothing has.
    """
    if isinstance(wanted, Metric):
        return wanted
    if callable(wanted):
        return Collected(wanted)
    if wanted in ("accuracy", "acc"):
        return Accuracy(wanted)
    if str(wanted).startswith("top_") and wanted[4:].isdigit():
        return TopK(int(wanted[4:]))
    function = getattr(require("sklearn.metrics", extra="demo"), str(wanted), None)
    if function is None:
        raise ValueError(
            f"there is no metric {wanted!r}: expected 'accuracy', 'top_5', a function of sklearn.metrics, or a Metric"
        )
    options = {"average": "macro"} if wanted in ("f1_score", "precision_score", "recall_score", "jaccard_score") else {}
    raw = wanted in _SCORES or wanted.endswith("_error")
    return Collected(function, wanted, scores=raw, **options)
