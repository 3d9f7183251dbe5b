"""Trainer: `fit`, `evaluate` and `predict`, for people who come from Keras.

It is a short class around the loop that the README shows; what else can be done while training is a callback.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
import math
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

import autograd as ag
from autograd.creation import tensor
from autograd.data import DataLoader, TensorDataset
from autograd.extras import require
from autograd.random import Generator
from autograd.tensor import Tensor

from .callbacks import Callback, ModelCheckpoint
from .metrics import Metric, metric
from .module import Module
from .utils.clip_grad import clip_grad_norm_

__all__ = ["History", "Trainer"]


class History:
    """What happened in training: ``.history["val_loss"]`` has a number for each epoch, `epoch` their numbers."""

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}
        self.interrupted = False

    def append(self, epoch: int, logs: dict[str, float]) -> None:
        """Add an epoch."""
        self.epoch.append(epoch)
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {values[-1]:.4g}" for name, values in self.history.items())
        return f"<History of {len(self.epoch)} epochs: {last}>"


class Trainer:
    """Trains a model.

    Args:
        model: the module to train.
        optimizer: over its parameters.
        loss: a loss module or function, of (prediction, target).  What is reported is its mean over the samples, each
            batch counting by its size; of a loss with ``reduction="sum"``, its sum.
        metrics: names ("accuracy", "top_5", any function of `sklearn.metrics`), `Metric`s, or functions of
            (targets, predictions).

    >>> import autograd as ag, nn, optim
    >>> x = ag.linspace(-1, 1, 64).reshape(-1, 1)
    >>> model = nn.Linear(1, 1)
    >>> trainer = Trainer(model, optim.Adam(model.parameters(), lr=0.1), nn.MSELoss())
    >>> history = trainer.fit(x, 2 * x + 1, epochs=60, batch_size=16)
    >>> history.history["loss"][-1] < 1e-2
    True
    """

    def __init__(self, model: Module, optimizer: Any, loss: Callable, metrics: Sequence[Any] = ()):
        for what, value, method, example in (
            ("optimizer", optimizer, "step", "optim.Adam(model.parameters())"),
            ("loss", loss, "__call__", "nn.MSELoss()"),
        ):
            if isinstance(value, type) or not hasattr(value, method):
                raise TypeError(f"expected the {what} itself, for example {example}, got {value!r}")
        self.model, self.optimizer, self.loss = model, optimizer, loss
        self.metrics: list[Metric] = [metric(m, loss) for m in metrics]
        self.callbacks: list[Callback] = []
        self.generators: list[Generator] = []  # of the order of the samples
        self.history = History()
        self.stop = False  # a callback sets this to end the training after the epoch

    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        epochs: int = 1,
        batch_size: int = 32,
        validation_data: Any = None,
        validation_split: float = 0.0,
        callbacks: Sequence[Callback] = (),
        class_weight: dict[int, float] | None = None,
        shuffle: bool = True,
        accumulate: int = 1,
        clip_norm: float | None = None,
        eval_train: bool = False,
        progress: bool | None = None,
        generator: Any = None,
    ) -> History:
        """Train for some epochs; more calls go on where the last one stopped.

        Args:
            x, y: inputs and targets with N samples in dimension 0 (Tensors or arrays; a tuple of several inputs); or a
                DataLoader alone.
            epochs: passes over the data.
            batch_size: samples per step, when `x` is data.
            validation_data: ``(x, y)`` or a DataLoader, evaluated after each epoch.
            validation_split: without `validation_data`, this share of the samples, from the end, is held out.
            callbacks: see `nn.callbacks`.
            class_weight: factor of the loss for samples of a class.
            shuffle: new order of the samples in each epoch.
            accumulate: batches whose gradients make one step; their mean counts.
            clip_norm: bound on the norm of the gradient of all parameters.
            eval_train: report loss and metrics on the training data as `evaluate` gives them after the epoch, rather than
                their running averages while the weights change.
            progress: show a progress bar; by default where a terminal or a notebook watches.
            generator: of the order of the samples.

        Returns:
            The History.  Ctrl-C ends the training after the current step and returns it too, with `interrupted` set; a
            second Ctrl-C is a KeyboardInterrupt.
        """
        if validation_split and validation_data is None:
            x, y, validation_data = _held_out(x, y, validation_split)
        loader = _loader(x, y, batch_size, shuffle, generator)
        self.generators = _generators(loader)
        # A checkpoint is of what the others have done, whatever the order they came in.
        told = self.callbacks = sorted(callbacks, key=lambda callback: isinstance(callback, ModelCheckpoint))
        weights = None if class_weight is None else _class_weights(class_weight)
        self.stop = self.history.interrupted = False
        for callback in told:
            callback.trainer = self
            callback.on_fit_begin()
        first = len(self.history.epoch)
        # After a checkpoint brought back earlier epochs, `epochs` counts those too.
        last = epochs if any(getattr(c, "resumed", False) for c in told) else first + epochs
        with _interruptible(self.history), _bar(progress, loader, last - first) as bar:
            for epoch in range(first, last):
                _tell(told, "on_epoch_begin", epoch)
                logs = self._epoch(loader, told, weights, accumulate, clip_norm, bar)
                if self.history.interrupted:
                    break
                if eval_train:
                    logs = self.evaluate(loader)
                if validation_data is not None:
                    held = (validation_data,) if isinstance(validation_data, DataLoader) else tuple(validation_data)
                    scores = self.evaluate(*held, batch_size=batch_size)
                    logs |= {f"val_{name}": value for name, value in scores.items()}
                self.history.append(epoch, logs)
                bar.set_postfix({name: f"{value:.4g}" for name, value in logs.items()})
                _tell(told, "on_epoch_end", epoch, logs)
                if self.stop or self.history.interrupted:
                    break
        _tell(told, "on_fit_end")
        self.model.eval()
        return self.history

    def _epoch(
        self, loader: Any, told: list, weights: Any, accumulate: int, clip_norm: float | None, bar: Any
    ) -> dict[str, float]:
        """One pass over the training data; returns the averages on the way."""
        self.model.train()
        total = self._begin()
        batches, done = iter(loader), 0
        while not self.history.interrupted and (step := list(itertools.islice(batches, accumulate))):
            self.optimizer.zero_grad()
            for batch in step:
                inputs, target = self._split(batch)
                prediction = self.model(*inputs)
                loss = self._loss(prediction, target, weights)
                (loss if len(step) == 1 or self._summed else loss / len(step)).backward()
                total.add(loss.item(), len(target))
                for m in self.metrics:
                    m.update(prediction, target)
            if clip_norm is not None:
                clip_grad_norm_(self.model.parameters(), clip_norm)
            _tell(told, "on_step", done)
            self.optimizer.step()
            _tell(told, "on_step_end", done, loss.item())
            done += 1
            bar.update(len(step))
        return self._scores(total)

    def _loss(self, prediction: Tensor, target: Tensor, weights: Any) -> Tensor:
        if weights is None:
            return self.loss(prediction, target)
        loss = self.loss
        if isinstance(loss, Module):
            loss = copy.copy(loss)
            loss.reduction = "none"
            each = loss(prediction, target)
        else:
            each = loss(prediction, target, reduction="none")
        weighted = each * weights(target, each)
        return weighted.sum() if self._summed else weighted.mean()

    @property
    def _summed(self) -> bool:
        return getattr(self.loss, "reduction", None) == "sum"

    def _begin(self) -> _Average:
        for m in self.metrics:
            m.reset()
        return _Average(self._summed)

    def _scores(self, total: _Average) -> dict[str, float]:
        return {"loss": total.value, **{m.name: m.compute() for m in self.metrics}}

    def _split(self, batch: Any) -> tuple[Sequence, Tensor]:
        """A batch as inputs and target, its last part, where the model is."""
        if not isinstance(batch, (tuple, list)) or len(batch) < 2:
            raise TypeError(f"expected batches (inputs…, target), got {type(batch).__name__}")
        where = next((p.device for p in self.model.parameters()), None)
        *inputs, target = (part.to(where) if where and isinstance(part, Tensor) else part for part in batch)
        return inputs, target

    @ag.no_grad()
    def evaluate(self, x: Any, y: Any = None, *, batch_size: int = 32) -> dict[str, float]:
        """The loss and the metrics on some data, in eval mode, each sample counting once."""
        total = self._begin()
        with _watching(self.model):
            for batch in _loader(x, y, batch_size, shuffle=False, generator=None):
                inputs, target = self._split(batch)
                prediction = self.model(*inputs)
                total.add(self.loss(prediction, target).item(), len(target))
                for m in self.metrics:
                    m.update(prediction, target)
        return self._scores(total)

    @ag.no_grad()
    def predict(self, x: Any, *, batch_size: int = 32) -> Tensor:
        """The model's outputs for `x` (data, or a DataLoader, whose targets are not looked at), in eval mode."""
        if not isinstance(x, DataLoader):
            parts = _tensors(x)
            # The first part stands for the target, which is not looked at.
            x = _loader(parts, parts[0], batch_size, shuffle=False, generator=None)
        with _watching(self.model):
            return ag.cat([self.model(*self._split(batch)[0]) for batch in x])

    # ---- stopping and going on -----------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Everything that training needs to go on as if it had not stopped: see `nn.callbacks.ModelCheckpoint`."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": list(self.history.epoch),
            "history": {name: list(values) for name, values in self.history.history.items()},
            "random": [ag.get_rng_state(), *(g.get_state() for g in self.generators)],
            "callbacks": [callback.state_dict() for callback in self.callbacks],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state, with the same data and callbacks."""
        if len(state["callbacks"]) != len(self.callbacks):
            raise ValueError(
                f"expected the {len(state['callbacks'])} callbacks of the state, got {len(self.callbacks)}"
            )
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.history.epoch = list(state["epoch"])
        self.history.history = {name: list(values) for name, values in state["history"].items()}
        default, *others = state["random"]
        ag.set_rng_state(default)
        for generator, saved in zip(self.generators, others, strict=True):
            generator.set_state(saved)
        for callback, saved in zip(self.callbacks, state["callbacks"], strict=True):
            callback.load_state_dict(saved)


def _generators(loader: Any) -> list[Generator]:
    """The generators of its own, if any, from which a loader draws the order of the samples."""
    owners = (loader, getattr(loader, "sampler", None), getattr(loader, "batch_sampler", None))
    found = (getattr(owner, "generator", None) for owner in owners)
    return list({id(g): g for g in found if isinstance(g, Generator)}.values())


@contextlib.contextmanager
def _watching(model: Module) -> Iterator[None]:
    """Eval mode for a while; random numbers drawn meanwhile do not change the training."""
    was_training, before = model.training, ag.get_rng_state()
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)
        ag.set_rng_state(before)


class _Average:
    """A mean over samples of which each batch gives its own mean; or a sum, of which each gives its own."""

    def __init__(self, summed: bool) -> None:
        self.summed, self.total, self.count = summed, 0.0, 0

    def add(self, loss: float, count: int) -> None:
        self.total += loss if self.summed else loss * count
        self.count += count

    @property
    def value(self) -> float:
        if not self.count:
            return math.nan
        return self.total if self.summed else self.total / self.count


def _tell(callbacks: list[Callback], event: str, *args: Any) -> None:
    for callback in callbacks:
        getattr(callback, event)(*args)


def _tensors(x: Any) -> tuple[Tensor, ...]:
    parts = x if isinstance(x, tuple) else (x,)
    made = []
    for part in parts:
        wide = isinstance(part, np.ndarray) and part.dtype == np.float64
        made.append(ag.as_tensor(part, ag.get_default_dtype() if wide else None))
    return tuple(made)


def _loader(x: Any, y: Any, batch_size: int, shuffle: bool, generator: Any) -> Any:
    if y is None:
        if not hasattr(x, "__iter__") or isinstance(x, (Tensor, np.ndarray)):
            raise TypeError(f"expected data x and targets y, or a DataLoader, got {type(x).__name__} alone")
        return x
    parts = (*_tensors(x), *_tensors(y))
    if len({len(p) for p in parts}) != 1:
        raise ValueError(f"x and y must have as many samples, got {[len(p) for p in parts]}")
    return DataLoader(TensorDataset(*parts), batch_size=batch_size, shuffle=shuffle, generator=generator)


def _held_out(x: Any, y: Any, share: float) -> tuple[Any, Any, tuple]:
    """The samples before and after the cut, which is where Keras cuts."""
    if isinstance(x, DataLoader) or y is None or not 0 < share < 1:
        raise ValueError(f"validation_split needs data x, y and a share between 0 and 1, got {share}")
    xs, (target,) = _tensors(x), _tensors(y)
    cut = math.floor(len(target) * (1 - share))
    if not 0 < cut < len(target):
        raise ValueError(
            f"validation_split={share} of {len(target)} samples leaves nothing to train on or to validate on"
        )
    return tuple(p[:cut] for p in xs), target[:cut], (tuple(p[cut:] for p in xs), target[cut:])


def _class_weights(class_weight: dict[int, float]) -> Callable[[Tensor, Tensor], Tensor]:
    table = np.ones(max(class_weight) + 1)
    for cls, weight in class_weight.items():
        table[cls] = weight

    def weights(target: Tensor, each: Tensor) -> Tensor:
        classes = target.detach().cpu().numpy()
        if classes.ndim == each.ndim + 1:  # probabilities, or one-hot
            classes = classes.argmax(1)
        if classes.ndim != each.ndim:
            raise ValueError(
                f"class_weight needs a loss per sample: targets of shape {classes.shape}, losses {tuple(each.shape)}"
            )
        known = (classes >= 0) & (classes < len(table))
        found = np.where(known, table[np.where(known, classes, 0).astype(np.int64)], 1.0)
        return tensor(found, dtype=each.dtype, device=each.device)

    return weights


@contextlib.contextmanager
def _interruptible(history: History) -> Iterator[None]:
    """Let the first Ctrl-C end the training after the step that is running."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def once(signum: int, frame: Any) -> None:
        history.interrupted = True
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, once)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _NoBar:
    def update(self, n: int) -> None: ...

    def set_postfix(self, values: dict) -> None: ...


@contextlib.contextmanager
def _bar(progress: bool | None, loader: Any, epochs: int) -> Iterator[Any]:
    """A progress bar, where somebody watches."""
    watched = sys.stderr.isatty() or "ipykernel" in sys.modules
    if progress is False or (progress is None and not watched):
        yield _NoBar()
        return
    total = None
    with contextlib.suppress(TypeError):  # a stream does not know its length
        total = len(loader) * max(epochs, 0)
    with require("tqdm.auto", extra="demo").tqdm(total=total, unit="batch") as bar:
        yield bar
