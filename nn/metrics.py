"""Metrics of a Trainer: accuracy, top-k, and anything of scikit-learn's by name.

A metric sees each batch's predictions and targets and answers for all of them together, so that a last, smaller batch counts
for what it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd.extras import require
from autograd.tensor import Tensor

from . import functional as F
from . import loss as losses

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


@dataclass(frozen=True)
class Meaning:
    """Which classes outputs mean: what the loss says about the model.

    Attributes:
        threshold: of a single output, above which it means class 1; None if it is not known.
        multilabel: outputs of several columns are answers to as many questions, not to one.
    """

    threshold: float | None = None
    multilabel: bool = False

    @classmethod
    def under(cls, loss: Any) -> Meaning:
        """What it is for models that are trained with this loss."""
        if loss is F.binary_cross_entropy_with_logits or isinstance(loss, losses.BCEWithLogitsLoss):
            return cls(0.0, True)
        if loss is F.binary_cross_entropy or isinstance(loss, losses.BCELoss):
            return cls(0.5, True)
        if loss in (F.mse_loss, F.l1_loss) or isinstance(loss, (losses.MSELoss, losses.L1Loss)):
            return cls(0.5)
        return cls()

    def classes(self, prediction: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Predicted and true classes: of outputs (N, C, …) the largest, for targets (N, …), (N, 1, …) or one-hot (N, C, …)."""
        if prediction.dtype.kind in "iub":
            return prediction.reshape(target.shape), target
        if prediction.ndim > 1 and prediction.shape[1] > 1 and not (self.multilabel and prediction.ndim == target.ndim):
            if target.ndim == prediction.ndim:
                target = target.argmax(1) if target.shape[1] > 1 else target[:, 0]
            return prediction.argmax(1), target
        if self.threshold is None:
            raise ValueError(
                "expected to know above which single output the class is 1: pass Accuracy(threshold=0.0) for logits, "
                "0.5 for probabilities"
            )
        return (prediction > self.threshold).reshape(target.shape), target


class Accuracy(Metric):
    """The share of samples whose class is right.

    Args:
        name: what it is called in the history.
        threshold: of a single output, above which it means class 1: 0 for logits, 0.5 for probabilities.
        multilabel: compare outputs (N, C) with targets (N, C) one by one; otherwise those are one-hot.

    By its name, in a Trainer, the loss tells the last two: `BCEWithLogitsLoss`, `BCELoss` or `MSELoss`.
    """

    def __init__(self, name: str = "accuracy", threshold: float | None = None, multilabel: bool = False):
        self.name, self.meaning = name, Meaning(threshold, multilabel)
        self.reset()

    def each(self, prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
        """1 where the class is right."""
        predicted, true = self.meaning.classes(prediction, target)
        return predicted == true


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
        meaning: of the outputs.
        options: further arguments of the function.
    """

    def __init__(
        self,
        function: Callable,
        name: str | None = None,
        scores: bool = False,
        meaning: Meaning = Meaning(),
        **options: Any,
    ):
        self.function, self.name, self.scores, self.options = function, name or function.__name__, scores, options
        self.meaning = meaning
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.predictions: list[np.ndarray] = []
        self.targets: list[np.ndarray] = []

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Keep a batch."""
        p, t = prediction.detach().cpu().numpy(), target.detach().cpu().numpy()
        if not self.scores:
            p, t = self.meaning.classes(p, t)
        self.predictions.append(p)
        self.targets.append(t)

    def compute(self) -> float:
        """The function's value for all that was kept."""
        if not self.targets:
            return float("nan")
        return float(self.function(np.concatenate(self.targets), np.concatenate(self.predictions), **self.options))


# scikit-learn's functions that want outputs rather than classes, with those whose names tell.
_SCORES = (
    "average_precision_score", "brier_score_loss", "dcg_score", "explained_variance_score", "hinge_loss", "log_loss",
    "ndcg_score", "r2_score", "roc_auc_score", "top_k_accuracy_score",
)  # fmt: skip
_BY_CLASS = ("f1_score", "fbeta_score", "jaccard_score", "precision_score", "recall_score")


def _averaged(function: Callable) -> Callable:
    """A score of each class: of class 1 of two, as scikit-learn has it, and the mean over more than two, where it asks how."""

    def score(target: np.ndarray, prediction: np.ndarray, **options: Any) -> float:
        two = target.size == len(target) and max(target.max(), prediction.max()) <= 1
        return function(target, prediction, **{"average": "binary" if two else "macro"} | options)

    return score


def metric(wanted: Any, loss: Any = None) -> Metric:
    """A Metric by name (``"accuracy"``, ``"top_5"``, or a function of `sklearn.metrics`), from a function, or itself.

    Args:
        loss: with which the model is trained; it says what a single output means.

    Raises:
        ValueError: nothing has that name.
    """
    meaning = Meaning.under(loss)
    if isinstance(wanted, Metric):
        return wanted
    if callable(wanted):
        return Collected(wanted, meaning=meaning)
    if wanted in ("accuracy", "acc"):
        return Accuracy(wanted, meaning.threshold, meaning.multilabel)
    if str(wanted).startswith("top_") and wanted[4:].isdigit():
        return TopK(int(wanted[4:]))
    function = getattr(require("sklearn.metrics", extra="demo"), str(wanted), None)
    if function is None:
        raise ValueError(
            f"there is no metric {wanted!r}: expected 'accuracy', 'top_5', a function of sklearn.metrics, or a Metric"
        )
    raw = wanted in _SCORES or wanted.endswith(("_error", "_deviance")) or wanted.startswith("d2_")
    return Collected(_averaged(function) if wanted in _BY_CLASS else function, wanted, raw, meaning)
