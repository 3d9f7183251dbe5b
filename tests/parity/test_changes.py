"""Each op of PyTorch's database, with one of its inputs or outputs changed in place before the backward pass.

The gradient is then the right one, or there is an error; no error where PyTorch makes none; and what shares memory is the same.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import autograd as ag
from tests.conftest import referee

torch = referee()
referee("expecttest")

from tests.parity.bridge import assert_same, direction, find, on_device, ours, tensors  # noqa: E402
from tests.parity.exceptions import BACKWARD_ONLY_FIRST, DIFFERENT, MISSING, RANDOM  # noqa: E402
from tests.parity.test_ops import OPS, drops  # noqa: E402

NAMES = [
    name
    for name, info in OPS.items()
    if not {name, info.name}.intersection((*MISSING, *DIFFERENT, *RANDOM, *BACKWARD_ONLY_FIRST))
    and torch.float64 in info.dtypes
    and info.supports_autograd
]
SAMPLES = 2

# Where we make an error and PyTorch none: it saves a copy, or something else, of what was changed.
MORE_ERRORS = {
    "__rdiv__", "__rmatmul__", "as_strided", "dsplit", "erfinv", "frexp", "hsplit", "kron", "ldexp", "linalg.slogdet", "matmul",
    "nn.functional.batch_norm", "nn.functional.conv2d", "nn.functional.conv3d", "nn.functional.cross_entropy", "nn.functional.group_norm",
    "nn.functional.instance_norm", "nn.functional.linear_cross_entropy.chunked",
    "polar", "special.ndtr", "tensor_split", "tensordot", "unfold", "vsplit",
}  # fmt: skip


def results(value, kind, leaves):
    """The same nesting, with each leaf times one: what may be changed in place."""
    if isinstance(value, kind) and value.requires_grad:
        leaves.append(value)
        return value * 1
    if isinstance(value, dict):
        return {k: results(v, kind, leaves) for k, v in value.items()}
    if type(value) in (list, tuple):
        return type(value)(results(v, kind, leaves) for v in value)
    return value


class Changed:
    """One call of an op after which one tensor is changed: what came of it."""

    def __init__(self, lib, function, args, kwargs, where, k, create_graph):
        self.error, self.gradients, leaves, kind = "", (), [], lib.Tensor
        args, kwargs = results(args, kind, leaves), results(kwargs, kind, leaves)
        self.outputs = [t for t in tensors(function(*args, **kwargs), kind) if t.requires_grad]
        those = self.outputs if where == "outputs" else [t for t in tensors((args, kwargs), kind) if t.requires_grad]
        self.exists = bool(self.outputs) and k < len(those)
        if not self.exists:
            return
        random = np.random.default_rng(0)
        along = [(torch.from_numpy if lib is torch else on_device)(direction(random, t)) for t in self.outputs]
        try:
            if where is not None:
                those[k].add_(1)
            self.gradients = lib.autograd.grad(
                self.outputs, leaves, along, allow_unused=True, create_graph=create_graph
            )
        except RuntimeError as error:
            if not any(word in str(error) for word in ("inplace", "more than one element", "in-place")):
                raise
            self.error = str(error)


def compare(name, info, sample, where, create_graph):
    """Change each input or output in turn."""
    args, function = (sample.input, *sample.args), find(info.name)
    mine, named = ours(args), ours(sample.kwargs)
    right = Changed(torch, info.op, args, sample.kwargs, None, 0, False)
    for k in range(3):
        theirs = Changed(torch, info.op, args, sample.kwargs, where, k, create_graph)
        if not theirs.exists:
            return
        found = Changed(ag, function, mine, named, where, k, create_graph)
        assert not found.error or theirs.error or name in MORE_ERRORS, found.error
        if not found.error:
            for i, (m, t) in enumerate(zip(found.gradients, right.gradients, strict=True)):
                if t is None:
                    assert m is None or not m.any()
                elif m is not None or t.any():
                    assert_same(m, t, 1e-6, 1e-8, f"gradient {i} with {where[:-1]} {k} changed")
        if found.error == theirs.error == "":
            assert_same(found.outputs, theirs.outputs, 1e-6, 1e-8, f"output with {where[:-1]} {k} changed")


@pytest.mark.parametrize("where", ["inputs", "outputs"])
@pytest.mark.parametrize("name", NAMES)
def test_changed(name, where):
    info = OPS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        samples = [s for s in info.sample_inputs("cpu", torch.float64, requires_grad=True) if not drops(s)]
        for sample in samples[:: max(1, -(-len(samples) // SAMPLES))]:
            for create_graph in (False, True):
                compare(name, info, sample, where, create_graph)
