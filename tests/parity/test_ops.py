"""Every op of PyTorch's own sample database, name by name: values, dtypes, gradients of first and second order."""

from __future__ import annotations

import itertools
import warnings

import pytest

from tests.conftest import referee

torch = referee()
referee("expecttest")

from torch.testing._internal.common_methods_invocations import op_db  # noqa: E402

from tests.parity.bridge import compare, find  # noqa: E402
from tests.parity.exceptions import BACKWARD_ONLY_FIRST, DIFFERENT, MISSING, RANDOM  # noqa: E402

OPS = {
    f"{info.name}.{info.variant_test_name}".rstrip("."): info
    for info in op_db
    if not info.name.startswith(("_", "ops.", "torch.ops", "masked.")) or info.name.startswith("__")
}
SAMPLES = {torch.float64: 24}  # of each op at most, spread over all that PyTorch lists; of other types:
FEWER = 8


def chosen(info, dtype, requires_grad):
    """Some of many samples, from beginning to end, without those that draw random numbers."""
    samples = [s for s in info.sample_inputs("cpu", dtype, requires_grad=requires_grad) if not drops(s)]
    return samples[:: max(1, -(-len(samples) // SAMPLES.get(dtype, FEWER)))]


def drops(sample):
    """Is it of attention with dropout?"""
    heads = len(sample.args) >= 12 and isinstance(sample.args[9], float)  # multi_head_attention_forward
    return sample.kwargs.get("dropout_p", 0) > 0 or (heads and sample.args[9] > 0)


def check(name, info, dtype, order, rtol=1e-6, atol=1e-8):
    function = find(info.name)
    assert function is not None, f"there is no {info.name}"
    problems = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        samples = chosen(info, dtype, requires_grad=order > 0)
        for i, sample in enumerate(samples):
            args = (sample.input, *sample.args)
            try:
                compare(function, info.op, args, sample.kwargs, order, rtol, atol)
            except Exception as error:
                shown = " ".join(str(error).split())[:400]
                problems.append(f"  sample {i}: {describe(args)} {sample.kwargs}\n    {type(error).__name__}: {shown}")
    assert not problems, f"{name}, {len(problems)} of {len(samples)} samples:\n" + "\n".join(problems[:4])


def describe(value):
    if isinstance(value, torch.Tensor):
        return f"{str(value.dtype)[6:]}{list(value.shape)}"
    if isinstance(value, (list, tuple)):
        return "(" + ", ".join(map(describe, value)) + ")"
    return repr(value)


@pytest.mark.parametrize("name", OPS)
def test_real(name):
    """float64: values and gradients."""
    info = OPS[name]
    if name in MISSING:
        assert find(info.name) is None, f"{info.name} exists now: take it out of MISSING"
        pytest.skip(MISSING[name])
    if name in RANDOM or info.name in RANDOM:
        assert find(info.name) is not None
        pytest.skip("random: its distribution has a test of its own")
    if name in DIFFERENT:
        pytest.skip(DIFFERENT[name])
    if torch.float64 not in info.dtypes:
        pytest.skip("not for float64")
    order = 0 if not info.supports_autograd else 1 if not info.supports_gradgrad or name in BACKWARD_ONLY_FIRST else 2
    check(name, info, torch.float64, order)


OTHERS = [
    (name, dtype)
    for (name, info), dtype in itertools.product(
        OPS.items(), (torch.complex128, torch.float32, torch.int64, torch.bool)
    )
    if dtype in info.dtypes
    and name not in MISSING
    and name not in DIFFERENT
    and name not in RANDOM
    and info.name not in RANDOM
]


@pytest.mark.parametrize(("name", "dtype"), OTHERS, ids=[f"{n}-{str(d)[6:]}" for n, d in OTHERS])
def test_types(name, dtype):
    """Other types: values and dtypes; complex gradients of first order."""
    info = OPS[name]
    key = f"{name}-{str(dtype)[6:]}"
    if key in DIFFERENT:
        pytest.skip(DIFFERENT[key])
    if dtype == torch.float32:
        check(name, info, dtype, 0, rtol=2e-3, atol=2e-4)
    else:
        order = 1 if dtype.is_complex and info.supports_autograd and dtype in info.backward_dtypes else 0
        check(name, info, dtype, order)
