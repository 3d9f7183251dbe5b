"""Connectionist temporal classification (Graves et al., 2006): the loss of a sequence without an alignment.

The sums over all alignments are the forward and backward variables α and β over the target with blanks between its labels,
in logarithms, for the whole batch at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..device import CPU, device_of, to_device
from ..op import function, op
from ..tensor import unwrap, wrap
from .loss import reduction_of

__all__: list[str] = []


def _paths(targets: Any, lengths: Any, blank: int) -> tuple:
    """Targets with blanks around each label (N, 2S + 1), which places may be skipped to, and the lengths."""
    n, s = targets.shape
    labels = np.full((n, 2 * s + 1), blank, np.int64)
    labels[:, 1::2] = targets
    skip = np.zeros(labels.shape, bool)
    skip[:, 3::2] = targets[:, 1:] != targets[:, :-1]
    return labels, skip, 2 * lengths + 1


def _variables(emissions: Any, skip: Any, sizes: Any, lengths: Any) -> Any:
    """α: the log of the summed probability of all beginnings of paths; emissions (T, N, 2S + 1)."""
    steps, _, width = emissions.shape
    alpha = np.full(emissions.shape, -np.inf, emissions.dtype)
    alpha[0, :, 0] = emissions[0, :, 0]
    if width > 1:
        alpha[0, :, 1] = np.where(sizes > 1, emissions[0, :, 1], -np.inf)
    for t in range(1, steps):
        before = alpha[t - 1]
        one = np.full_like(before, -np.inf)
        one[:, 1:] = before[:, :-1]
        two = np.full_like(before, -np.inf)
        two[:, 2:] = np.where(skip[:, 2:], before[:, :-2], -np.inf)
        now = np.logaddexp(np.logaddexp(before, one), two) + emissions[t]
        alpha[t] = np.where((t < lengths)[:, None], now, before)
    return alpha


def _reversed(x: Any, lengths: Any, axis: int) -> Any:
    """Each sequence of a batch back to front, what lies behind its end left there.  x: (T, N, ...) or (N, S)."""
    size = x.shape[axis]
    places = np.arange(size)
    index = np.where(places < lengths[:, None], lengths[:, None] - 1 - places, places)  # (N, size)
    if axis == 1:
        return np.take_along_axis(x, index, axis=1)
    return x[index.T, np.arange(x.shape[1])[None, :]]


def _alignments(log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int) -> tuple:
    """The negative log likelihood of each sequence, and Σ over alignments of the log probability at each (t, n, class)."""
    steps, n, _ = log_probs.shape
    labels, skip, sizes = _paths(targets, target_lengths, blank)
    emissions = log_probs[:, np.arange(n)[:, None], labels]  # (T, N, 2S + 1)
    inside = np.arange(labels.shape[1]) < sizes[:, None]
    emissions = np.where(inside, emissions, -np.inf)
    alpha = _variables(emissions, skip, sizes, input_lengths)
    rows = np.arange(n)
    last = alpha[-1]
    likelihood = last[rows, sizes - 1]
    likelihood = np.where(sizes > 1, np.logaddexp(likelihood, last[rows, np.maximum(sizes - 2, 0)]), likelihood)
    likelihood = np.where(input_lengths > 0, likelihood, np.where(target_lengths == 0, 0.0, -np.inf))
    # β is α of everything back to front.
    back_labels = _reversed(labels, sizes, 1)
    back_skip = np.zeros_like(skip)
    back_skip[:, 3::2] = back_labels[:, 3::2] != back_labels[:, 1:-2:2]
    back_skip &= inside
    back = np.where(inside, _reversed(log_probs, input_lengths, 0)[:, rows[:, None], back_labels], -np.inf)
    beta = _variables(back, back_skip, sizes, input_lengths)
    beta = _reversed(beta, input_lengths, 0)
    beta = np.stack([_reversed(b, sizes, 1) for b in beta]) if steps else beta
    joint = alpha + beta  # counts the emission at (t, label) twice
    total = np.full(log_probs.shape, -np.inf, log_probs.dtype)
    for place in range(labels.shape[1]):
        at = labels[:, place]
        total[:, rows, at] = np.logaddexp(total[:, rows, at], joint[:, :, place])
    return -likelihood.astype(log_probs.dtype), total


def _no_second(g: Any) -> Any:
    raise RuntimeError("ctc_loss has no derivative of second order, as in PyTorch")


@op("ctc_gradient", method=False, g=lambda g, slope: (g * slope).sum(axis=(0, 2)), log_probs=_no_second)
def _ctc_gradient(g, log_probs, slope):
    return g[:, None] * slope


@op("ctc_loss", method=False, log_probs=lambda g, log_probs, memo: _ctc_gradient(g, log_probs, _like(g, memo[0])))
def _ctc(log_probs, targets, input_lengths, target_lengths, blank, zero_infinity, memo):
    # The alignments are followed on the CPU: step after step, each a few numbers.
    home, log_probs = device_of(log_probs), to_device(log_probs, CPU)
    loss, total = _alignments(log_probs, targets, input_lengths, target_lengths, blank)
    # As PyTorch: for log-probabilities that are normalized, so that the gradient can go on through log_softmax.
    slope = np.exp(log_probs) - np.exp(total + loss[:, None] - log_probs)
    used = np.arange(log_probs.shape[0])[:, None] < input_lengths
    slope = np.where(used[:, :, None], slope, 0)
    infinite = loss == np.inf
    if zero_infinity:
        slope[:, infinite] = 0
        loss = np.where(infinite, 0, loss)
    memo[:] = (to_device(slope.astype(log_probs.dtype), home),)
    return to_device(loss.astype(log_probs.dtype), home)


def _like(g: Any, array: Any) -> Any:
    return wrap(array) if hasattr(g, "array") else array


def _host(value: Any) -> Any:
    array = unwrap(value)
    return to_device(array, CPU) if hasattr(array, "dtype") else array


def _lengths(value: Any) -> np.ndarray:
    return np.asarray(_host(value), np.int64).reshape(-1)


def _padded(labels: np.ndarray, sizes: np.ndarray, blank: int, classes: int) -> np.ndarray:
    """The targets, (N, S) or all in one dimension, as (N, longest), filled up with blanks."""
    packed = labels.ndim == 1
    if packed and labels.shape[0] != sizes.sum():
        raise RuntimeError(
            f"Expected target_lengths to add up to the {labels.shape[0]} targets, got {int(sizes.sum())}"
        )
    if not packed and labels.shape[0] != len(sizes):
        raise RuntimeError(f"Expected targets of a batch of {len(sizes)}, got {labels.shape[0]}")
    padded = np.full((len(sizes), int(sizes.max(initial=0))), blank, np.int64)
    starts = np.cumsum(sizes) - sizes
    for i, size in enumerate(sizes):
        row = labels[starts[i] : starts[i] + size] if packed else labels[i, :size]
        if len(row) != size:
            raise RuntimeError(
                f"Expected tensor to have size at least {size} at dimension 1, but got size {labels.shape} for targets"
            )
        padded[i, :size] = row
    if padded.size and (padded.min() < 0 or padded.max() >= classes):
        raise RuntimeError(f"ctc_loss: targets must be classes below {classes}, got {padded.min()} to {padded.max()}")
    return padded


@function(method=False)
def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    """Minus the log of the probability of the targets, over all their alignments with the input.

    Args:
        log_probs: (T, N, C) or (T, C), outputs of log_softmax.
        targets: (N, S) padded, or all one after the other in one dimension; no blanks.
        input_lengths, target_lengths: (N,) numbers.
        blank: the class that stands between labels.
        reduction: "none", "sum", or "mean": each loss divided by its target's length, then their mean.
        zero_infinity: losses that are infinite, because the input is too short for its target, count 0, and so do their gradients.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.ctc_loss.html
    """
    reduction = reduction_of(reduction)
    single = log_probs.ndim == 2
    if log_probs.ndim not in (2, 3):
        raise RuntimeError(f"ctc_loss: expected log_probs of shape (T, N, C) or (T, C), got {tuple(log_probs.shape)}")
    x = log_probs[:, None] if single else log_probs
    n, classes = x.shape[1:]
    inputs, sizes = _lengths(input_lengths), _lengths(target_lengths)
    labels = _host(targets)
    if not 0 <= blank < classes:
        raise RuntimeError(f"blank must be in label range: got {blank} for {classes} classes")
    if len(inputs) != n or len(sizes) != n:
        raise RuntimeError(
            f"input_lengths and target_lengths must be of size batch_size {n}, got {len(inputs)} and {len(sizes)}"
        )
    if inputs.size and (inputs.min() < 0 or inputs.max() > x.shape[0]):
        raise RuntimeError(f"Expected input_lengths to have value at most {x.shape[0]}, but got value {inputs.max()}")
    padded = _padded(labels, sizes, blank, classes)
    loss = _ctc(x, padded, inputs, sizes, blank, zero_infinity, [])
    if reduction == "mean":
        lengths = to_device(np.maximum(sizes, 1).astype(loss.dtype), device_of(loss.array))
        return (loss / wrap(lengths)).mean()
    if reduction == "sum":
        return loss.sum()
    return loss[0] if single else loss
