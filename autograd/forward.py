"""The forward of an op, run on arrays: silent where PyTorch is silent, with errors that name op, shapes and module."""

from __future__ import annotations

import inspect
import numbers
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .device import device_of
from .graph import whereabouts
from .user_code import is_ours

if TYPE_CHECKING:
    from .op import Op

__all__ = [
    "ALIASES",
    "LinAlgError",
    "MISSING",
    "WrongArgumentError",
    "argument_named",
    "bind",
    "module_named",
    "resolved",
    "run",
    "spread",
]

MISSING: Any = inspect.Parameter.empty
ALIASES = {"axis": "dim", "axes": "dim", "keepdims": "keepdim"}  # NumPy's names are welcome everywhere

# ---- its arguments -----------------------------------------------------------------------------------------------


def bind(op: Op, args: tuple, kwargs: dict) -> list:
    """The arguments of a call in the order of the op's parameters, defaults filled in."""
    if op.variadic:
        values = [args, *op.defaults[1:]]
    else:
        values = [*args, *op.defaults[len(args) :]]
        if not kwargs and op.required <= len(args) <= op.positional:
            return values
    for name, value in kwargs.items():
        i = op.index.get(name)
        if i is None:
            i = op.index.get(ALIASES.get(name, ""), {"input": 0, "other": 1, "self": 0}.get(name, -1))
        if not (0 if op.variadic else len(args)) <= i < len(op.names):
            misfit(op, args, kwargs)
        values[i] = value
    if len(values) != len(op.names) or any(value is MISSING for value in values):
        misfit(op, args, kwargs)
    return values


def misfit(op: Op, args: tuple, kwargs: dict) -> None:
    """Raise Python's own TypeError for wrong arguments, which does not name the function."""
    try:
        op.signature.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{op.name}() {error}") from None


def run(op: Op, values: Any) -> Any:
    """The forward on arrays, silent where PyTorch is silent, with errors that name op, shapes and module."""
    try:
        return op.forward(*values) if op.flat else spread(op, values)
    except Exception as error:
        return resolved(op, values, error)


def resolved(op: Op, values: Any, error: Exception) -> Any:
    """The result of a forward after all, if only a warning or a 0-d CPU tensor stood against it; or its error, explained."""
    if isinstance(error, RuntimeWarning):  # NumPy's "divide by zero" and the like, where warnings are errors
        with np.errstate(all="ignore"):
            return op.forward(*values) if op.flat else spread(op, values)
    arrays = values[0] if op.variadic else values
    devices = sorted({str(device_of(v)) for v in arrays if getattr(v, "ndim", 0)}, reverse=True)
    if len(devices) > 1:
        raise RuntimeError(
            f"{op.name}: Expected all tensors to be on the same device, but found at least two devices, "
            f"{' and '.join(devices)}!{whereabouts()}"
        ) from None
    if devices and devices != ["cpu"] and any(isinstance(v, np.ndarray) for v in arrays):  # of one number: …
        arrays = [v[()] if isinstance(v, np.ndarray) else v for v in arrays]  # … on a GPU it is that number
        return run(op, [tuple(arrays), *values[1:]] if op.variadic else arrays)
    if isinstance(error, (ValueError, np.linalg.LinAlgError)):
        raise explained(op, values, error) from None
    if isinstance(error, (AttributeError, TypeError)) and (wrong := strangers(op, values, error)):
        text = f"{op.name}: expected Tensors, got {described(wrong[0])}{whereabouts()}"
        raise WrongArgumentError(text + advice(wrong[0]), wrong[0]) from None
    if isinstance(error, (AttributeError, TypeError)):
        given = {name: v for name, v in zip(op.names, values, strict=True) if not hasattr(v, "dtype")}
        if named := faulty(error, op.name, given, dict(zip(op.names, op.defaults, strict=True))):
            raise named from None
    if isinstance(error, TypeError) and str(error).startswith(("ufunc", "numpy boolean", "The numpy boolean")):
        types = " and ".join(dict.fromkeys(str(v.dtype) for v in values if hasattr(v, "dtype")))
        raise RuntimeError(f"{op.name} is not implemented for {types}{whereabouts()}") from None
    raise error  # a call with wrong arguments, or a bug


def spread(op: Op, values: Any) -> Any:
    """Call a forward that takes any number of arrays, or has keyword-only parameters."""
    count = 1 if op.variadic else op.positional
    positional = values[0] if op.variadic else values[:count]
    return op.forward(*positional, **dict(zip(op.names[count:], values[count:], strict=True)))


def strangers(op: Op, values: Any, error: Any) -> list:
    """What was given for a Tensor and is neither one nor a number, or is a number in which the error is."""
    obj = getattr(error, "obj", None)
    given = zip(op.names, op.defaults, values, strict=True)
    places = [
        v for n, default, v in given if (n in op.rules or n == op.names[0]) and not (v is None and default is None)
    ]
    return [v for v in places if not hasattr(v, "dtype") and (v is obj or not isinstance(v, numbers.Number))]


class WrongArgumentError(TypeError):
    """Something else was given where a Tensor is expected, or does not go with the others for a `reason`: `obj`."""

    def __init__(self, message: str, obj: Any, reason: str = ""):
        super().__init__(message)
        self.obj, self.reason = obj, reason


def argument_named(error: Any, function: Callable, args: tuple, kwargs: dict, name: str = "") -> Exception:
    """The error of a function, or one that says which of its arguments is at fault."""
    parameters = inspect.signature(function).parameters
    first = next(iter(parameters.values()))
    given = {first.name: args} if first.kind is first.VAR_POSITIONAL else dict(zip(parameters, args, strict=False))
    given |= kwargs
    for key, value in tuple(given.items()):
        if isinstance(value, (list, tuple)):
            given |= {f"{key}[{i}]": v for i, v in enumerate(value)}
    defaults = {key: parameters[key].default if key in parameters else MISSING for key in given}
    return faulty(error, name or function.__name__, given, defaults) or error


def module_named(error: Exception, module: Any, args: tuple, kwargs: dict) -> Exception:
    """The error of a module's call, or one that says what was given for a Tensor, if it was our code that missed it."""
    if type(error) not in (AttributeError, TypeError):
        return error
    *_, (innermost, _) = traceback.walk_tb(error.__traceback__)
    ours = is_ours(innermost.f_code.co_filename)
    return argument_named(error, module.forward, args, kwargs, type(module).__name__) if ours else error


def faulty(error: Any, function: str, given: dict[str, Any], defaults: dict[str, Any]) -> Exception | None:
    """An error that says which argument another error is about, if that can be told.

    Python says in what it missed an attribute of Tensors, and names the types that do not go together.
    """
    reason = getattr(error, "reason", "" if isinstance(error, AttributeError) else str(error))
    known = isinstance(error, (AttributeError, WrongArgumentError))
    for name in sorted(given, key=lambda name: isinstance(given[name], numbers.Number)):
        value, default, place = given[name], defaults[name], {"x": "input", "y": "other"}.get(name, name)
        if hasattr(value, "grad_fn") or (value is default is None):
            continue
        if known:
            at_fault = value is error.obj and (value is not None or "None" in str(error))
        else:
            usual = default is not MISSING and type(default) is type(value)
            kind = type(value).__name__
            at_fault = (f"'{kind}'" in reason or f"type {kind} " in reason) and not usual
        if at_fault:
            text = f"expected a Tensor as {place}, got {described(value)}{advice(value)}"
            if reason:
                text = f"{place} cannot be {value!r:.60} ({reason})"
            return WrongArgumentError(f"{function}: {text}{whereabouts()}", value, reason)
    return None


def described(value: Any) -> str:
    """What something is that should have been a Tensor."""
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


def advice(value: Any) -> str:
    """What to write for something that should have been a Tensor."""
    if value is None:
        return "; does the function that it comes from return its result?"
    of_numbers = isinstance(value, (list, tuple, numbers.Number)) or hasattr(value, "__array_interface__")
    return "; autograd.as_tensor(…) makes one" if of_numbers else ""


class LinAlgError(RuntimeError, np.linalg.LinAlgError):
    """A matrix has no inverse, no Cholesky factor, …: PyTorch's error, which is a RuntimeError, and NumPy's."""


def explained(op: Op, values: Any, error: Exception) -> Exception:
    """The error of a forward, with the op, the shapes it got, and the module it ran in."""
    arrays = values[0] if op.variadic else values
    shapes = [tuple(v.shape) for v in arrays if hasattr(v, "shape") and hasattr(v, "dtype")]
    reason = str(error)
    text = " and ".join(map(str, shapes))
    if isinstance(error, np.linalg.LinAlgError):
        return LinAlgError(f"{op.name}: {reason}, for matrices of shape {text}{whereabouts()}")
    if isinstance(error, np.exceptions.AxisError) and error.ndim:
        places = f"expected to be in range of [{-error.ndim}, {error.ndim - 1}], but got {error.axis}"
        return IndexError(f"{op.name}: Dimension out of range ({places}), the shape is {text}{whereabouts()}")
    if "broadcast" in reason:
        reason = "do not broadcast: dimensions, from the last one, must be equal or 1"
    else:
        reason = f"do not fit: {reason}"
    kind = type(error) if isinstance(error, IndexError) else RuntimeError
    return kind(f"{op.name}: the shapes {text} {reason}{whereabouts()}")
