"""Where analytic gradients come from: gradloom, PyTorch, JAX, or a hand-written vjp.

A `Library` says how to make a leaf from an array, how to read a result, and how to pull a
gradient back. A `call` is the function under test on flat lists: leaves in, outputs out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd.tensor import Tensor
from autograd.testing.packing import is_inexact

__all__ = ["Gradloom", "HandWritten", "Jax", "Library", "Torch", "library_for", "to_array"]

Call = Callable[[list[Any]], list[Any]]


class Library:
    """A library that records: leaves remember, and `grad` walks back."""

    name = "library"
    negative_strides = True
    has_double = True  # float64 arrays stay float64

    def is_tensor(self, value: Any) -> bool:
        raise TypeError("expected a subclass of Library that says what its tensors are")

    def leaf(self, array: np.ndarray, into: Any = None) -> Any:
        """A tensor that requires grad, sharing the array's memory; or put it `into` a parameter."""
        raise TypeError("expected a subclass of Library that makes leaves")

    def constant(self, array: np.ndarray) -> Any:
        raise TypeError("expected a subclass of Library that makes constants")

    def grad(self, outputs: list, leaves: list, cotangents: list, record: bool) -> list[Any]:
        raise TypeError("expected a subclass of Library that differentiates")

    def numpy(self, value: Any) -> np.ndarray:
        value = value.detach().cpu()
        return (value.resolve_conj().resolve_neg() if hasattr(value, "resolve_neg") else value).numpy()  # torch's views

    def values(self, call: Call, leaves: list[Any]) -> list[np.ndarray]:
        """The outputs as arrays."""
        return [self.array(out) for out in call(leaves)]

    def pullback(self, call: Call, leaves: list[Any], cotangents: list[np.ndarray]) -> list[Any]:
        """Gradients of the outputs' inner product with the cotangents, as arrays or None."""
        gradients = self.recorded_pullback(call, leaves, cotangents, record=False)
        return [None if g is None else self.array(g) for g in gradients]

    def recorded_pullback(self, call: Call, leaves: list, cotangents: list, record: bool) -> list:
        pairs = [
            (out, cotangent if self.is_tensor(cotangent) else self.constant(cotangent))
            for out, cotangent in zip(call(leaves), cotangents, strict=True)
            if self.is_tensor(out) and out.requires_grad
        ]
        if not pairs:
            return [None] * len(leaves)
        return self.grad([p[0] for p in pairs], leaves, [p[1] for p in pairs], record)

    def derivative(self, call: Call, n_leaves: int) -> Call:
        """The call whose leaves are `call`'s and its cotangents, and whose outputs its gradients."""

        def gradients(leaves: list[Any]) -> list[Any]:
            inputs = leaves[:n_leaves]
            found = self.recorded_pullback(call, inputs, leaves[n_leaves:], record=True)
            return [np.zeros(x.shape) if g is None else g for g, x in zip(found, inputs, strict=True)]

        return gradients

    def array(self, value: Any) -> np.ndarray:
        return self.numpy(value) if self.is_tensor(value) else np.asarray(value)


class _LikeTorch(Library):
    """A library with PyTorch's API."""

    def __init__(self, module: Any, device: Any) -> None:
        self.module, self.device = module, device

    def is_tensor(self, value: Any) -> bool:
        return isinstance(value, self.module.Tensor)

    def constant(self, array: np.ndarray) -> Any:
        tensor = self.module.from_numpy(np.asarray(array))
        return tensor if self.device is None else tensor.to(self.device)

    def leaf(self, array: np.ndarray, into: Any = None) -> Any:
        if into is None:
            return self.constant(array).requires_grad_()
        self.put(into, self.get(self.constant(array)))
        into.grad = None
        return into

    def grad(self, outputs: list, leaves: list, cotangents: list, record: bool) -> list[Any]:
        cotangents = [c.to(out.dtype) for c, out in zip(cotangents, outputs, strict=True)]
        grad = self.module.autograd.grad
        return list(grad(outputs, leaves, cotangents, create_graph=record, allow_unused=True))

    def get(self, parameter: Any) -> Any:
        """The memory of a parameter."""
        return parameter.data

    def put(self, parameter: Any, content: Any) -> None:
        """Give a parameter other memory."""
        parameter.data = content


class Gradloom(_LikeTorch):
    """Functions of `autograd.Tensor`."""

    name = "gradloom"

    def __init__(self, device: Any = None) -> None:
        import autograd

        super().__init__(autograd, device or autograd.get_default_device())

    def get(self, parameter: Any) -> Any:
        return parameter.array

    def put(self, parameter: Any, content: Any) -> None:
        parameter.array = content


class Torch(_LikeTorch):
    """Functions of `torch.Tensor`."""

    name = "torch"
    negative_strides = False

    def __init__(self, device: Any = None) -> None:
        import torch

        super().__init__(torch, device)


class Jax(Library):
    """Functions of JAX arrays; its complex gradients are turned to PyTorch's convention."""

    name = "jax"

    def __init__(self, device: Any = None) -> None:
        import jax  # pyright: ignore[reportMissingImports]  # not everybody has it

        self.jax, self.has_double = jax, bool(jax.config.jax_enable_x64)

    def is_tensor(self, value: Any) -> bool:
        return isinstance(value, self.jax.Array)

    def constant(self, array: np.ndarray) -> Any:
        return self.jax.numpy.asarray(array)

    def leaf(self, array: np.ndarray, into: Any = None) -> Any:
        return self.constant(array)

    def numpy(self, value: Any) -> np.ndarray:
        return np.asarray(value)

    def recorded_pullback(self, call: Call, leaves: list, cotangents: list, record: bool) -> list:
        outputs, vjp = self.jax.vjp(lambda *xs: [self.jax.numpy.asarray(y) for y in call(list(xs))], *leaves)
        jnp = self.jax.numpy
        cotangents = [jnp.conj(jnp.asarray(c, dtype=y.dtype)) for c, y in zip(cotangents, outputs, strict=True)]
        return [jnp.conj(g) for g in vjp(cotangents)]


class HandWritten(Library):
    """A function of arrays with its own vector-Jacobian product, or gradient, beside it.

    Args:
        vjp: `vjp(g, *inputs)` gives the gradient with respect to each input (one, or a tuple); `g`
            has the output's shape (a tuple of them when there are several outputs).
        gradient: `gradient(*inputs)`, for functions with one number as result.
    """

    name = "arrays"

    def __init__(self, vjp: Callable | None = None, gradient: Callable | None = None) -> None:
        self.vjp, self.gradient = vjp, gradient
        self.rebuild: Callable[[list[Any]], Sequence[Any]] = lambda leaves: leaves

    def is_tensor(self, value: Any) -> bool:
        return isinstance(value, np.ndarray | np.generic)

    def constant(self, array: np.ndarray) -> Any:
        return array

    def leaf(self, array: np.ndarray, into: Any = None) -> Any:
        return array

    def numpy(self, value: Any) -> np.ndarray:
        return np.asarray(value)

    def recorded_pullback(self, call: Call, leaves: list, cotangents: list, record: bool) -> list:
        if record:
            raise TypeError(
                "expected order=1 with a hand-written vjp, which has no graph to differentiate again; "
                "check the vjp as a function of its own: gradcheck(lambda *xs: vjp(g, *xs), *inputs, vjp=...)"
            )
        call(leaves)  # f may save what its vjp needs
        inputs = self.rebuild(leaves)
        if self.vjp is not None:
            g = cotangents[0] if len(cotangents) == 1 else tuple(cotangents)
            found = self.vjp(g, *inputs)
        else:
            found = self.gradient(*inputs)  # type: ignore[misc]  # one of the two is there
        found = list(found) if isinstance(found, tuple | list) else [found]
        if len(found) != len(leaves):
            raise ValueError(
                f"expected {len(leaves)} gradients, one for each differentiable input, got "
                f"{len(found)}; return None for inputs that have none, or pass wrt="
            )
        if self.vjp is None:
            found = [None if d is None else np.asarray(d) * np.conj(cotangents[0]).sum() for d in found]
        return found


def to_array(value: Any) -> np.ndarray | None:
    """The NumPy array in a tensor of any library, in an array, or a number; None for other things."""
    if isinstance(value, np.ndarray | np.generic):
        return np.asarray(value)
    if isinstance(value, float | complex) and not isinstance(value, bool):
        return np.asarray(value)
    if hasattr(value, "detach"):
        value = value.detach()
        value = value.cpu() if hasattr(value, "cpu") else value
        return np.asarray(
            value.resolve_conj().resolve_neg().numpy() if hasattr(value, "resolve_neg") else value.numpy()
        )
    if hasattr(value, "get") and hasattr(value, "dtype"):
        return np.asarray(value.get())
    if hasattr(value, "__array__"):
        return np.asarray(value)
    return None


def library_for(leaves: Sequence[Any], f: Any, device: Any = None, name: str = "auto") -> Library:
    """The library that a function and its inputs belong to; gradloom where only arrays are given.

    Unless `device` says otherwise, inputs stay on the device of the first that is a tensor.
    """
    kinds = {"gradloom": Gradloom, "torch": Torch, "jax": Jax}
    if name != "auto":
        if name not in kinds:
            raise ValueError(f"expected library to be 'auto' or one of {sorted(kinds)}, got {name!r}")
        return kinds[name](device)
    torch, jax = sys.modules.get("torch"), sys.modules.get("jax")
    modules = () if torch is None or not hasattr(torch, "nn") else (torch.Tensor, torch.nn.Module)
    tensors = [*leaves, *(f.parameters() if hasattr(f, "parameters") else ())]
    if any(isinstance(x, modules) for x in (f, *leaves)):
        return Torch(device or _place(tensors, modules[:1]))
    if jax is not None and any(isinstance(x, jax.Array) for x in leaves):
        return Jax(device)
    return Gradloom(device or _place(tensors, Tensor))


def _place(tensors: Sequence[Any], kind: Any) -> Any:
    return next((x.device for x in tensors if isinstance(x, kind)), None)


def is_differentiable(value: Any) -> bool:
    """True for arrays, NumPy scalars and tensors of a floating dtype; a Python number is a constant."""
    if isinstance(value, np.ndarray | np.generic):
        return is_inexact(value.dtype)
    if isinstance(value, int | float | complex | str | bytes) or value is None:
        return False
    dtype = getattr(value, "dtype", None)
    if dtype is None or not hasattr(value, "shape"):
        return False
    if hasattr(value, "is_floating_point") and callable(value.is_floating_point):
        return bool(value.is_floating_point() or value.is_complex())
    return is_inexact(dtype)
