"""A function at a point, as the checker sees it: one real vector in, one out, calls counted."""

from __future__ import annotations

import contextlib
import inspect
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from autograd.testing.libraries import HandWritten, Library, is_differentiable, library_for, to_array
from autograd.testing.numeric import Plan, typical_size
from autograd.testing.packing import Layout, eps_of, flatten, is_inexact, unflatten

__all__ = ["Problem", "Target", "describe", "twin_dtype"]


def twin_dtype(dtype: Any) -> np.dtype:
    """The double-precision dtype of the same kind."""
    return np.dtype(np.complex128 if np.dtype(dtype).kind == "c" else np.float64)


class Target:
    """What is checked: the function on a flat list of leaves, and the arrays to put there.

    Args:
        f: a function, or a module of gradloom or PyTorch, whose parameters are checked by name.
        inputs: tensors, arrays, nested lists of them, and anything else, which is passed on.
        wrt: positions or names of the inputs to check; by default those that require grad, or all
            of floating dtype when none does.
    """

    def __init__(self, f: Any, inputs: Sequence[Any], wrt: Any = None, library: Library | None = None) -> None:
        self.f, self.inputs = f, list(inputs)
        self.arguments = names = argument_names(f, len(inputs), library)
        flat = [leaf for i, name in enumerate(names) for leaf in flatten(self.inputs[i], name)]
        tops = [i for i, name in enumerate(names) for _ in flatten(self.inputs[i], name)]
        self.library = library or library_for([value for _, value in flat], f)
        chosen = _choose(flat, tops, wrt, names)
        self.places = chosen
        self.flat = [value for _, value in flat]
        self.constants = {
            i: to_array(value) for i, value in enumerate(self.flat) if i not in chosen and not _is_plain(value)
        }
        self.names = [flat[i][0] for i in chosen]
        self.arrays = [np.array(to_array(flat[i][1])) for i in chosen]
        self.parameters: list[Any] = []
        self.buffers: list[Any] = []
        if hasattr(f, "named_parameters"):
            for name, parameter in f.named_parameters():
                if parameter.requires_grad and (wrt is None or name in _as_tuple(wrt)):
                    self.parameters.append(parameter)
                    self.names.append(name)
                    self.arrays.append(np.array(to_array(parameter)))
            if hasattr(f, "named_buffers"):
                self.buffers = [b for _, b in f.named_buffers() if is_differentiable(b)]
        if not self.arrays:
            raise ValueError(
                "expected at least one differentiable input, got "
                f"{[type(v).__name__ for v in self.flat] or 'none'}; pass a floating array or tensor"
            )
        if isinstance(self.library, HandWritten):
            self.library.rebuild = lambda leaves: self._arguments(leaves, self.twin)
        self.twin = True  # are constants cast to double precision?
        self.output_names: list[str] = []

    def call(self, leaves: list[Any]) -> list[Any]:
        """Run f on leaves; its floating outputs, flat, in order."""
        result = self.f(*self._arguments(leaves, self.twin))
        named = [(name, out) for name, out in flatten(result, "out") if is_output(out)]
        if not named:
            raise TypeError(
                "expected f to return a floating tensor, a number or a tuple or dict of them, got "
                f"{type(result).__name__}"
            )
        self.output_names = [name for name, _ in named]
        return [out for _, out in named]

    def _arguments(self, leaves: Sequence[Any], twin: bool) -> list[Any]:
        values = list(self.flat)
        for place, leaf in zip(self.places, leaves, strict=False):
            values[place] = leaf
        for place, array in self.constants.items():
            if array is not None:
                cast = twin and is_inexact(array.dtype)
                # A copy: a function that writes to its constants must not spoil the next call.
                fresh = np.array(array, twin_dtype(array.dtype) if cast else None)
                values[place] = self.library.constant(fresh)
        return list(unflatten(self.inputs, iter(values)))

    def leaves(self, arrays: Sequence[np.ndarray]) -> list[Any]:
        """Leaf tensors that hold the arrays; a module's parameters hold theirs themselves."""
        n = len(arrays) - len(self.parameters)
        into = [None] * n + self.parameters
        return [self.library.leaf(a, p) for a, p in zip(arrays, into, strict=True)]

    @contextlib.contextmanager
    def preserved(self) -> Iterator[None]:
        """Give a module its own parameters, gradients and buffers back at the end."""
        library: Any = self.library
        if not self.parameters and not self.buffers:
            yield
            return
        kept = [(p, library.get(p), p.grad) for p in self.parameters]
        buffers = [(b, library.get(b), np.array(to_array(b))) for b in self.buffers]
        for buffer, _, array in buffers:
            library.put(buffer, library.get(library.constant(array.astype(twin_dtype(array.dtype)))))
        try:
            yield
        finally:
            for parameter, content, grad in kept:
                library.put(parameter, content)
                parameter.grad = grad
            for buffer, content, array in buffers:
                content[...] = library.get(library.constant(array))
                library.put(buffer, content)


class Problem:
    """A call at a point, with vectors for numerics and arrays for the other checks."""

    def __init__(
        self,
        library: Library,
        call: Callable[[list[Any]], list[Any]],
        make_leaves: Callable[[Sequence[np.ndarray]], list[Any]],
        names: Sequence[str],
        arrays: Sequence[np.ndarray],
        method: str = "ridders",
    ) -> None:
        self.library, self.call, self.make_leaves = library, call, make_leaves
        self.n_forward = self.n_backward = 0
        self.inputs = Layout(names, arrays)
        self.x = self.inputs.pack(arrays)
        self.typical = np.concatenate(
            [np.full(s.size, typical_size(self.x[s.start : s.stop])) for s in self.inputs.slots] or [np.zeros(0)]
        )
        outputs = self.values(arrays)
        self.outputs = Layout([f"out[{i}]" for i in range(len(outputs))], outputs)
        self.y = self.outputs.pack(outputs)
        precision = max((eps_of(o.dtype) for o in outputs), default=0.0)
        self.precision = np.dtype(np.float64 if precision < 1e-12 else np.float32 if precision < 1e-5 else np.float16)
        self.method = method
        self.plan = Plan.for_dtype(self.precision, method)

    def name_outputs(self, names: Sequence[str]) -> None:
        arrays = self.outputs.unpack(self.y)
        self.outputs = Layout(names, arrays)

    def values(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Outputs at fresh leaves holding the arrays."""
        self.n_forward += 1
        return self.library.values(self.call, self.make_leaves(arrays))

    def gradients(self, arrays: Sequence[np.ndarray], cotangents: Sequence[np.ndarray]) -> list[Any]:
        """Gradients (arrays or None) at fresh leaves, as the library gives them."""
        self.n_forward += 1
        self.n_backward += 1
        return self.library.pullback(self.call, self.make_leaves(arrays), list(cotangents))

    def forward(self, x: np.ndarray) -> np.ndarray:
        """f as a function of vectors; complex x means a complex step."""
        dtypes = None
        if x.dtype.kind == "c":
            dtypes = [np.dtype(np.complex128)] * len(self.inputs.slots)
        outputs = self.values(self.inputs.unpack(x, dtypes))
        if x.dtype.kind == "c":
            return np.concatenate([np.asarray(o, np.complex128).ravel() for o in outputs])
        return self.outputs.pack(outputs)

    def pullback(self, x: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Gradient of <u, f> at x as a vector; None counts as zeros."""
        return self.inputs.pack(self.gradients(self.inputs.unpack(x), self.outputs.unpack(u)))

    def derivative(self, rng: np.random.Generator) -> Problem:
        """The problem of the next order: (x, g) -> gradients, at random g."""
        slots = self.inputs.slots + self.outputs.slots
        g = rng.uniform(0.5, 1.5, self.outputs.size) * rng.choice([-1.0, 1.0], self.outputs.size)
        arrays = self.inputs.unpack(self.x) + self.outputs.unpack(g)
        names = [s.name for s in self.inputs.slots]
        names += [f"grad_{s.name}" for s in self.outputs.slots]
        n_inputs = len(self.inputs.slots)
        library, make = self.library, self.make_leaves

        def make_leaves(arrays: Sequence[np.ndarray]) -> list[Any]:
            return make(arrays[:n_inputs]) + [library.leaf(a) for a in arrays[n_inputs:]]

        call = library.derivative(self.call, n_inputs)
        following = Problem(library, call, make_leaves, names, arrays, self.method)
        following.name_outputs([f"d{s.name}" for s in slots[:n_inputs]])
        return following


def describe(f: Any) -> tuple[str, str]:
    """A function's name, and the file:line where it is written ("" when unknown)."""
    written = _written(f)
    named = written if isinstance(written, type) else f
    name = getattr(named, "__qualname__", None) or getattr(named, "__name__", None) or type(named).__name__
    name = name.replace("<locals>.", "") + (".apply" if _custom(f) else "")
    try:
        plain = inspect.unwrap(written)
        file = inspect.getsourcefile(plain)
        code = getattr(plain, "__code__", None)
        line = code.co_firstlineno if code else inspect.getsourcelines(plain)[1]
        return name, f"{_shortest(file)}:{line}" if file and "ipykernel" not in file else ""
    except (TypeError, OSError, ValueError):
        return name, ""


def _written(f: Any) -> Any:
    """What somebody wrote: a module's or a Function's class, the rule of an elementwise op, or f itself."""
    if hasattr(f, "named_parameters"):
        return type(f)
    if (custom := _custom(f)) is not None:
        return custom
    rules = getattr(getattr(f, "op", None), "rules", None)
    return next(iter(rules.values())) if rules and not hasattr(f, "__wrapped__") else f


def _custom(f: Any) -> type | None:
    """The class whose `apply` f is: a Function of gradloom or PyTorch."""
    home = getattr(f, "__self__", None)
    return home if isinstance(home, type) and hasattr(home, "forward") else None


def _shortest(file: str) -> str:
    """The path from here, where that is shorter."""
    try:
        return min(file, os.path.relpath(file), key=len)
    except ValueError:  # another drive
        return file


def argument_names(f: Any, count: int, library: Library | None = None) -> list[str]:
    """Names of the first arguments of f, or of its hand-written gradient; `input0`, … without."""
    by_hand = library if isinstance(library, HandWritten) else None
    if by_hand is not None and by_hand.vjp is not None:
        names = _parameters(by_hand.vjp)[1:]
    elif by_hand is not None and by_hand.gradient is not None:
        names = _parameters(by_hand.gradient)
    else:
        custom = _custom(f)
        home = custom or (f if hasattr(f, "named_parameters") else None)
        names = _parameters(getattr(home, "forward", f))
        names = names[1:] if custom and names[:1] == ["ctx"] else names
    return (names + [f"input{i}" for i in range(len(names), count)])[:count]


def _parameters(f: Any) -> list[str]:
    """Names of a function's positional parameters, as far as Python knows them."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def is_output(value: Any) -> bool:
    """True for results that a gradient could be taken of."""
    return (isinstance(value, float | complex) and not isinstance(value, bool)) or is_differentiable(value)


def _is_plain(value: Any) -> bool:
    return not hasattr(value, "dtype") or not hasattr(value, "shape") or isinstance(value, np.generic)


def _as_tuple(wrt: Any) -> tuple:
    return (wrt,) if isinstance(wrt, int | str) else tuple(wrt)


def _choose(flat: list, tops: list[int], wrt: Any, names: list[str]) -> list[int]:
    """Positions of the leaves to differentiate."""
    candidates = [i for i, (_, value) in enumerate(flat) if is_differentiable(value)]
    if wrt is None:
        asking = [i for i in candidates if getattr(flat[i][1], "requires_grad", False)]
        return asking or candidates
    wanted = set()
    for key in _as_tuple(wrt):
        if isinstance(key, str):
            found = {i for i, (name, _) in enumerate(flat) if name == key or names[tops[i]] == key}
        else:
            found = {i for i, top in enumerate(tops) if top == key}
        if not found <= set(candidates):
            raise TypeError(f"expected wrt={key!r} to be of a floating dtype, got {flat[min(found)][1]!r}")
        if not found and not isinstance(key, str):
            raise ValueError(f"expected wrt to name inputs, got {key!r}; there are {names}")
        wanted |= found
    return sorted(wanted)
