"""Curves, histograms and images, each in one call; matplotlib comes with the `demo` extra."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np

from ..extras import require
from ..tensor import Tensor
from .numbers import host

__all__ = ["History", "attention", "confusion", "curves", "histograms", "images"]


def _array(value: Any) -> np.ndarray:
    """Any tensor or array, in main memory."""
    return host(value.array) if isinstance(value, Tensor) else np.asarray(value)


@cache
def _figure_class() -> type:
    """matplotlib's Figure, which a notebook shows without pyplot, its windows and its global state."""

    class Figure(require("matplotlib.figure", extra="demo").Figure):
        def _repr_png_(self) -> bytes:
            buffer = BytesIO()
            self.savefig(buffer, format="png", dpi=100)
            return buffer.getvalue()

    return Figure


def _figure(columns: int, rows: int, width: float, height: float) -> tuple[Any, np.ndarray]:
    """A figure and its axes, in rows."""
    figure = _figure_class()(figsize=(columns * width, rows * height), layout="constrained")
    return figure, np.asarray(figure.subplots(rows, columns, squeeze=False))


def curves(history: Any, *, log: bool = False) -> Any:
    """Plot training curves: what belongs together (`loss` and `val_loss`) in one frame.

    Args:
        history: a mapping from names to one number per epoch, or anything with such a mapping as `history`.
        log: logarithmic losses.

    Returns:
        A matplotlib Figure.

    >>> figure = curves({"loss": [2.0, 1.0, 0.5], "val_loss": [2.1, 1.3, 0.9], "accuracy": [0.3, 0.6, 0.8]})
    >>> len(figure.axes)
    2
    """
    data: Mapping[str, Sequence[float]] = history if isinstance(history, Mapping) else history.history
    groups: dict[str, list[str]] = {}
    for name, values in data.items():
        if np.ndim(_array(values)) == 1 and len(values):
            groups.setdefault(name.removeprefix("val_").removeprefix("test_").removeprefix("train_"), []).append(name)
    if not groups:
        raise ValueError("there is nothing to plot: expected names with one number per epoch")
    figure, axes = _figure(len(groups), 1, 4.5, 3.2)
    for axis, (title, names) in zip(axes[0], groups.items(), strict=True):
        for name in names:
            values = _array(data[name]).astype(float)
            axis.plot(
                np.arange(1, len(values) + 1), values, "--" if name.startswith("val") else "-", marker=".", label=name
            )
        axis.set(title=title, xlabel="epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)  # there is no epoch 1.25
        if log and "loss" in title:
            axis.set_yscale("log")
        axis.grid(alpha=0.3)
        axis.legend()
    return figure


class History:
    """Histograms of weights and gradients, noted from time to time while a model trains.

    >>> import autograd as ag
    >>> notes = History()
    >>> w = ag.ones(4, requires_grad=True)
    >>> for _ in range(3):
    ...     notes.note([("w", w)])
    >>> len(notes.weights["w"])
    3
    """

    def __init__(self, bins: int = 40):
        self.bins = bins
        self.weights: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
        self.gradients: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}

    def note(self, model: Any) -> None:
        """Take the histograms of a model's parameters, or of ``(name, tensor)`` pairs, as they are now."""
        named = model.named_parameters() if hasattr(model, "named_parameters") else model
        for name, tensor in named:
            self.weights.setdefault(name, []).append(self._histogram(tensor))
            if tensor.grad is not None:
                self.gradients.setdefault(name, []).append(self._histogram(tensor.grad))

    def _histogram(self, tensor: Tensor) -> tuple[np.ndarray, np.ndarray]:
        values = _array(tensor).ravel().astype(float)
        return np.histogram(values[np.isfinite(values)], self.bins)


def histograms(history: History, names: Sequence[str] | None = None) -> Any:
    """Plot weight and gradient histograms per layer over time: a row per parameter, the newest darkest.

    Args:
        history: what `History.note` took.
        names: which parameters; all if not given.

    Returns:
        A matplotlib Figure.
    """
    names = list(history.weights) if names is None else list(names)
    if not names:
        raise ValueError("there is nothing to plot: call history.note(model) while training")
    figure, axes = _figure(2, len(names), 4.2, 1.9)
    colors = require("matplotlib", extra="demo").colormaps["viridis_r"]
    for row, name in zip(axes, names, strict=True):
        for axis, what, table in ((row[0], "weight", history.weights), (row[1], "gradient", history.gradients)):
            entries = table.get(name, [])
            for i, (counts, edges) in enumerate(entries):
                color = colors(0.15 + 0.85 * i / max(len(entries) - 1, 1))
                axis.stairs(counts, edges, color=color, alpha=0.8)
            axis.set_title(f"{name}: {what}" if entries else f"{name}: no {what}", fontsize=9)
            axis.set_yticks([])
    return figure


def images(batch: Any, *, columns: int | None = None, titles: Sequence[Any] | None = None, limit: int = 64) -> Any:
    """Show images, feature maps or filters as a grid.

    Args:
        batch: (N, H, W); (N, C, H, W) with C = 1 or 3 as pictures, otherwise each channel as a picture; or one (H, W).
        columns: pictures per row.
        titles: one per picture.
        limit: at most this many.

    Returns:
        A matplotlib Figure.
    """
    array = _array(batch).astype(float)
    if array.ndim == 2:
        array = array[None]
    if array.ndim == 4:
        if array.shape[1] in (1, 3):
            array = array.transpose(0, 2, 3, 1)  # (N, H, W, C)
        else:
            array = array.reshape(-1, *array.shape[2:])  # (N · C, H, W)
    if array.ndim == 4 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim not in (3, 4):
        raise ValueError(f"expected images of shape (N, H, W) or (N, C, H, W), got {np.shape(_array(batch))}")
    array = array[:limit]
    columns = columns or min(len(array), 8)
    rows = -(-len(array) // columns)
    figure, axes = _figure(columns, rows, 1.3, 1.4 if titles is not None else 1.3)
    for axis in axes.ravel():
        axis.axis("off")
    for i, (axis, picture) in enumerate(zip(axes.ravel(), array, strict=False)):
        if picture.ndim == 3:  # colours are shown from their least to their greatest value
            low, high = picture.min(), picture.max()
            picture = (picture - low) / (high - low) if high > low else picture * 0
        axis.imshow(picture, cmap="gray" if picture.ndim == 2 else None, interpolation="nearest")
        if titles is not None and i < len(titles):
            axis.set_title(str(titles[i]), fontsize=8)
    return figure


def _rotation(words: Sequence[str]) -> int:
    """Degrees by which words below a picture are turned: only long ones."""
    return 90 if max(map(len, words), default=0) > 3 else 0


def attention(
    weights: Any, *, queries: Sequence[str] | None = None, keys: Sequence[str] | None = None, titles: Any = None
) -> Any:
    """Show attention weights as maps: a row per query, a column per key.

    Args:
        weights: (L, S), or (heads, L, S) for one map per head.
        queries: the L words at the side.
        keys: the S words below.
        titles: one per head.

    Returns:
        A matplotlib Figure.
    """
    array = _array(weights).astype(float)
    array = array[None] if array.ndim == 2 else array
    if array.ndim != 3:
        raise ValueError(
            f"expected attention weights of shape (L, S) or (heads, L, S), got {np.shape(_array(weights))}"
        )
    for words, axis, what in ((queries, 1, "queries"), (keys, 2, "keys")):
        if words is not None and len(words) != array.shape[axis]:
            raise ValueError(f"expected {array.shape[axis]} {what}, got {len(words)}")
    columns = min(len(array), 4)
    figure, axes = _figure(columns, -(-len(array) // columns), 3.4, 3.2)
    for axis in axes.ravel()[len(array) :]:
        axis.axis("off")
    picture = None
    for i, (axis, head) in enumerate(zip(axes.ravel(), array, strict=False)):
        picture = axis.imshow(head, cmap="magma", vmin=0, vmax=max(1e-12, float(np.nanmax(array))), aspect="auto")
        axis.set_title(titles[i] if titles is not None else f"head {i}" if len(array) > 1 else "", fontsize=9)
        if keys is not None:
            axis.set_xticks(range(len(keys)), keys, rotation=_rotation(keys), fontsize=8)
        if queries is not None:
            axis.set_yticks(range(len(queries)), queries, fontsize=8)
    figure.colorbar(picture, ax=list(axes.ravel()), shrink=0.7)
    return figure


def confusion(targets: Any, predictions: Any, *, labels: Sequence[Any] | None = None) -> Any:
    """Show a confusion matrix: how often each class was taken for each other.

    Args:
        targets: (N,) true classes.
        predictions: (N,) predicted classes, or (N, classes) scores.
        labels: names of the classes.

    Returns:
        A matplotlib Figure; its rows are true classes, its columns predicted ones.
    """
    true, given = _array(targets).astype(int).ravel(), _array(predictions)
    given = given.argmax(-1) if given.ndim == 2 else given
    given = given.astype(int).ravel()
    if true.shape != given.shape:
        raise ValueError(f"expected as many predictions as targets, got {given.size} and {true.size}")
    count = max(int(max(true.max(initial=-1), given.max(initial=-1))) + 1, len(labels or ()))
    if not count:
        raise ValueError("there is nothing to show: no targets")
    matrix = np.zeros((count, count), int)
    np.add.at(matrix, (true, given), 1)
    names = list(map(str, labels if labels is not None else range(count)))
    figure, axes = _figure(1, 1, 1.6 + 0.38 * count, 1.4 + 0.36 * count)
    axis = axes[0, 0]
    rate = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    axis.imshow(rate, cmap="Blues", vmin=0, vmax=1)
    for (i, j), number in np.ndenumerate(matrix):
        if number:
            axis.text(
                j, i, str(number), ha="center", va="center", fontsize=8, color="white" if rate[i, j] > 0.5 else "black"
            )
    axis.set_xticks(range(count), names, rotation=_rotation(names))
    axis.set_yticks(range(count), names)
    accuracy = float((true == given).mean())
    axis.set(xlabel="predicted", ylabel="true", title=f"{accuracy:.1%} right")
    return figure
