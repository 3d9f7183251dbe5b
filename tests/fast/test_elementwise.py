"""Large arrays: compiled twins of elementwise ops, and NumPy by blocks, against the same ops on float64."""

import numpy as np
import pytest

import autograd as ag
import nn.functional as F
from autograd.fast import LARGE, disabled, fused
from autograd.fast.blocks import ALONE
from tests.fast.common import both, close, using

SHAPE = (150, 200)


def arrays(count, seed=0):
    random = np.random.default_rng(seed)
    return [random.standard_normal(SHAPE).astype(np.float32) for _ in range(count)]


def gradients(function, inputs, g, dtype):
    """The value of a function and its gradients."""
    tensors = [ag.tensor(np.array(x, order="K"), dtype=dtype, requires_grad=True) for x in inputs]
    out = function(*tensors)
    out.backward(ag.tensor(g, dtype=dtype))
    return [out.detach().numpy(), *(t.grad.numpy() for t in tensors)]


ACTIVATIONS = [
    "relu", "leaky_relu", "relu6", "elu", "celu", "selu", "silu", "softplus", "logsigmoid", "mish", "hardswish", "hardsigmoid",
]  # fmt: skip
FUNCTIONS = {
    "add": (2, lambda x, y: x + y),
    "subtract": (2, lambda x, y: x - y),
    "multiply": (2, lambda x, y: x * y),
    "divide": (2, lambda x, y: x / (y * y + 1)),
    "maximum": (2, ag.maximum),
    "minimum": (2, ag.minimum),
    "where": (2, lambda x, y: ag.where(x > y, x, y)),
    "number": (1, lambda x: 2 / (x * x + 7) - 3 * x),
    "negative": (1, lambda x: -x),
    "reciprocal": (1, lambda x: (x * x + 1).reciprocal()),
    "square": (1, ag.square),
    "cube": (1, lambda x: x**3),
    "fifth power": (1, lambda x: x**5),
    "sqrt": (1, lambda x: (x * x + 1).sqrt()),
    "rsqrt": (1, lambda x: (x * x + 1).rsqrt()),
    "abs": (1, ag.abs),
    "exp": (1, ag.exp),
    "expm1": (1, ag.expm1),
    "log": (1, lambda x: (x * x + 1).log()),
    "tanh": (1, ag.tanh),
    "sigmoid": (1, ag.sigmoid),
    "clamp": (1, lambda x: x.clamp(-0.5, 1)),
    "clamp below": (1, lambda x: x.clamp(min=-0.5)),
    "gelu": (1, F.gelu),
    "gelu by tanh": (1, lambda x: F.gelu(x, approximate="tanh")),
    **{name: (1, getattr(F, name)) for name in ACTIVATIONS},
    "mse_loss": (2, F.mse_loss),
    "huber_loss": (2, lambda x, y: F.huber_loss(x, y, delta=0.7)),
    "smooth_l1_loss": (2, lambda x, y: F.smooth_l1_loss(x, y, beta=0.5)),
    "logits": (2, lambda x, y: F.binary_cross_entropy_with_logits(x, y * y)),
    "sum": (1, lambda x: x.sum()),
    "mean of rows": (1, lambda x: x.mean(1)),
    "sum of columns": (1, lambda x: x.sum(0, keepdim=True)),
}


@pytest.mark.parametrize("order", ["C", "F"])
@both
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_gradients(name, compiled, order):
    count, function = FUNCTIONS[name]
    inputs = [np.asarray(x, order=order) for x in arrays(count)]
    g = np.random.default_rng(1).standard_normal(function(*map(ag.tensor, inputs)).shape).astype(np.float32)
    wanted = gradients(function, inputs, g, ag.float64)
    with using(compiled):
        found = gradients(function, inputs, g, ag.float32)
    close(found, wanted, rtol=3e-5)


@pytest.mark.parametrize("name", ["gelu", "silu", "softplus", "elu", "mish", "multiply", "sigmoid", "huber_loss"])
def test_second_derivative(name):
    count, function = FUNCTIONS[name]
    inputs = arrays(count)

    def second(dtype):
        tensors = [ag.tensor(x, dtype=dtype, requires_grad=True) for x in inputs]
        first = ag.autograd.grad((function(*tensors) ** 2).sum(), tensors, create_graph=True)
        return ag.autograd.grad(sum((f * f).sum() for f in first), tensors)

    for got, want in zip(second(ag.float32), second(ag.float64), strict=True):
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=2e-4, atol=2e-5 * max(1, float(want.abs().max())))


# ---- layouts and types -------------------------------------------------------------------------------------------


def blend(x, y):
    return x * 3 - y


@both
@pytest.mark.parametrize(
    "layout",
    [
        lambda x: x,
        lambda x: x.transpose(0, 2, 3, 1),
        lambda x: x[:, ::2],
        lambda x: x[::-1, :, ::-1],
        lambda x: np.broadcast_to(x[:1], x.shape),
        lambda x: np.broadcast_to(np.float32(2), x.shape),
        lambda x: x[:, :1].repeat(7, 1),
    ],
)
def test_layouts(layout, compiled):
    """Any two orders in memory give the right elements."""
    x = np.random.default_rng(0).standard_normal((14, 14, 28, 28)).astype(np.float32)
    y = np.ascontiguousarray(layout(x) * 2)
    for a, b in ((layout(x), y), (y, layout(x)), (layout(x), layout(x))):
        with using(compiled):
            got = fused(blend)(a, b)
        np.testing.assert_allclose(got, blend(a, b), rtol=1e-6, atol=1e-6)
        assert got.base is None  # it owns its memory: nothing will copy it


@both
def test_types_and_sizes(compiled):
    """What is not float32 is computed in its own type, whatever the number of elements."""
    double = fused(lambda x: x + x)
    with using(compiled):
        for size in (0, 1, LARGE - 1, LARGE, ALONE // 4 + 1, ALONE + 3):
            for dtype in (np.float32, np.float64, np.int64, np.float16, np.complex64, bool):
                x = (np.arange(size) % 5).astype(dtype)
                got = double(x)
                np.testing.assert_array_equal(got, x + x)
                assert got.dtype == (x + x).dtype
    assert double(3) == 6


@both
def test_other_shapes_broadcast(compiled):
    x, row = arrays(1)[0], np.arange(SHAPE[1], dtype=np.float32)
    with using(compiled):
        np.testing.assert_array_equal((ag.tensor(x) * ag.tensor(row)).numpy(), x * row)
        np.testing.assert_array_equal((ag.tensor(x) + ag.tensor(2.0)).numpy(), x + 2)
        np.testing.assert_array_equal((1 - ag.tensor(x)).numpy(), 1 - x)
        with pytest.raises(RuntimeError, match="add: the shapes"):
            ag.tensor(x) + ag.tensor(x[:, :7])


def test_error_in_a_block_is_raised():
    def formula(x):
        raise ValueError("no")

    with disabled(), pytest.raises(ValueError, match="no"):
        fused(formula)(np.zeros(ALONE))


def test_leaves_have_gradients_of_their_own():
    """A gradient that a rule hands on is copied for each leaf, however many there are."""
    x, y = (ag.tensor(a, requires_grad=True) for a in arrays(2))
    g = ag.ones(*SHAPE)
    (x + y).backward(g)
    x.grad.mul_(5)
    assert float(y.grad.max()) == float(g.max()) == 1
    z = ag.tensor(arrays(1)[0], requires_grad=True)
    (z + z.reshape(-1).reshape(*SHAPE) + z * 2).backward(g)
    assert (z.grad.numpy() == 4).all()
    assert float(g.max()) == 1
