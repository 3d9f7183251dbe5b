"""Types: how they mix, against PyTorch's table."""

from __future__ import annotations

import itertools
import operator

import numpy as np
import pytest

import autograd as ag
from tests.conftest import referee

NAMES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex64", "complex128"]
NUMBERS = [True, 2, 2.5, 1j]


def name(dtype):
    """A type's name; NumPy has no complex32, whose place complex64 takes."""
    return str(dtype).removeprefix("torch.").replace("complex32", "complex64")


def theirs(torch, kind):
    """A PyTorch tensor of a type, with a dimension or without, or a number."""
    return kind if not isinstance(kind, tuple) else torch.ones((2,) * kind[1], dtype=getattr(torch, kind[0]))


def ours(kind):
    return kind if not isinstance(kind, tuple) else ag.ones((2,) * kind[1], dtype=kind[0])


@pytest.mark.parametrize("default", ["float32", "float64"])
def test_promotion(default):
    torch = referee()
    before = torch.get_default_dtype()
    operands = [*((n, d) for n in NAMES for d in (0, 1)), *NUMBERS]
    try:
        torch.set_default_dtype(getattr(torch, default))
        ag.set_default_dtype(default)
        for a, b in itertools.product(NAMES, repeat=2):
            assert name(ag.promote_types(a, b)) == name(torch.promote_types(getattr(torch, a), getattr(torch, b))), (
                a,
                b,
            )
        for a, b in itertools.product(operands, repeat=2):
            expected = torch.result_type(theirs(torch, a), theirs(torch, b))
            assert name(ag.result_type(ours(a), ours(b))) == name(expected), (a, b)
    finally:
        torch.set_default_dtype(before)
        ag.set_default_dtype("float32")


OPERATIONS = [
    "add", "sub", "mul", "true_divide", "floor_divide", "remainder", "fmod", "pow", "float_power", "maximum",
    "minimum", "fmax", "fmin", "atan2", "hypot", "copysign", "nextafter", "xlogy", "special.xlog1py", "special.zeta",
    "ldexp", "logaddexp", "lerp", "where", "eq", "lt", "logical_and", "bitwise_and", "bitwise_left_shift", "gcd",
    "outer", "dist", "block_diag", "isin", "addcmul", "clamp", "cat", "result_type",
]  # fmt: skip


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.filterwarnings("ignore")
def test_results_of_operations(operation):
    """Types of results are PyTorch's wherever PyTorch gives one; some that it refuses are fine here."""
    torch = referee()

    def result(module, of, a, b):
        f = operator.attrgetter(operation)(module)
        if operation in ("cat", "stack"):
            return f([of(a), of(b)])
        first = [module.tensor([True, False])] if operation == "where" else []
        last = {"lerp": [0.5], "addcmul": [of(b)]}.get(operation, [])
        return f(*first, of(a), of(b), *last)

    compared = 0
    for a, b in itertools.product([*((n, d) for n in NAMES for d in (0, 1)), *NUMBERS], repeat=2):
        if operation not in ("where", "result_type") and not (isinstance(a, tuple) or isinstance(b, tuple)):
            continue
        try:
            expected = result(torch, lambda v: theirs(torch, v), a, b)
        except (RuntimeError, TypeError):
            continue
        expected = getattr(expected, "dtype", expected)
        half = {name(theirs(torch, v).dtype) for v in (a, b) if isinstance(v, tuple)} & {"float16"}
        if "complex32" in str(expected) or (half and operation == "dist"):
            continue  # what NumPy has no type for
        if operation == "pow" and b is True and a in (("bool", 0), ("bool", 1)):
            continue
        got = result(ag, ours, a, b)
        assert name(getattr(got, "dtype", got)) == name(expected), (operation, a, b)
        compared += 1
    assert compared > 10


def test_default_dtype():
    try:
        ag.set_default_dtype(ag.float64)
        assert ag.tensor(1.5).dtype == ag.zeros(1).dtype == ag.float64
        assert ag.tensor(1j).dtype == ag.complex128
        assert (ag.tensor([1]) * 1.5).dtype == ag.float64
    finally:
        ag.set_default_dtype(ag.float32)
    with pytest.raises(TypeError, match="floating-point"):
        ag.set_default_dtype(ag.int64)


def test_conversions():
    x = ag.tensor([1.7, -1.7])
    assert x.long().tolist() == [1, -1]
    assert x.to(ag.float64).dtype == x.double().dtype == x.type(ag.DoubleTensor).dtype == np.float64
    assert x.to(x.dtype) is x
    assert x.type() == "autograd.FloatTensor"
    assert x.type_as(ag.ones(1, dtype=ag.int32)).dtype == ag.int32
    assert isinstance(x, ag.FloatTensor)
    assert not isinstance(x, ag.LongTensor)
    assert isinstance(x, ag.cuda.FloatTensor) == x.is_cuda
    assert not isinstance(x, ag.cuda.LongTensor)


def test_a_leaf_converted_gets_a_gradient_of_its_own_type():
    x = ag.ones(2, dtype=ag.float32, requires_grad=True)
    (x.double() * 3).sum().backward()
    assert x.grad.dtype == ag.float32
    assert x.grad.tolist() == [3, 3]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_limits(dtype):
    torch = referee()
    expected, got = torch.finfo(getattr(torch, dtype)), ag.finfo(dtype)
    for field in ("bits", "eps", "max", "min", "tiny", "smallest_normal", "resolution"):
        assert getattr(got, field) == getattr(expected, field), field
    assert repr(got) == repr(expected)
    assert repr(ag.iinfo("int8")) == repr(torch.iinfo(torch.int8))


@pytest.mark.cpu("arrays of NumPy's as they are")
def test_a_type_is_known_by_what_it_is_not_by_which_object_says_so():
    """Arrays that were pickled or byte-swapped have dtype objects of their own."""
    other = np.dtype("complex128").newbyteorder("=")
    results = []
    for dtype in (np.dtype("complex128"), other):
        x = ag.from_numpy(np.array([1 + 2j, 0.3], dtype)).requires_grad_()
        (g,) = ag.autograd.grad(x * x, x, ag.tensor([0.5 - 0.3j, 1j], dtype=ag.complex128), create_graph=True)
        results.append(ag.autograd.grad(g, x, ag.tensor([0.7 + 0.2j, -1], dtype=ag.complex128))[0].tolist())
    assert results[0] == results[1]
