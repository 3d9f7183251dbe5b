"""What a model must do before it is worth training; each failure names the dotted path at fault.

Models of gradloom and of PyTorch are taken alike.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

import numpy as np

from autograd.testing.libraries import Gradloom, Library, Torch, library_for, to_array
from autograd.testing.packing import eps_of, flatten, is_inexact

__all__ = [
    "assert_all_parameters_get_gradients",
    "assert_batch_independent",
    "assert_causal",
    "assert_deterministic",
    "assert_overfits",
]


def assert_all_parameters_get_gradients(model: Any, loss: Any, *, allow: Collection[str] = ()) -> None:
    """Assert that a loss depends on every parameter that requires grad.

    Args:
        model: the module.
        loss: a scalar tensor computed from it, or a function of the model that gives one.
        allow: dotted names, or prefixes of them, that may stay without gradient.

    Raises:
        AssertionError: naming the parameters that get none, only zeros, NaN or infinity.

    >>> import autograd, nn
    >>> model = nn.Linear(2, 1)
    >>> assert_all_parameters_get_gradients(model, lambda m: m(autograd.ones(3, 2)).sum())
    """
    __tracebackhide__ = True
    library: Any = _library_of(model)
    value = loss(model) if callable(loss) and not library.is_tensor(loss) else loss
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    if not named:
        raise AssertionError(f"{_kind(model)} has no parameter that requires grad")
    if not value.requires_grad:
        raise AssertionError(f"the loss of {_kind(model)} does not depend on any parameter: its graph is cut")
    gradients = library.grad([value], [p for _, p in named], [library.constant(_ones(library, value))], True)
    wrong = []
    for (name, parameter), gradient in zip(named, gradients, strict=True):
        if any(name == prefix or name.startswith(prefix + ".") for prefix in allow):
            continue
        shape = tuple(parameter.shape)
        if gradient is None:
            wrong.append(f"{name} {shape}: no gradient, the loss does not depend on it")
            continue
        array = library.numpy(gradient)
        if not np.all(np.isfinite(array)):
            wrong.append(f"{name} {shape}: {int(np.sum(~np.isfinite(array)))} of {array.size} elements are not finite")
        elif array.size and not np.any(array):
            wrong.append(f"{name} {shape}: every element of the gradient is 0")
    if wrong:
        text = f"{len(wrong)} of {len(named)} parameters of {_kind(model)} get no usable gradient:\n  "
        raise AssertionError(text + "\n  ".join(wrong[:20]))


def assert_deterministic(train: Callable[[], Any], *, runs: int = 2) -> None:
    """Assert that a training function gives the same bits each time.

    Args:
        train: a function without arguments that seeds itself, and returns what is to be equal: a
            model, a tensor, a list of losses, or dicts and tuples of these.
        runs: how often to run it.

    Raises:
        AssertionError: naming the first parameter or number that differs.

    >>> import autograd
    >>> assert_deterministic(lambda: autograd.randn(3, generator=autograd.Generator().manual_seed(1)))
    """
    __tracebackhide__ = True
    first = list(_contents(train()))
    for run in range(1, runs):
        again = list(_contents(train()))
        if [name for name, _ in first] != [name for name, _ in again]:
            raise AssertionError(f"run {run + 1} returned other things than run 1: {[n for n, _ in again][:10]}")
        for (name, a), (_, b) in zip(first, again, strict=True):
            same = a.shape == b.shape and (a == b) | ((a != a) & (b != b))
            if not np.all(same):
                index = tuple(int(i) for i in np.argwhere(~np.asarray(same))[0]) if a.shape == b.shape else ()
                raise AssertionError(
                    f"two runs differ in {name or 'the result'} at {list(index)}: {a[index]!r}, then {b[index]!r} "
                    f"({int(np.sum(~np.asarray(same)))} of {a.size} elements)"
                )


def assert_overfits(
    model: Any,
    batch: Any,
    *,
    loss: Callable | None = None,
    steps: int = 300,
    lr: float = 1e-2,
    below: float = 0.02,
) -> None:
    """Assert that a model can drive the loss of one tiny batch to near zero.

    A model that cannot learn eight samples by heart has a bug, not too little data. Its parameters
    and buffers are put back afterwards.

    Args:
        model: the module; its mode (train or eval) is left as it is.
        batch: (inputs, targets); several inputs as a tuple.
        loss: `loss(output, targets)`; default cross-entropy for integer targets, else squared error.
        steps: number of steps of Adam.
        lr: its learning rate.
        below: the fraction of the first loss to get below.

    Raises:
        AssertionError: with the losses, and the parameters that hardly moved.

    >>> import autograd, nn
    >>> x = autograd.eye(4)
    >>> assert_overfits(nn.Linear(4, 4), (x, x), lr=0.1)
    """
    __tracebackhide__ = True
    library: Any = _library_of(model)
    inputs, targets = batch
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    criterion = loss or _default_loss(library, targets)
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    buffers = [b for _, b in model.named_buffers()]
    tensors = [p for _, p in named] + buffers
    kept = [(t, library.get(t), np.array(to_array(t))) for t in tensors]
    grads = [p.grad for _, p in named]
    try:
        losses, moved = _fit(library, model, inputs, targets, criterion, named, steps, lr, below)
    finally:
        for tensor, content, array in kept:
            library.put(tensor, content)
            content[...] = library.get(library.constant(array))
        for (_, parameter), grad in zip(named, grads, strict=True):
            parameter.grad = grad
    if not losses[-1] <= below * losses[0]:
        still = sorted(moved.items(), key=lambda item: item[1])[:5]
        spelled = ", ".join(f"{name} (moved by {100 * change:.2g} %)" for name, change in still)
        raise AssertionError(
            f"{_kind(model)} cannot learn one batch: the loss went from {losses[0]:.4g} to {losses[-1]:.4g} in "
            f"{len(losses) - 1} steps, expected at most {below * losses[0]:.4g}; least moved: {spelled}"
        )


def _fit(library, model, inputs, targets, criterion, named, steps, lr, below) -> tuple[list[float], dict[str, float]]:
    """Adam, written out so that no optimizer is under suspicion."""
    parameters = [p for _, p in named]
    start = [np.array(to_array(p)) for p in parameters]
    first, second = [0.0] * len(named), [0.0] * len(named)
    losses: list[float] = []
    for step in range(1, steps + 2):
        value = criterion(model(*inputs), targets)
        losses.append(float(library.numpy(value)))
        if step > steps or losses[-1] <= below * losses[0] * 0.5 or not np.isfinite(losses[-1]):
            break
        gradients = library.grad([value], parameters, [library.constant(_ones(library, value))], False)
        for i, (parameter, gradient) in enumerate(zip(parameters, gradients, strict=True)):
            if gradient is None:
                continue
            g, content = library.get(gradient), library.get(parameter)
            first[i] = 0.9 * first[i] + 0.1 * g
            second[i] = 0.99 * second[i] + 0.01 * g * g
            size = (second[i] / (1 - 0.99**step)) ** 0.5 + 1e-12
            library.put(parameter, content - lr * (first[i] / (1 - 0.9**step)) / size)
    moved = {}
    for (name, parameter), before in zip(named, start, strict=True):
        change = np.linalg.norm(np.asarray(to_array(parameter)) - before)
        moved[name] = float(change / (np.linalg.norm(before) or 1.0))
    return losses, moved


def assert_batch_independent(model: Any, x: Any, *, dim: int = 0, seed: int = 0) -> None:
    """Assert that no sample of a batch influences the output of another.

    Batch norm in training mode fails, and so does a reshape that mixes the batch with something.

    Args:
        model: a module or function of x.
        x: a batch of at least two samples, as tensor or array.
        dim: the batch dimension of input and output.
        seed: for what the other samples are replaced by.

    Raises:
        AssertionError: with the samples, and the innermost module whose output leaked first.

    >>> import autograd, nn
    >>> assert_batch_independent(nn.Linear(3, 2), autograd.ones(4, 3))
    """
    __tracebackhide__ = True
    probe = _Probe(model, x, dim, seed)
    for kept in {0, probe.length - 1}:
        others = np.arange(probe.length) != kept
        leak = probe.leak(others, np.array([kept]))
        if leak:
            raise AssertionError(
                f"{_kind(model)} mixes the samples of a batch: other samples than {kept} were changed, and "
                f"the output for sample {kept} changed by {leak.size:.2g}, first in {leak.where}"
            )


def assert_causal(model: Any, x: Any, *, dim: int = 1, seed: int = 0) -> None:
    """Assert that the output at each position depends on this and earlier positions only.

    Args:
        model: a module or function of x.
        x: a batch of sequences of at least two positions: token numbers or vectors.
        dim: the position's dimension in input and output.
        seed: for what the later positions are replaced by.

    Raises:
        AssertionError: with the position, and the innermost module whose output leaked first.

    >>> import autograd
    >>> assert_causal(lambda x: autograd.cumsum(x, 1), autograd.ones(2, 5))
    """
    __tracebackhide__ = True
    probe = _Probe(model, x, dim, seed)
    positions = np.arange(probe.length)
    for last in np.unique(np.linspace(0, probe.length - 2, min(probe.length - 1, 8)).astype(int)):
        leak = probe.leak(positions > last, positions[: last + 1])
        if leak:
            raise AssertionError(
                f"{_kind(model)} looks into the future: only positions after {last} were changed, and the output "
                f"at positions up to {last} changed by {leak.size:.2g}, first in {leak.where}"
            )


class _Leak:
    """How much changed that should not have, and where it showed first."""

    def __init__(self, size: float, where: str) -> None:
        self.size, self.where = size, where


class _Probe:
    """Runs a model on x and on changed copies of x, and compares what every submodule gives."""

    def __init__(self, model: Any, x: Any, dim: int, seed: int) -> None:
        self.model, self.dim = model, dim
        self.array = np.array(to_array(x))
        if self.array.ndim <= dim or self.array.shape[dim] < 2:
            raise ValueError(f"expected at least 2 entries along dim {dim} of x, got shape {self.array.shape}")
        self.length = self.array.shape[dim]
        self.library: Any = library_for([x], model)
        self.rng = np.random.default_rng(seed)
        self.before = self.run(self.array)
        for (name, a), (_, b) in zip(self.before, self.run(self.array), strict=True):
            if not np.array_equal(a, b, equal_nan=True):
                raise ValueError(
                    f"expected the same output twice, but {name or _kind(model)} is random: "
                    "call model.eval(), or seed it in forward"
                )

    def run(self, array: np.ndarray) -> list[tuple[str, np.ndarray]]:
        """Outputs of all submodules in the order in which they finish, the model's own last."""
        seen: list[tuple[str, np.ndarray]] = []
        handles = []
        if hasattr(self.model, "named_modules"):
            for name, module in self.model.named_modules():
                if name:
                    handles.append(module.register_forward_hook(_recorder(name, seen)))
        try:
            seen += [("", a) for a in _outputs(self.model(self.library.constant(array.copy())))]
        finally:
            for handle in handles:
                handle.remove()
        return seen

    def leak(self, change: np.ndarray, keep: np.ndarray) -> _Leak | None:
        """Change entries of x along dim; did an output change where it was to stay?"""
        after = self.run(self._changed(change))
        size, where, compared = 0.0, "", False
        for (name, a), (_, b) in zip(self.before, after, strict=True):
            if a.ndim <= self.dim or a.shape[self.dim] != self.length or a.shape != b.shape:
                continue  # a recurrent layer's last state, for instance
            compared = compared or not name
            a, b = np.take(a, keep, self.dim), np.take(b, keep, self.dim)
            change_here = float(np.max(np.abs(a - b), initial=0.0))
            scale = float(np.max(np.abs(a), initial=0.0))
            tolerance = 100 * eps_of(a.dtype) * scale if is_inexact(a.dtype) else 0.0
            if not change_here <= tolerance:
                where = where or name or _kind(self.model)
                size = change_here
                if not name:
                    return _Leak(size, repr(where))
        if not compared:
            shapes = [a.shape for name, a in self.before if not name]
            raise ValueError(f"expected an output with {self.length} entries along dim {self.dim}, got {shapes}")
        return None

    def _changed(self, change: np.ndarray) -> np.ndarray:
        array = np.moveaxis(self.array.copy(), self.dim, 0)
        part = array[change]
        if is_inexact(array.dtype):
            part = part + (1 + np.abs(part)) * self.rng.normal(size=part.shape).astype(array.dtype)
        elif array.dtype == bool:
            part = ~part
        else:  # token numbers: other ones that occur, so that they are in the vocabulary
            low, high = int(array.min()), int(array.max())
            if low == high:
                raise ValueError(f"expected x to hold different numbers, got only {low}")
            part = low + (part - low + self.rng.integers(1, high - low + 1, part.shape)) % (high - low + 1)
        array[change] = part
        return np.moveaxis(array, 0, self.dim)


def _recorder(name: str, seen: list[tuple[str, np.ndarray]]) -> Callable:
    def record(module: Any, inputs: Any, output: Any) -> None:
        seen.extend((name, array) for array in _outputs(output))

    return record


def _outputs(result: Any) -> list[np.ndarray]:
    arrays = [to_array(value) for _, value in flatten(result) if hasattr(value, "shape")]
    return [np.array(a) for a in arrays if a is not None]


def _contents(value: Any) -> Iterator[tuple[str, np.ndarray]]:
    for path, leaf in flatten(value):
        if hasattr(leaf, "state_dict"):
            for key, tensor in leaf.state_dict().items():
                array = to_array(tensor)
                if array is not None:
                    yield f"{path}.{key}".lstrip("."), np.array(array)
        else:
            array = to_array(leaf)
            yield path, np.array(leaf if array is None else array)


def _library_of(model: Any) -> Library:
    library = library_for([], model)
    return library if isinstance(library, Gradloom | Torch) else Gradloom()


def _kind(model: Any) -> str:
    return getattr(model, "__name__", None) or type(model).__name__


def _ones(library: Any, value: Any) -> np.ndarray:
    return np.ones_like(library.numpy(value))


def _default_loss(library: Any, targets: Any) -> Callable:
    array = np.asarray(to_array(targets))
    if is_inexact(array.dtype):
        return lambda output, y: ((output - y) ** 2).mean()
    classes = array.astype(np.int64)

    def cross_entropy(output: Any, _: Any) -> Any:
        onehot = np.eye(output.shape[-1], dtype=library.numpy(output).dtype)[classes]
        # The maximum is taken out as a constant, which changes nothing but overflow.
        top = library.constant(library.numpy(output).max(axis=-1, keepdims=True))
        shifted = output - top
        return (shifted.exp().sum(-1).log() - (shifted * library.constant(onehot)).sum(-1)).mean()

    return cross_entropy
