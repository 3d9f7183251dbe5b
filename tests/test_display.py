"""Tensors print what PyTorch's print, but for the name of the package."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

import autograd as ag
from tests.conftest import referee

pytestmark = pytest.mark.cpu("the text names another device; see test_devices.py")

SHAPES = [
    (), (1,), (5,), (0,), (2, 3), (0, 3), (2, 2, 3), (40,), (2, 1, 1, 2), (1001,), (40, 40), (11, 11, 11), (7, 200),
]  # fmt: skip
SPECIAL = [0.0, -0.0, 1.0, -2.5, 1e-5, 1e5, 123456789.0, np.nan, np.inf, -np.inf]


def values(random, shape, dtype):
    kind = np.dtype(dtype).kind
    if kind == "b":
        return random.random(shape) < 0.5
    if kind in "iu":
        return random.integers(-100 if kind == "i" else 0, 100, shape).astype(dtype)
    made = random.normal(size=shape) * 10.0 ** random.integers(-3, 4)
    if kind == "c":
        made = made + 1j * random.normal(size=shape)
    if random.random() < 0.3:
        made = np.round(made)
    made = np.asarray(made)
    if made.size and kind == "f":
        for value in random.choice(SPECIAL, int(random.integers(0, 3))):
            made.reshape(-1)[int(random.integers(made.size))] = value
    return made.astype(dtype)


def texts(torch, array, **options):
    theirs = torch.from_numpy(array) if array.ndim else torch.tensor(array)
    ours = ag.from_numpy(array) if array.ndim else ag.tensor(array)
    if options.get("grad") and array.dtype.kind in "fc":
        theirs.requires_grad_()
        ours.requires_grad_()
    return one_line_notes(repr(ours)), one_line_notes(repr(theirs).replace("torch.", "autograd."))


def one_line_notes(text):
    """Where lines break before the notes depends on the length of the package's name."""
    return re.sub(r",\s+(dtype|requires_grad|size)=", r", \1=", text)


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "float16", "complex64", "complex128", "int64", "int32", "uint8", "bool"]
)
@pytest.mark.filterwarnings("ignore")
def test_every_type_and_shape(dtype):
    torch = referee()
    random = np.random.default_rng(5)
    for shape, grad in itertools.product(SHAPES, (False, True)):
        for _ in range(3):
            ours, theirs = texts(torch, values(random, shape, dtype), grad=grad)
            assert ours == theirs


@pytest.mark.filterwarnings("ignore")
def test_special_values():
    torch = referee()
    for a, b, c in itertools.product(SPECIAL, repeat=3):
        for dtype in ("float32", "float64"):
            ours, theirs = texts(torch, np.array([a, b, c], dtype))
            assert ours == theirs


@pytest.mark.parametrize(
    "options",
    [
        {"precision": 2}, {"sci_mode": True}, {"sci_mode": False}, {"linewidth": 40}, {"edgeitems": 1, "threshold": 5},
        {"profile": "short"}, {"profile": "full"},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_options(options):
    torch = referee()
    random = np.random.default_rng(6)
    try:
        torch.set_printoptions(**options)
        ag.set_printoptions(**options)
        for shape in SHAPES[:8]:
            for dtype in ("float32", "complex64", "int64"):
                ours, theirs = texts(torch, values(random, shape, dtype))
                assert ours == theirs
    finally:
        torch.set_printoptions(profile="default")
        ag.set_printoptions(profile="default")


def test_what_was_recorded_is_named():
    x = ag.ones(2, requires_grad=True)
    assert repr(x * 2) == "tensor([2., 2.], grad_fn=<MulBackward0>)"
    assert repr(x.split(1)[0]) == "tensor([1.], grad_fn=<SplitBackward0>)"


def test_in_a_text_one_number_is_that_number():
    loss = ag.tensor(2.5, requires_grad=True) * 2
    assert f"{loss} {loss:.2f} {loss:>6}" == "5.0 5.00    5.0"
    assert f"{loss!r} {ag.ones(2)}" == "tensor(5., grad_fn=<MulBackward0>) tensor([1., 1.])"
    assert f"{ag.tensor(3)} {ag.tensor(True)}" == "3 True"
    with pytest.raises(TypeError, match=r"format '\.2f', this one has the shape \(2,\)"):
        f"{ag.ones(2):.2f}"
