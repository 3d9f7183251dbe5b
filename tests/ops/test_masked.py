"""Masked reductions against PyTorch's own samples: values, types, gradients of both orders."""

from __future__ import annotations

import pytest

import autograd as ag
from autograd import masked
from tests.conftest import referee

torch = referee()
referee("expecttest")

from torch.testing._internal.common_methods_invocations import op_db  # noqa: E402

from tests.parity.bridge import compare  # noqa: E402

OPS = {info.name.removeprefix("masked."): info for info in op_db if info.name.startswith("masked.")}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", OPS)
def test_masked(name):
    info = OPS[name]
    for dtype in {torch.float64, torch.int64, torch.complex128} & set(info.dtypes):
        differentiable = dtype.is_floating_point and info.supports_autograd
        samples = list(info.sample_inputs("cpu", dtype, requires_grad=differentiable))
        for sample in samples[:: max(1, len(samples) // 40)]:
            order = 2 if differentiable else 0
            compare(getattr(masked, name), info.op, (sample.input, *sample.args), sample.kwargs, order)


def test_all_names_are_there():
    assert set(OPS) == set(masked.__all__)


def test_a_mask_is_bool():
    with pytest.raises(TypeError, match="bool mask"):
        masked.sum(ag.ones(2), mask=ag.ones(2))
