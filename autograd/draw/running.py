"""Running a model to see its graph, and leaving no trace of it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import random
from ..backward import ancestors
from ..graph import enable_grad
from ..nested import tensors_in
from ..tensor import Tensor
from .capture import tape_gradients
from .names import Names
from .numbers import stats
from .recording import Recording
from .structure import Graph

__all__ = ["run_model", "undisturbed"]


@contextmanager
def undisturbed(model: Any) -> Iterator[None]:
    """Put the model's buffers and the random state back afterwards: looking at a model does not change it."""
    state = random.get_rng_state()
    buffers = [(buffer, np.copy(buffer.array) if isinstance(buffer.array, np.ndarray) else buffer.array.copy())
               for _, buffer in model.named_buffers()]  # fmt: skip
    try:
        yield
    finally:
        random.set_rng_state(state)
        for buffer, before in buffers:
            if (
                getattr(buffer.array, "shape", None) == before.shape
                and isinstance(buffer.array, type(before))
                and before.shape
            ):
                buffer.array[...] = before
            else:
                buffer.array = before


def input_names(model: Any, count: int) -> list[str]:
    """What the model's forward calls its arguments."""
    try:
        parameters = list(inspect.signature(model.forward).parameters.values())
    except (AttributeError, TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][:count]
    return names + [f"input {i}" if count > 1 else "input" for i in range(len(names), count)]


def record_model(model: Any, inputs: Sequence[Any], recording: Recording) -> list[Tensor]:
    """Call the model inside `recording`, and return its outputs."""
    for name, value in zip(input_names(model, len(inputs)), inputs, strict=True):
        found = tensors_in(value)
        for i, tensor in enumerate(found):
            recording.inputs[id(tensor)] = name if len(found) == 1 else f"{name}.{i}"
            recording.origin(tensor)
    with recording, enable_grad():
        return tensors_in(model(*inputs))


def run_model(model: Any, inputs: Sequence[Any], names: Names, color: str | None) -> Graph:
    """The graph of a forward pass, and with ``color="grad"`` of a backward pass of the sum of its outputs."""
    recording = Recording(source=True, time=color == "time", memory=True, values=color in ("value", "grad"))
    with undisturbed(model):
        outputs = record_model(model, inputs, recording)
        if not outputs:
            raise TypeError("the model returned no Tensor, so there is no graph to draw")
        if color == "grad":
            differentiable = [tensor for tensor in outputs if tensor.grad_fn is not None]
            if differentiable:
                order = ancestors([tensor.grad_fn for tensor in differentiable])
                for node, g in tape_gradients(differentiable, order).items():
                    entry = recording.by_node.get(id(node))
                    if entry is not None:
                        entry[1].grad = stats(g)
                    elif isinstance(node, Tensor) and node.grad is None:
                        recording.extra_grads[id(node)] = stats(g)
    return recording._graph(outputs, names)
