"""OpCase: one line tests one op, and each of its checks can fail."""

import numpy as np
import pytest

import autograd as ag
from autograd.testing import BINARY, GradCheckError, OpCase, S, draw, integers, uncovered


def test_samples_are_the_same_each_time():
    case = OpCase("add", *BINARY)
    for first, second in zip(case.calls("float32"), case.calls("float32"), strict=True):
        for a, b in zip(first.args, second.args, strict=True):
            assert a.dtype == np.float32
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("domain", "holds"),
    [
        ("any", lambda x: np.all(np.abs(x) >= 0.1)),
        ("positive", lambda x: np.all(x > 0.1)),
        ("unit", lambda x: np.all(np.abs(x) < 1)),
        ("probability", lambda x: np.all((x > 0) & (x < 1))),
        ("above 1", lambda x: np.all(x > 1)),
        ("square", lambda x: np.linalg.cond(x) < 20),
        ("positive definite", lambda x: np.all(np.linalg.eigvalsh(x) > 0.5)),
        (integers(5, 2), lambda x: np.all((x >= 2) & (x < 5))),
        (lambda rng, shape: rng.normal(size=shape) + 10, lambda x: np.all(x > 5)),
    ],
)
def test_domains(domain, holds):
    for seed in range(20):
        assert holds(draw(domain, (4, 4))(np.random.default_rng(seed), np.dtype("float64")))


def test_kinks_are_kept_away_from():
    case = OpCase("clamp", S((50, 50)), domain=lambda rng, shape: rng.uniform(-1, 1, shape), kinks=(-0.5, 0.5))
    (x,) = next(case.calls()).args
    assert np.min(np.abs(np.abs(x) - 0.5)) >= 0.05 - 1e-12


def only(check, *args, **kwargs):
    case = OpCase(*args, **kwargs)
    for name in case.checks:
        if name == check:
            with pytest.raises((AssertionError, RuntimeError, TypeError)) as caught:
                case.check(name)
            return str(caught.value)
    raise AssertionError(f"{check} does not apply")


def test_each_check_can_fail():
    off = lambda x: x.exp() * 1.001
    assert "of the reference" in only("values", off, S((2, 3)), reference=np.exp)

    def mutates(x):
        x.numpy()[...] = 0
        return x.sum()

    assert "changed in place" in only("values", mutates, S((2, 3)))
    assert "float64 for float32" in only("dtypes", lambda x: x.to(ag.float64), S((2, 3)))
    message = only("gradients", lambda x: x * x.detach(), S((2, 3)))
    assert "0.5 × numeric" in message
    memory = lambda x: ag.from_numpy(np.ravel(x.detach().numpy(), order="K").copy())
    assert "fortran memory" in only("layouts", memory, S((2, 3)), order=0)
    assert "implicit conversion" in only("strict", lambda x: x + ag.from_numpy(np.asarray(x.array)), S((2, 3)))
    host = lambda x: x * 0 + ag.from_numpy(np.ones(3))
    assert "at least two devices" in only("strict", host, S((2, 3)))


def test_torch_is_compared_with():
    torch = pytest.importorskip("torch")
    with pytest.raises(GradCheckError, match="value of out"):
        OpCase(lambda x: x.exp(), S((2, 3)), torch=torch.expm1).check("torch")
    with pytest.raises(AttributeError):
        OpCase("exp", S((2, 3)), torch="no_such_op").check("torch")


def test_uncovered():
    cases = [OpCase("exp"), OpCase("log", domain="positive")]
    assert uncovered(cases, ["exp", "tan", "log"]) == ["tan"]
    assert str(cases[0]) == "exp"
    assert repr(cases[0]) == "OpCase('exp')"


def test_what_may_be_left_out():
    case = OpCase("argmax", S((3, 4)), order=0, layouts=False, strict=False, torch=None)
    assert case.checks == ("values", "dtypes")
    with pytest.raises(ValueError, match="expected a domain of"):
        draw("nowhere", (2,))
