"""All names of ``torch.distributions``, one by one: constraints, transforms, registries, distributions, divergences."""

from __future__ import annotations

import inspect
import itertools
import math
import re

import numpy as np
import pytest

import autograd as ag
from autograd import distributions as D
from tests.conftest import referee
from tests.parity.bridge import assert_same
from tests.parity.bridge import ours as bridged
from tests.test_distributions import CASES, pair

torch = referee()
T = torch.distributions
PLACES = ("", "constraints", "transforms", "constraint_registry", "utils", "kl")


@pytest.fixture(autouse=True)
def float64():
    """PyTorch's distributions take their numbers in the default type."""
    before = ag.get_default_dtype(), torch.get_default_dtype()
    ag.set_default_dtype(ag.float64)
    torch.set_default_dtype(torch.float64)
    yield
    ag.set_default_dtype(before[0])
    torch.set_default_dtype(before[1])


MISSING: set[str] = set()  # names of PyTorch's that are absent on purpose


def inside(module, place):
    return getattr(module, place) if place else module


@pytest.mark.parametrize("place", PLACES)
def test_names(place):
    theirs, mine = inside(T, place), inside(D, place)
    absent = {name for name in theirs.__all__ if not hasattr(mine, name)}
    assert absent == MISSING & set(theirs.__all__)
    assert not set(getattr(mine, "__all__", ())) - set(theirs.__all__)


KINDS = [
    name for name in T.__all__ if inspect.isclass(getattr(T, name)) and issubclass(getattr(T, name), T.Distribution)
]
FUNCTIONS = [name for name in T.transforms.__all__ if inspect.isclass(getattr(T, name))]


def names_of(function):
    """The names of the arguments, without those by which PyTorch tunes how it computes."""
    return [
        p for p in inspect.signature(function).parameters if p not in ("self", "max_try_correction", "intermediates")
    ]


@pytest.mark.parametrize("name", [*KINDS, *FUNCTIONS])
def test_members(name):
    theirs, mine = getattr(T, name), getattr(D, name)
    public = {member for member in dir(theirs) if member[0] != "_"}
    assert public - set(dir(mine)) <= set(names_of(theirs))  # parameters are attributes of an instance
    assert names_of(mine) == names_of(theirs)
    for member in public:
        if inspect.isfunction(getattr(theirs, member)):
            assert names_of(getattr(mine, member)) == names_of(getattr(theirs, member)), member


# ---- constraints -------------------------------------------------------------------------------------------------

NUMBERS = np.array([-math.inf, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, math.inf, math.nan])
VECTORS = np.array(
    [[0.2, 0.5, 0.3], [0.0, 1.0, 0.0], [1.0, 1.0, 0.0], [2.0, 1.0, 0.0], [-0.5, 1.0, 0.5], [math.nan, 1.0, 0.0]]
)
MATRICES = np.stack(
    [
        np.eye(3),
        np.diag([1.0, 0.0, 2.0]),
        np.diag([1.0, -1.0, 2.0]),
        np.tril(np.full((3, 3), 0.5)),
        np.array([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.0, 0.6, 0.8]]),
        np.array([[2.0, 0.3, 0.1], [0.3, 1.0, -0.2], [0.1, -0.2, 0.7]]),
        np.array([[1.0, 2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    ]
)
ASYMMETRIC = np.concatenate([MATRICES, np.triu(np.ones((3, 3)))[None]])

# For each public name: how a program makes the constraint, and values of all kinds.
CONSTRAINTS = {
    "boolean": (lambda c, t: c.boolean, NUMBERS),
    "cat": (lambda c, t: c.cat([c.real, c.positive, c.unit_interval], 0, [3, 4, 5]), NUMBERS),
    "cat of vectors": (lambda c, t: c.cat([c.simplex, c.real_vector], 0, [4, 2]), VECTORS),
    "corr_cholesky": (lambda c, t: c.corr_cholesky, MATRICES),
    "greater_than": (lambda c, t: c.greater_than(0.5), NUMBERS),
    "greater_than of tensors": (lambda c, t: c.greater_than(t([0.5, 1.0, -1.0])), VECTORS),
    "greater_than_eq": (lambda c, t: c.greater_than_eq(0.5), NUMBERS),
    "independent": (lambda c, t: c.independent(c.positive, 1), VECTORS),
    "independent of vectors": (lambda c, t: c.independent(c.simplex, 1), VECTORS),
    "integer_interval": (lambda c, t: c.integer_interval(-1, 2), NUMBERS),
    "interval": (lambda c, t: c.interval(-1.0, 2.0), NUMBERS),
    "half_open_interval": (lambda c, t: c.half_open_interval(-1.0, 2.0), NUMBERS),
    "less_than": (lambda c, t: c.less_than(0.5), NUMBERS),
    "lower_cholesky": (lambda c, t: c.lower_cholesky, ASYMMETRIC),
    "lower_triangular": (lambda c, t: c.lower_triangular, ASYMMETRIC),
    "MixtureSameFamilyConstraint": (
        lambda c, t: c.MixtureSameFamilyConstraint(c.interval(t([0.0, -1.0]), t([1.0, 0.6]))),
        NUMBERS,
    ),
    "multinomial": (lambda c, t: c.multinomial(2), VECTORS),
    "nonnegative": (lambda c, t: c.nonnegative, NUMBERS),
    "nonnegative_integer": (lambda c, t: c.nonnegative_integer, NUMBERS),
    "one_hot": (lambda c, t: c.one_hot, VECTORS),
    "positive": (lambda c, t: c.positive, NUMBERS),
    "positive_semidefinite": (lambda c, t: c.positive_semidefinite, MATRICES[[0, 1, 2, 5, 6]]),
    "positive_semidefinite of others": (lambda c, t: c.positive_semidefinite, ASYMMETRIC),
    "positive_definite": (lambda c, t: c.positive_definite, MATRICES[[0, 1, 2, 5, 6]]),
    "positive_definite of others": (lambda c, t: c.positive_definite, ASYMMETRIC),
    "positive_integer": (lambda c, t: c.positive_integer, NUMBERS),
    "real": (lambda c, t: c.real, NUMBERS),
    "real_vector": (lambda c, t: c.real_vector, VECTORS),
    "simplex": (lambda c, t: c.simplex, VECTORS),
    "square": (lambda c, t: c.square, ASYMMETRIC),
    "square of others": (lambda c, t: c.square, ASYMMETRIC[:, :2]),
    "stack": (lambda c, t: c.stack([c.real, c.positive, c.unit_interval], -1), VECTORS),
    "stack of vectors": (lambda c, t: c.stack([c.simplex] * 6, 0), VECTORS),
    "symmetric": (lambda c, t: c.symmetric, MATRICES[[0, 1, 2, 5, 6]]),
    "symmetric of others": (lambda c, t: c.symmetric, ASYMMETRIC),
    "unit_interval": (lambda c, t: c.unit_interval, NUMBERS),
    "an upper bound of whole numbers": (lambda c, t: c._IntegerLessThan(1), NUMBERS),
}
DECLARATIONS = {"Constraint", "dependent", "dependent_property", "is_dependent"}


def both(make):
    return make(D.constraints, ag.tensor), make(T.constraints, torch.tensor)


def test_all_constraints_are_compared():
    assert DECLARATIONS | {name.split(" of ")[0] for name in CONSTRAINTS} >= set(T.constraints.__all__)


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_a_constraint(name):
    make, values = CONSTRAINTS[name]
    mine, theirs = both(make)
    assert_same(mine.check(ag.tensor(values)), theirs.check(torch.tensor(values)))
    assert (mine.is_discrete, mine.event_dim) == (theirs.is_discrete, theirs.event_dim)
    assert isinstance(mine, D.constraints.Constraint)
    assert name == "multinomial" or str(mine) == str(theirs)  # ours shows the bound


def test_dependent_constraints():
    class Ours:
        @D.constraints.dependent_property(is_discrete=False, event_dim=1)
        def support(self):
            return D.constraints.real_vector

        @D.constraints.dependent_property
        def other(self):
            return D.constraints.real

    dependent = D.constraints.dependent
    assert D.constraints.is_dependent(Ours.support)
    assert D.constraints.is_dependent(dependent)
    assert not D.constraints.is_dependent(Ours().support)
    assert (Ours.support.event_dim, Ours.support.is_discrete) == (1, False)
    assert (Ours().support, Ours().other) == (D.constraints.real_vector, D.constraints.real)
    assert dependent(event_dim=2)(is_discrete=True).event_dim == 2
    for unknown in (Ours.other, dependent):
        with pytest.raises(NotImplementedError, match="a declaration that says event_dim"):
            _ = unknown.event_dim
        with pytest.raises(ValueError, match="cannot check"):
            unknown.check(ag.ones(1))


def test_mistakes_with_constraints():
    c = D.constraints
    for make in (
        lambda: c.independent(1, 2),
        lambda: c.cat([1]),
        lambda: c.stack([1]),
        lambda: c.MixtureSameFamilyConstraint(3),
    ):
        with pytest.raises(TypeError, match=r"expected .*Constraint"):
            make()
    with pytest.raises(ValueError, match="a length for each of 2 constraints"):
        c.cat([c.real, c.real], lengths=[1])
    for deep in (c.real_vector, c.MixtureSameFamilyConstraint(c.real_vector)):
        with pytest.raises(ValueError, match="at least 1 dimensions"):
            deep.check(ag.tensor(1.0))
    with pytest.raises(ValueError, match="expected 2 in dimension 0"):
        c.stack([c.real, c.real]).check(ag.zeros(3))
    with pytest.raises(AttributeError, match="no attribute '_Nothing'"):
        _ = c._Nothing


# ---- registries --------------------------------------------------------------------------------------------------

RANDOM = np.random.default_rng(0)
TARGETS = {
    "real": ("real", (2, 3)),
    "real_vector": ("real_vector", (2, 3)),
    "positive": ("positive", (2, 3)),
    "nonnegative": ("nonnegative", (2, 3)),
    "greater_than": ("greater_than", (2, 3)),
    "greater_than of tensors": ("greater_than of tensors", (2, 3)),
    "greater_than_eq": ("greater_than_eq", (2, 3)),
    "less_than": ("less_than", (2, 3)),
    "interval": ("interval", (2, 3)),
    "half_open_interval": ("half_open_interval", (2, 3)),
    "unit_interval": ("unit_interval", (2, 3)),
    "simplex": ("simplex", (2, 3)),
    "independent": ("independent", (2, 3)),
    "corr_cholesky": ("corr_cholesky", (2, 6)),
    "cat": ("cat", (12,)),
    "stack": ("stack", (2, 3)),
    "lower_cholesky": ("lower_cholesky", (2, 3, 3)),
    "positive_definite": ("positive_definite", (2, 3, 3)),
    "positive_semidefinite": ("positive_semidefinite", (2, 3, 3)),
}
ONLY_ONE_WAY = {"lower_cholesky", "positive_definite", "positive_semidefinite"}  # transform_to


def compare_transform(mine, theirs, x, stretch=True):
    """Values, inverses, stretching and all gradients; shapes, domains, signs."""
    a, b = ag.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, z = mine(a), theirs(b)
    assert_same(y, z)
    assert_same(mine.inv(y), theirs.inv(z), rtol=1e-6)
    assert mine.bijective == theirs.bijective
    assert str(mine.domain), str(mine.codomain) == (str(theirs.domain), str(theirs.codomain))
    assert (mine.domain.event_dim, mine.codomain.event_dim) == (theirs.domain.event_dim, theirs.codomain.event_dim)
    assert mine.codomain.check(y).all()
    assert repr(mine) == repr(theirs)
    assert tuple(mine.forward_shape(a.shape)) == tuple(theirs.forward_shape(b.shape)) == tuple(z.shape)
    assert tuple(mine.inverse_shape(y.shape)) == tuple(theirs.inverse_shape(z.shape))
    ends, ends_of_theirs = [y, mine.inv(y.detach().requires_grad_())], [z, theirs.inv(z.detach().requires_grad_())]
    if stretch:
        s, t = mine.log_abs_det_jacobian(a, y), theirs.log_abs_det_jacobian(b, z)
        assert_same(s, t)
        assert_same(mine.inv.log_abs_det_jacobian(y, a), theirs.inv.log_abs_det_jacobian(z, b))
        ends[0], ends_of_theirs[0] = y.sin().sum() + s.sum(), z.sin().sum() + t.sum()
    else:
        ends[0], ends_of_theirs[0] = y.sin().sum(), z.sin().sum()
    ends[0].backward()
    ends_of_theirs[0].backward()
    assert_same(a.grad, b.grad, rtol=1e-6)


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("registry", ["transform_to", "biject_to"])
def test_registries(registry, name):
    made, shape = TARGETS[name]
    mine, theirs = both(CONSTRAINTS[made][0])
    if registry == "biject_to" and name in ONLY_ONE_WAY:
        with pytest.raises(NotImplementedError, match="no transform to"):
            D.biject_to(mine)
        return
    f, g = getattr(D, registry)(mine), getattr(T, registry)(theirs)
    x = RANDOM.standard_normal(shape)
    if "semidefinite" not in name:  # no stretching of matrices, nor of what is not one to one
        compare_transform(f, g, x, stretch=name not in ONLY_ONE_WAY and g.bijective)
    assert mine.check(f(ag.tensor(x))).all()


def test_every_registered_constraint_is_compared():
    for registry in ("transform_to", "biject_to"):
        known = {type(both(CONSTRAINTS[made][0])[1]) for made, _ in TARGETS.values()}
        assert known >= set(getattr(T, registry)._registry)


def test_a_constraint_of_ones_own():
    class Even(D.constraints.Constraint):
        pass

    registry = D.constraint_registry.ConstraintRegistry()

    @registry.register(Even)
    def _(constraint):
        return D.AffineTransform(0.0, 2.0)

    assert registry(Even()) == D.AffineTransform(0.0, 2.0)
    registry.register(Even(), lambda constraint: D.ExpTransform())
    assert registry(Even()) == D.ExpTransform()
    with pytest.raises(NotImplementedError, match="no transform to Real"):
        registry(D.constraints.real)
    with pytest.raises(TypeError, match="expected a Constraint"):
        registry.register(3, lambda constraint: None)


# ---- transforms --------------------------------------------------------------------------------------------------

SHARES = np.array([[0.2, 0.5, 0.3], [0.1, 0.3, 0.6]])
REALS = np.array([[0.3, -1.2, 2.0], [0.5, 0.7, -0.7]])
TRANSFORMS = {
    "AbsTransform": (lambda d, t: d.AbsTransform(), REALS),
    "AffineTransform": (lambda d, t: d.AffineTransform(t([1.0, 2.0, 3.0]), t([[2.0], [-0.5]])), REALS),
    "AffineTransform of vectors": (lambda d, t: d.AffineTransform(1.0, -3.0, event_dim=1), REALS),
    "CatTransform": (lambda d, t: d.CatTransform([d.ExpTransform(), d.AffineTransform(1.0, 2.0)], -1, [1, 2]), REALS),
    "CatTransform of rows": (lambda d, t: d.CatTransform([d.ExpTransform(), d.TanhTransform()], 0), REALS),
    "ComposeTransform": (
        lambda d, t: d.ComposeTransform(
            [d.AffineTransform(1.0, -2.0), d.StickBreakingTransform(), d.PowerTransform(2.0)]
        ),
        REALS,
    ),
    "CorrCholeskyTransform": (lambda d, t: d.CorrCholeskyTransform(), REALS),
    "CumulativeDistributionTransform": (
        lambda d, t: d.CumulativeDistributionTransform(d.Laplace(t(0.3), t(2.0))),
        REALS,
    ),
    "ExpTransform": (lambda d, t: d.ExpTransform(), REALS),
    "IndependentTransform": (lambda d, t: d.IndependentTransform(d.ExpTransform(), 1), REALS),
    "LowerCholeskyTransform": (lambda d, t: d.LowerCholeskyTransform(), MATRICES[3:5]),
    "PositiveDefiniteTransform": (lambda d, t: d.PositiveDefiniteTransform(), MATRICES[3:5]),
    "PowerTransform": (lambda d, t: d.PowerTransform(t([2.0, -0.5, 3.0])), SHARES),
    "ReshapeTransform": (lambda d, t: d.ReshapeTransform((3,), (3, 1)), REALS),
    "SigmoidTransform": (lambda d, t: d.SigmoidTransform(), REALS * 20),
    "SoftmaxTransform": (lambda d, t: d.SoftmaxTransform(), REALS),
    "SoftplusTransform": (lambda d, t: d.SoftplusTransform(), REALS * 20),
    "StackTransform": (
        lambda d, t: d.StackTransform([d.ExpTransform(), d.identity_transform, d.TanhTransform()], -1),
        REALS,
    ),
    "StickBreakingTransform": (lambda d, t: d.StickBreakingTransform(), REALS),
    "TanhTransform": (lambda d, t: d.TanhTransform(), REALS),
    "identity_transform": (lambda d, t: d.identity_transform, REALS),
}
WITHOUT_STRETCHING = {"AbsTransform", "LowerCholeskyTransform", "PositiveDefiniteTransform", "SoftmaxTransform"}


def test_all_transforms_are_compared():
    assert {name.split(" of ")[0] for name in TRANSFORMS} | {"Transform"} == set(T.transforms.__all__)


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("cache_size", [0, 1])
def test_a_transform(name, cache_size):
    make, x = TRANSFORMS[name]
    mine, theirs = make(D, ag.tensor).with_cache(cache_size), make(T, torch.tensor).with_cache(cache_size)
    compare_transform(mine, theirs, x, name not in WITHOUT_STRETCHING)
    if name in WITHOUT_STRETCHING:
        with pytest.raises(NotImplementedError, match="no log_abs_det_jacobian"):
            mine.log_abs_det_jacobian(ag.tensor(x), ag.tensor(x))
    a = ag.tensor(x)
    y = mine(a)
    if cache_size and name != "AbsTransform" and not name.startswith(("Stack", "Cat", "identity")):
        assert mine.inv(y) is a
        assert mine(a) is y
    assert mine.inv.inv == mine
    assert mine == mine.with_cache(1 - cache_size) or name == "CumulativeDistributionTransform"
    assert mine != D.Transform()
    try:
        sign = theirs.sign
    except NotImplementedError:
        with pytest.raises(NotImplementedError, match="neither increases nor decreases"):
            _ = mine.sign
    else:
        assert_same(mine.sign, sign) if isinstance(sign, torch.Tensor) else None
        assert isinstance(sign, torch.Tensor) or mine.sign == sign


def test_a_transform_of_ones_own():
    class Cube(D.Transform):
        domain = codomain = D.constraints.real
        bijective, sign = True, 1

        def _call(self, x):
            return x**3

        def _inverse(self, y):
            return y.sign() * y.abs() ** (1 / 3)

        def log_abs_det_jacobian(self, x, y):
            return (3 * x**2).log()

    x = ag.tensor([0.5, -2.0])
    p = D.TransformedDistribution(D.Normal(ag.zeros(2), 1.0), [Cube(cache_size=1), D.ExpTransform()])
    expected = D.Normal(0.0, 1.0).log_prob(x) - (3 * x**2).log() - x**3
    np.testing.assert_allclose(p.log_prob((x**3).exp()).numpy(), expected.numpy(), rtol=1e-5)
    np.testing.assert_allclose(p.cdf((x**3).exp()).numpy(), D.Normal(0.0, 1.0).cdf(x).numpy(), rtol=1e-5)
    assert (repr(Cube()), Cube().event_dim) == ("Cube()", 0)


def test_mistakes_with_transforms():
    with pytest.raises(ValueError, match="cache_size to be 0 or 1"):
        D.ExpTransform(cache_size=2)
    with pytest.raises(ValueError, match="as many elements"):
        D.ReshapeTransform((2,), (3,))
    with pytest.raises(ValueError, match=r"ends with \(2,\)"):
        D.ReshapeTransform((2,), (1, 2))(ag.zeros(3))
    with pytest.raises(ValueError, match="at least 1 dimensions"):
        D.IndependentTransform(D.ExpTransform(), 1)(ag.tensor(1.0))
    with pytest.raises(ValueError, match="n \\(n - 1\\) / 2 numbers"):
        D.CorrCholeskyTransform().forward_shape((4,))
    with pytest.raises(ValueError, match=r"domain\.event_dim and codomain\.event_dim"):
        _ = D.CorrCholeskyTransform().event_dim
    with pytest.raises(ValueError, match="expected length 3 in dimension 0"):
        D.CatTransform([D.ExpTransform()], lengths=[3])(ag.zeros(2))
    with pytest.raises(TypeError, match="expected Transforms, got int"):
        D.StackTransform([1])
    for wrong in ("Transform", [3]):
        with pytest.raises(ValueError, match="expected a Transform or a list"):
            D.TransformedDistribution(D.Normal(0.0, 1.0), wrong)
    with pytest.raises(ValueError, match="at least 1 dimensions"):
        D.TransformedDistribution(D.Normal(0.0, 1.0), D.StickBreakingTransform())


# ---- distributions -----------------------------------------------------------------------------------------------

BASES = {"Distribution", "ExponentialFamily", "Independent", "MixtureSameFamily", "TransformedDistribution"}
# Where PyTorch's own number is wrong, or none.
DIFFERENT = {
    ("kumaraswamy", "mode"),  # NaN: it takes the logarithm of a negative number
}
NO_GRADIENT = {
    *((name, "cdf") for name in ("gamma", "chi2", "inverse gamma")),  # by the concentration, in either library
    *(
        ("generalized pareto", member) for member in ("log_prob", "cdf", "icdf")
    ),  # PyTorch's is 0 where the concentration is
}


def test_all_distributions_are_compared():
    assert {kind for kind, *_ in CASES.values()} | BASES == set(KINDS)


def outcome(p, name, *args):
    """A property or what a method returns; None where it is not in closed form."""
    try:
        value = getattr(p, name)
        return value(*args) if callable(value) else value
    except NotImplementedError:
        return None


def shown(thing):
    """In words, without what says how it was computed."""
    return " ".join(
        re.sub(r",?\s*(grad_fn=<\w+>|requires_grad=True)", "", str(thing)).replace("autograd.", "torch.").split()
    )


def gradients(library, value, parameters):
    leaves = [p for p in parameters.values() if not isinstance(p, int)]
    if not value.requires_grad:
        return [None] * len(leaves)
    return library.autograd.grad(value.sum(), leaves, allow_unused=True, retain_graph=True)


@pytest.mark.parametrize(
    "member", ["log_prob", "cdf", "icdf", "mean", "mode", "variance", "stddev", "entropy", "perplexity"]
)
@pytest.mark.parametrize("name", CASES)
def test_numbers(name, member):
    p, q, ours, theirs, value = pair(name)
    if (name, member) in DIFFERENT:
        return
    value = (
        (np.full(tuple(q.batch_shape), 0.3),) if member == "icdf" else (value,) if member in ("log_prob", "cdf") else ()
    )
    expected = outcome(q, member, *map(torch.tensor, value))
    actual = outcome(p, member, *map(ag.tensor, value))
    if expected is None:
        return  # what we have in closed form and PyTorch has not: the formulas are tested by draws
    rtol = 1e-6 if name == "angles" else 1e-8  # PyTorch's Bessel functions are less exact
    assert_same(actual, expected, rtol, atol=1e-10)
    if (name, member) in NO_GRADIENT:
        return
    for a, b in zip(gradients(ag, actual, ours), gradients(torch, expected, theirs), strict=True):
        if b is not None and not b.isnan().any() and (a is not None or b.any()):
            assert_same(a, b, rtol * 10, atol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_declarations(name):
    p, q, *_ = pair(name)
    assert shown(p.arg_constraints) == shown(q.arg_constraints)
    assert name == "multinomial" or shown(p.support) == shown(q.support)
    assert (p.support.event_dim, p.support.is_discrete) == (q.support.event_dim, q.support.is_discrete)
    assert (p.has_rsample, p.has_enumerate_support) == (q.has_rsample, q.has_enumerate_support)
    assert (tuple(p.batch_shape), tuple(p.event_shape)) == (tuple(q.batch_shape), tuple(q.event_shape))
    assert isinstance(p, D.ExponentialFamily) == isinstance(q, T.ExponentialFamily)
    assert isinstance(p, D.TransformedDistribution) == isinstance(q, T.TransformedDistribution)
    assert p.support.check(p.sample((50,))).all()


@pytest.mark.filterwarnings("ignore:Singular sample")  # PyTorch's Wishart
@pytest.mark.parametrize("name", CASES)
def test_expand_and_draws(name):
    p, q, *_, value = pair(name)
    shape = (3, *p.batch_shape)
    wide, theirs = p.expand(shape), q.expand(shape)
    assert type(wide) is type(p)
    assert tuple(wide.batch_shape) == shape
    assert_same(wide.log_prob(ag.tensor(value)), theirs.log_prob(torch.tensor(value)))
    for sample_shape in ((), (2,), (2, 1)):
        assert tuple(wide.sample(sample_shape).shape) == tuple(theirs.sample(sample_shape).shape)
        assert not wide.sample(sample_shape).requires_grad
        assert wide.sample(sample_shape).dtype == np.dtype(str(theirs.sample().dtype).removeprefix("torch."))


@pytest.mark.parametrize("name", [name for name, (kind, *_) in CASES.items() if getattr(T, kind).has_enumerate_support])
def test_enumeration(name):
    p, q, *_ = pair(name)
    for expand in (True, False):
        assert_same(p.enumerate_support(expand), q.enumerate_support(expand))


def refusals(library, name):
    """Which of many wrong parameters and values are refused."""
    kind, parameters, value = CASES[name]
    make, tensor = getattr(D if library is ag else T, kind), library.tensor
    found = []

    def attempt(what, run):
        try:
            run()
        except (ValueError, library.linalg.LinAlgError):
            found.append(what)

    as_given = {k: v if k == "dim" else tensor(v) for k, v in parameters.items()}
    for k, wrong in itertools.product(parameters, (-1.0, 0.0, 1.5, math.nan, math.inf)):
        if k != "dim" and not (k in ("loc", "cov_factor") and math.isinf(wrong)):
            spoiled = np.array(parameters[k])
            spoiled.flat[0] = wrong
            attempt((k, wrong), lambda k=k, spoiled=spoiled: make(**{**as_given, k: tensor(spoiled)}))
    p = make(**as_given)
    for wrong in (-7.0, -1.0, 0.0, 0.5, 7.0, math.nan, math.inf):
        spoiled = np.array(value, float)
        spoiled.flat[0] = wrong
        attempt(("value", wrong), lambda spoiled=spoiled: p.log_prob(tensor(spoiled)))
    attempt("shape", lambda: p.log_prob(tensor(np.ones((5, 7)))))
    attempt("number", lambda: p.log_prob(0.5))
    return found


@pytest.mark.parametrize("name", CASES)
def test_what_is_refused(name):
    mine, theirs = refusals(ag, name), refusals(torch, name)
    if name == "continuous":  # PyTorch clamps probabilities before it looks
        mine = [what for what in mine if what[0] != "probs"]
        theirs = [what for what in theirs if what[0] != "probs"]
    if "number" not in mine:
        theirs = [what for what in theirs if what != "number"]  # we take 0.5 for a tensor
    assert mine == theirs


def test_independent_and_expand():
    def made(d, t):
        p = d.Independent(d.Bernoulli(t([[0.2, 0.5], [0.1, 0.9]])), 1)
        return p, p.expand((3, 2)), d.Independent(d.Bernoulli(t([0.3])), 0)

    for mine, theirs in zip(made(D, ag.tensor), made(T, torch.tensor), strict=True):
        value = np.ones((2, 2)) if theirs.event_shape else np.ones(2)
        for member, *args in (("mean",), ("mode",), ("variance",), ("stddev",), ("entropy",), ("log_prob", value)):
            assert_same(outcome(mine, member, *map(ag.tensor, args)), outcome(theirs, member, *map(torch.tensor, args)))
        assert (repr(mine), str(mine.support)) == (repr(theirs).replace("torch.", "autograd."), str(theirs.support))
        assert (mine.has_rsample, mine.has_enumerate_support) == (theirs.has_rsample, theirs.has_enumerate_support)
    assert_same(mine.enumerate_support(), theirs.enumerate_support())
    with pytest.raises(NotImplementedError, match="too many to enumerate"):
        made(D, ag.tensor)[0].enumerate_support()
    with pytest.raises(ValueError, match="0 to 1 dimensions"):
        D.Independent(D.Normal(ag.zeros(2), 1.0), 2)


TRANSFORMED = {
    "of numbers": lambda d, t: d.TransformedDistribution(
        d.Normal(t([0.5, -0.5]), t([1.0, 2.0])), [d.AffineTransform(1.0, -2.0), d.SigmoidTransform()]
    ),
    "of vectors": lambda d, t: d.TransformedDistribution(
        d.Normal(t([[0.5, -0.5], [0.1, 0.2]]), t([1.0, 2.0])), [d.StickBreakingTransform(), d.AffineTransform(0.0, 2.0)]
    ),
    "of events": lambda d, t: d.TransformedDistribution(
        d.MultivariateNormal(t([0.5, -0.5]), scale_tril=t([[1.0, 0.0], [0.5, 0.7]])), d.ExpTransform()
    ),
    "of matrices": lambda d, t: d.TransformedDistribution(
        d.Independent(d.Normal(t([[0.5, -0.5, 0.2, 0.3], [0.1, 0.2, 0.3, 0.4]]), t(1.0)), 1),
        d.ReshapeTransform((4,), (2, 2)),
    ),
    "by a tensor": lambda d, t: d.TransformedDistribution(
        d.Normal(t(0.5), t(1.0)), d.AffineTransform(t([0.0, 1.0, 2.0]), t(2.0))
    ),
    "of nothing": lambda d, t: d.TransformedDistribution(d.Normal(t([0.5]), t(1.0)), []),
}


@pytest.mark.parametrize("name", TRANSFORMED)
def test_transformed_distributions(name):
    mine, theirs = (TRANSFORMED[name](d, t) for d, t in ((D, ag.tensor), (T, torch.tensor)))
    value = theirs.sample((3,))
    assert_same(mine.log_prob(bridged(value)), theirs.log_prob(value))
    assert tuple(mine.rsample((3,)).shape) == tuple(value.shape)
    wide = theirs.expand((2, *theirs.batch_shape))
    assert_same(mine.expand(tuple(wide.batch_shape)).log_prob(bridged(value[:1])), wide.log_prob(value[:1]))
    assert str(mine.support) == str(theirs.support)
    assert (tuple(mine.batch_shape), tuple(mine.event_shape)) == (tuple(theirs.batch_shape), tuple(theirs.event_shape))
    if "numbers" in name or "nothing" in name:
        assert_same(mine.cdf(bridged(value)), theirs.cdf(value))
        assert_same(mine.icdf(ag.tensor([0.3])), theirs.icdf(torch.tensor([0.3])))


def test_mixtures():
    def made(d, t):
        weights, loc = t([0.2, 0.8]), t([[0.5, -0.5], [1.5, 0.2], [0.1, 0.2]])
        yield d.MixtureSameFamily(d.Categorical(weights), d.Normal(loc, t([1.0, 2.0])))
        yield d.MixtureSameFamily(d.Categorical(logits=loc), d.Uniform(loc, loc + 2))

    value = np.array([0.7, 1.6, 1.0])
    for mine, theirs in zip(made(D, ag.tensor), made(T, torch.tensor), strict=True):
        for member in ("mean", "variance", "stddev"):
            assert_same(getattr(mine, member), getattr(theirs, member))
        for member in ("log_prob", "cdf"):
            assert_same(getattr(mine, member)(ag.tensor(value)), getattr(theirs, member)(torch.tensor(value)))
        expected = theirs.expand((2, 3)).log_prob(torch.tensor(value))
        assert_same(mine.expand((2, 3)).log_prob(ag.tensor(value)), expected)
        assert mine.support.event_dim == theirs.support.event_dim
        assert mine.sample((5,)).shape == (5, 3)
    for library, p in ((ag, mine), (torch, theirs)):
        with pytest.raises(ValueError, match=r"support|constraint"):
            p.log_prob(library.tensor([9.0, 9.0, 9.0]))
    with pytest.raises(ValueError, match="expected a Distribution"):
        D.MixtureSameFamily(D.Categorical(ag.ones(2)), 3)
    with pytest.raises(ValueError, match="that fit together"):
        D.MixtureSameFamily(D.Categorical(ag.ones(3, 2)), D.Normal(ag.zeros(4, 2), 1.0))


class Rayleigh:
    """A class of one's own, for both libraries, as PyTorch's tutorials write them."""

    @staticmethod
    def of(d):
        class Rayleigh(d.Distribution):
            arg_constraints = {"scale": d.constraints.positive}  # noqa: RUF012
            support = d.constraints.nonnegative
            has_rsample = True

            def __init__(self, scale, validate_args=None):
                (self.scale,) = d.utils.broadcast_all(scale)
                super().__init__(self.scale.size(), validate_args=validate_args)

            def expand(self, batch_shape, _instance=None):
                new = self._get_checked_instance(Rayleigh, _instance)
                new.scale = self.scale.expand(batch_shape)
                super(Rayleigh, new).__init__(batch_shape, validate_args=False)
                new._validate_args = self._validate_args
                return new

            @d.utils.lazy_property
            def rate(self):
                return self.scale**-2

            def log_prob(self, value):
                if self._validate_args:
                    self._validate_sample(value)
                return value.log() + self.rate.log() - value**2 * self.rate / 2

        return Rayleigh


def test_a_distribution_of_ones_own():
    mine, theirs = Rayleigh.of(D)(ag.tensor([1.0, 2.0])), Rayleigh.of(T)(torch.tensor([1.0, 2.0]))
    assert_same(mine.log_prob(ag.tensor(3.0)), theirs.log_prob(torch.tensor(3.0)))
    assert repr(mine) == repr(theirs).replace("torch.", "autograd.")
    assert_same(mine.expand((3, 2)).log_prob(ag.tensor(3.0)), theirs.expand((3, 2)).log_prob(torch.tensor(3.0)))
    for wrong in (
        lambda: Rayleigh.of(D)(-1.0),
        lambda: mine.log_prob(ag.tensor(-1.0)),
        lambda: mine.log_prob(ag.ones(3)),
    ):
        with pytest.raises(ValueError, match="expected"):
            wrong()
    with pytest.raises(NotImplementedError, match="have no gradient"):
        mine.rsample()

    class Derived(type(mine)):
        def __init__(self):
            super().__init__(1.0)

    with pytest.raises(NotImplementedError, match=r"needs its own expand\(\)"):
        Derived().expand((2,))


# ---- divergences -------------------------------------------------------------------------------------------------

OF_KIND = {}
for _name, (_kind, *_rest) in CASES.items():
    OF_KIND.setdefault(_kind, _name)
PAIRS = sorted(
    (a.__name__, b.__name__)
    for a, b in T.kl._KL_REGISTRY
    if a.__name__ in OF_KIND
    and b.__name__ in OF_KIND  # the others are tested by themselves
    and (a.__name__, b.__name__)
    not in (
        ("LowRankMultivariateNormal", "MultivariateNormal"),  # of one batch in PyTorch
        ("Uniform", "ContinuousBernoulli"),  # infinite in PyTorch from 0 on, which has no reason
    )
)


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_divergences(a, b):
    def made(d, tensor, other):
        kind, parameters, _ = CASES[OF_KIND[a]]
        p = getattr(d, kind)(**{k: v if k == "dim" else tensor(v) for k, v in parameters.items()})
        kind, parameters, _ = CASES[OF_KIND[b]]
        move = {"probs": 0.03, "low": -3, "high": 3, "total_count": 0.0, "covariance_matrix": 0.0}
        moved = {k: tensor(v + move.get(k, 0.2)) for k, v in parameters.items()}
        return p, getattr(d, kind)(**moved, validate_args=False)

    expected = T.kl_divergence(*made(T, torch.tensor, b))
    assert_same(D.kl_divergence(*made(D, ag.tensor, b)), expected, rtol=1e-8, atol=1e-10)


def test_divergences_where_supports_end():
    def values(d, t):
        u = d.Uniform(t([0.2, -1.0, 0.5]), t([0.7, 0.5, 3.0]))
        yield from (
            d.kl_divergence(u, q) for q in (d.Beta(t(2.0), t(3.0)), d.Gamma(t(2.0), t(3.0)), d.Exponential(t(2.0)))
        )
        yield from (d.kl_divergence(u, q) for q in (d.Pareto(t(0.3), t(2.0)), d.ContinuousBernoulli(t(0.3)), u))
        yield d.kl_divergence(d.Beta(t(2.0), t(3.0)), d.Uniform(t([-1.0, 0.5]), t([2.0, 2.0])))
        yield d.kl_divergence(d.Categorical(t([0.0, 0.4, 0.6])), d.Categorical(t([0.0, 0.0, 1.0])))
        yield d.kl_divergence(d.LogNormal(t(0.3), t(1.0)), d.LogNormal(t(0.5), t(2.0)))
        yield d.kl_divergence(d.LogisticNormal(t([0.3, 0.1]), t(1.0)), d.LogisticNormal(t([0.5, 0.0]), t(2.0)))
        p, q = d.Independent(d.Normal(t([0.3, 0.1]), t(1.0)), 1), d.Independent(d.Normal(t([0.5, 0.0]), t(2.0)), 1)
        yield d.kl_divergence(p, q)
        loc = t([0.5, -0.5])
        p = d.LowRankMultivariateNormal(loc, t([[1.0], [2.0]]), t([0.5, 0.7]))
        yield d.kl_divergence(p, d.MultivariateNormal(loc + 1, t([[1.0, 0.5], [0.5, 2.0]])))

    for mine, theirs in zip(values(D, ag.tensor), values(T, torch.tensor), strict=True):
        assert_same(mine, theirs)
    for p, q in (
        (D.ContinuousBernoulli(0.3), D.Beta(1.0, 2.0)),
        (D.LogNormal(0.0, 1.0), D.Weibull(1.0, 1.0)),
        (D.Binomial(2, 0.5), D.Binomial(3, 0.5)),
        (D.Independent(D.Normal(ag.zeros(2), 1.0), 1), D.Independent(D.Normal(ag.zeros(2), 1.0), 0)),
    ):
        with pytest.raises(NotImplementedError, match=r"expected|no divergence"):
            D.kl_divergence(p, q)
    with pytest.raises(TypeError, match="two classes of distributions"):
        D.register_kl(D.Normal, 3)


# ---- utils -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("diag", [-2, -1, 0])
def test_triangles(diag):
    u, v = D.utils, T.utils
    expected = v.tril_matrix_to_vec(torch.tensor(MATRICES), diag)
    vec = u.tril_matrix_to_vec(ag.tensor(MATRICES), diag)
    assert_same(vec, expected)
    assert_same(u.vec_to_tril_matrix(vec, diag), v.vec_to_tril_matrix(expected, diag))
    with pytest.raises(ValueError, match="as many elements as a triangle"):
        u.vec_to_tril_matrix(ag.ones(4))


def test_probabilities_and_logits():
    for name, value in itertools.product(("probs_to_logits", "logits_to_probs"), (SHARES, np.array([[0.0, 1.0]]))):
        for binary in (False, True):
            assert_same(
                getattr(D.utils, name)(ag.tensor(value), binary), getattr(T.utils, name)(torch.tensor(value), binary)
            )
    assert_same(D.utils.clamp_probs(ag.tensor([0.0, 1.0])), T.utils.clamp_probs(torch.tensor([0.0, 1.0])))
    with pytest.raises(TypeError, match="expected tensors and numbers, got str"):
        D.utils.broadcast_all(1.0, "2")
