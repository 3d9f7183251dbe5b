"""The options of optimizers: which there are, what they may be, and how a rule gets them."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd import Tensor, float32, float64, get_default_dtype

__all__ = [
    "check", "check_lr", "check_ranges", "forbid_foreach_with", "forbid_fused_with", "options", "plain", "required",
    "scalar_dtype",
]  # fmt: skip


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


required: Any = _Required()  # the default of an option that each group has to give


def options(arguments: dict[str, Any]) -> dict[str, Any]:
    """The defaults of an optimizer's groups: the arguments of its constructor, whose first line asks for this with
    ``locals()``.  Raises TypeError for a number that is text, as YAML reads 1e-4."""
    for name, value in arguments.items():
        if isinstance(value, str) and name not in ("lr", "params") and not name.endswith("_fn"):  # names of functions
            raise TypeError(f"Invalid {name}: {value!r}, a str: expected a number, such as float({value!r})")
    return {name: value for name, value in arguments.items() if name not in ("self", "params", "__class__")}


def check(condition: Any, message: str) -> None:
    """Raise ValueError unless the condition holds."""
    if not condition:
        raise ValueError(message)


def check_lr(lr: Any, message: str = "Invalid learning rate: {}") -> None:
    """Raise ValueError unless a learning rate is one number that is not negative."""
    check(not isinstance(lr, Tensor) or lr.numel() == 1, "Tensor lr must be 1-element")
    if not isinstance(lr, (Tensor, float, int, np.number)):
        raise TypeError(f"{message.format(repr(lr))}, a {type(lr).__name__}: expected a number, 0 or more")
    check(lr >= 0.0, message.format(lr))


def check_betas(betas: tuple) -> None:
    """Raise ValueError unless they are two decay rates in [0, 1)."""
    check(isinstance(betas, (tuple, list)) and len(betas) == 2, f"betas must be a pair of decay rates, got {betas}")
    for i in (0, 1):
        check(0.0 <= betas[i] < 1.0, f"Invalid beta parameter at index {i}: {betas[i]}")


def check_ranges(lr: Any, *, eps: Any = 0.0, betas: tuple = (0.0, 0.0), weight_decay: Any = 0.0) -> None:
    """Raise ValueError unless the options that most optimizers have are in their ranges."""
    check_lr(lr)
    check(eps >= 0.0, f"Invalid epsilon value: {eps}")
    check_betas(betas)
    check(weight_decay >= 0.0, f"Invalid weight_decay value: {weight_decay}")


def forbid_foreach_with(values: dict[str, Any], foreach: bool | None, capturable: bool) -> None:
    """Raise where PyTorch's `foreach` excludes options as tensors."""
    for name, value in values.items():
        if foreach and not capturable and isinstance(value, Tensor):
            raise ValueError(f"{name} as a Tensor is not supported for capturable=False and foreach=True")


def forbid_fused_with(fused: bool | None, differentiable: bool, foreach: bool | None) -> None:
    """Raise where PyTorch's `fused` excludes another option."""
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def scalar_dtype() -> np.dtype:
    """The type of the numbers in the state, PyTorch's: rounding them as it does keeps trajectories equal."""
    return float64 if get_default_dtype() == float64 else float32


_PLAIN = {float, int, bool, str, type(None), list}


def plain(group: dict[str, Any]) -> dict[str, Any]:
    """The options with Python numbers in place of tensors and NumPy scalars, which would widen float32 arrays."""
    odd = [value for value in group.values() if type(value) not in _PLAIN]
    tuples = [value for value in odd if type(value) is tuple and _PLAIN.issuperset(map(type, value))]
    if len(tuples) == len(odd) or group.get("differentiable"):
        return group
    return {name: value if name == "params" else _plain(value) for name, value in group.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return value.item() if isinstance(value, (Tensor, np.generic)) else value
