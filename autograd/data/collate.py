"""From a list of samples to a batch: ``default_collate`` and ``default_convert`` of PyTorch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

import autograd
from autograd.ops.joining import stack
from autograd.tensor import Tensor, share, wrap

__all__ = ["collate", "default_collate", "default_collate_fn_map", "default_convert"]

_UNKNOWN = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}: leave it out of the "
    "samples, or pass a collate_fn"
)


def default_collate(batch: Any) -> Any:
    """Put samples together: tensors, arrays and numbers are stacked along a new first dimension.

    Args:
        batch: list of samples of one structure. Dicts, lists, tuples and named tuples are walked
            through; strings and bytes stay as they are.

    Returns:
        The structure of one sample, with a Tensor ``(batch, *sample)`` in place of each tensor,
        array (which keep their dtype), float (float64), int (int64) and bool.

    Raises:
        TypeError: a sample holds something else.
        RuntimeError: the samples do not agree in shape or length.

    Example:
        >>> default_collate([{"x": 1, "name": "a"}, {"x": 2, "name": "b"}])
        {'x': tensor([1, 2]), 'name': ['a', 'b']}
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)


def collate(batch: Any, *, collate_fn_map: Mapping[Any, Callable] | None = None) -> Any:
    """Put samples together by the functions of a map from element type to ``f(batch, *, collate_fn_map)``.

    Raises:
        TypeError: a sample holds a type that is neither in the map nor a container.
        RuntimeError: containers of different lengths.
    """
    element = batch[0]
    kind = type(element)
    functions = collate_fn_map or {}
    function = functions.get(kind)
    if function is None:
        function = next((f for types, f in functions.items() if isinstance(element, types)), None)
    if function is not None:
        return function(batch, collate_fn_map=collate_fn_map)
    if isinstance(element, Mapping):
        return _rebuilt(
            element,
            {key: collate([sample[key] for sample in batch], collate_fn_map=collate_fn_map) for key in element},
        )
    if not isinstance(element, Sequence):
        raise TypeError(_UNKNOWN.format(kind.__name__))
    if any(len(sample) != len(element) for sample in batch):
        raise RuntimeError(
            "each element in list of batch should be of equal size, got the sizes "
            f"{sorted({len(sample) for sample in batch})}"
        )
    columns = [collate(column, collate_fn_map=collate_fn_map) for column in zip(*batch, strict=True)]
    return _rebuilt(element, columns)


def default_convert(data: Any) -> Any:
    """Turn the arrays of one sample into Tensors; what is no array stays as it is.

    This is what a DataLoader does to a sample when it makes no batches.

    Example:
        >>> default_convert({"x": np.ones(2), "y": 3})
        {'x': tensor([1., 1.], dtype=autograd.float64), 'y': 3}
    """
    if isinstance(data, Tensor):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        return data if data.dtype.kind in "SUO" else autograd.as_tensor(data)
    if isinstance(data, Mapping):
        return _rebuilt(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _rebuilt(data, [default_convert(value) for value in data])
    return data


def _rebuilt(sample: Any, values: Any) -> Any:
    """A container like the sample's, with other values; plain tuples become lists, as in PyTorch."""
    kind = type(sample)
    if isinstance(sample, tuple):
        return kind(*values) if hasattr(sample, "_fields") else values
    try:
        if isinstance(sample, (MutableMapping, MutableSequence)):
            # A copy keeps what else a subclass carries, such as a defaultdict's factory.
            clone = copy.copy(sample)
            for key, value in values.items() if isinstance(values, dict) else enumerate(values):
                clone[key] = value
            return clone
        return kind(values)
    except TypeError:
        return values  # a container that cannot be made from its values, such as a range


def _stack_arrays(arrays: list[np.ndarray]) -> Any:
    first = arrays[0]
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise RuntimeError(
            "stack expects each tensor to be equal size, but got the shapes "
            f"{', '.join(map(str, sorted(shapes)))}: pad them to one shape, or pass a collate_fn"
        )
    if first.ndim == 0:
        return np.array(arrays)
    # Joining is twice as fast as stacking: stacking makes a view of every array first.
    return np.concatenate(arrays).reshape(len(arrays), *first.shape)


def _collate_tensors(batch: Sequence[Tensor], *, collate_fn_map: Any = None) -> Tensor:
    first = batch[0]
    plain = all(
        isinstance(tensor, Tensor) and not tensor.needs_grad and tensor.dtype == first.dtype for tensor in batch
    )
    if plain and first.is_cpu:
        return wrap(_stack_arrays([share(tensor) for tensor in batch]))
    return stack(list(batch))


def _collate_arrays(batch: Sequence[np.ndarray], *, collate_fn_map: Any = None) -> Tensor:
    if batch[0].dtype.kind in "SUO":
        raise TypeError(_UNKNOWN.format(batch[0].dtype))
    if any(type(array) is not type(batch[0]) or array.dtype != batch[0].dtype for array in batch):
        return _collate_tensors([autograd.as_tensor(array) for array in batch])
    return autograd.as_tensor(_stack_arrays(list(batch)))


def _collate_numpy_scalars(batch: Sequence[np.generic], *, collate_fn_map: Any = None) -> Tensor:
    array = np.array(batch)
    if array.dtype.kind in "SUO":
        raise TypeError(_UNKNOWN.format(array.dtype))
    return autograd.as_tensor(array)


def _collate_floats(batch: Sequence[float], *, collate_fn_map: Any = None) -> Tensor:
    return wrap(np.array(batch, np.float64))


def _collate_ints(batch: Sequence[int], *, collate_fn_map: Any = None) -> Tensor:
    return autograd.as_tensor(list(batch))


def _collate_strings(batch: Any, *, collate_fn_map: Any = None) -> Any:
    return batch


#: What default_collate does with each type; add your own types to extend it.
default_collate_fn_map: dict[Any, Callable] = {
    Tensor: _collate_tensors,
    np.ndarray: _collate_arrays,
    (np.bool_, np.number, np.object_): _collate_numpy_scalars,
    float: _collate_floats,
    int: _collate_ints,
    str: _collate_strings,
    bytes: _collate_strings,
}
