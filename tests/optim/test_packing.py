"""Packed parameters remain ordinary tensors: whatever is done to them, training equals that of PyTorch's separate ones."""

from __future__ import annotations

import copy
from collections import defaultdict

import numpy as np
import pytest

import autograd as ag
import nn
import optim
from autograd.graph import changed_since, clock
from autograd.tensor import wrap
from autograd.testing.strict import strict
from tests.optim.bridge import Twins

OPTIONS = {"SGD": {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}, "Adam": {"lr": 0.1}}


def all_packs(optimizer) -> list:
    return [pack for group in optimizer._arrangements.values() for pack in (*group.packs, *group.idle)]


def packs(optimizer) -> list[int]:
    """How many parameters are in each pack."""
    return sorted(len(pack.params) for pack in all_packs(optimizer))


@pytest.fixture(params=OPTIONS)
def twins(request):
    return Twins(request.param, OPTIONS[request.param])


def go_on(twins, steps: int = 5) -> None:
    for _ in range(steps):
        twins.step()
    assert twins.difference() < 1e-12


def test_small_ones_together_large_ones_alone(twins):
    go_on(twins)
    assert packs(twins.optimizer) == [1, 4]
    owners = {id(p.array) for p in twins.params}
    assert len(owners) == len(twins.params)


def test_data_replaced(twins):
    go_on(twins)
    for replace in (
        lambda p, v: setattr(p, "data", ag.tensor(v)),
        lambda p, v: setattr(p, "array", ag.tensor(v).array),
        lambda p, v: setattr(p, "array", ag.tensor(v).array.copy("F")),
        lambda p, v: p.detach().copy_(ag.tensor(v)),
    ):
        for k in (0, 2, 4):
            value = np.random.default_rng(k).standard_normal(twins.shapes[k])
            replace(twins.params[k], value)
            twins.torch_params[k].data.copy_(twins.torch_params[k].new_tensor(value))
        go_on(twins)
    assert packs(twins.optimizer)[-1] >= 2


def test_gradients_missing_now_and_then(twins):
    random = np.random.default_rng(0)
    for _ in range(40):
        twins.step(without=tuple(np.flatnonzero(random.random(5) < 0.3)))
    assert twins.difference() < 1e-12


def test_gradients_in_turns_settle(twins):
    """Two halves that are trained in turns, as in a GAN, become two packs and stay so."""
    for k in range(6):
        twins.step(without=(0, 1) if k % 2 else (2, 3, 4))
    settled = all_packs(twins.optimizer)
    for k in range(6):
        twins.step(without=(0, 1) if k % 2 else (2, 3, 4))
    assert set(settled) == set(all_packs(twins.optimizer))
    assert packs(twins.optimizer) == [1, 2, 2]
    assert twins.difference() < 1e-12


def test_requires_grad_switched_off_and_on(twins):
    go_on(twins)
    twins.params[0].requires_grad = False
    twins.torch_params[0].requires_grad = False
    go_on(twins)
    twins.params[0].requires_grad_()
    twins.torch_params[0].requires_grad_()
    go_on(twins)


def test_state_changed_by_hand(twins):
    go_on(twins)
    name = "exp_avg" if twins.name == "Adam" else "momentum_buffer"
    for k in (0, 3):
        twins.optimizer.state[twins.params[k]][name].zero_()
        twins.torch.state[twins.torch_params[k]][name].zero_()
    go_on(twins)
    twins.optimizer.state[twins.params[1]][name] = ag.ones(twins.shapes[1], dtype=ag.float64)
    twins.torch.state[twins.torch_params[1]][name].fill_(1.0)
    go_on(twins)
    if twins.name == "Adam":
        twins.optimizer.state[twins.params[2]]["step"].fill_(100.0)
        twins.torch.state[twins.torch_params[2]]["step"].fill_(100.0)
        go_on(twins)
        del twins.optimizer.state[twins.params[2]], twins.torch.state[twins.torch_params[2]]
        go_on(twins)
        assert packs(twins.optimizer) == ([1, 1, 3] if twins.params[0].is_cpu else [1] * 5)


def test_options_changed_on_the_way():
    twins = Twins("SGD", {"lr": 0.1})
    go_on(twins)
    assert not twins.optimizer.state
    for optimizer in (twins.torch, twins.optimizer):
        optimizer.param_groups[0].update(lr=0.02, momentum=0.8, weight_decay=0.1)
    go_on(twins)
    for optimizer in (twins.torch, twins.optimizer):
        optimizer.param_groups[0].update(momentum=0, maximize=True)
    go_on(twins)


def test_two_optimizers_on_the_same_parameters(twins):
    other = Twins("RMSprop", {})
    other.params, other.torch_params = twins.params, twins.torch_params
    other.make()
    for k in range(12):
        (twins if k % 2 else other).step()
    assert twins.difference() < 1e-12


def test_parameters_that_share_memory_with_others():
    """A tensor whose memory somebody else holds is not moved: both go on seeing the same values."""
    mine = np.ones(3)
    p = ag.from_numpy(mine).requires_grad_()
    q = ag.ones(3, dtype=ag.float64, requires_grad=True)
    alias, view = q.detach(), ag.ones(4, dtype=ag.float64)
    r = view[1:].detach().requires_grad_()
    free = [ag.ones(2, dtype=ag.float64, requires_grad=True) for _ in range(3)]
    optimizer = optim.SGD([p, q, r, *free], lr=0.5)
    for _ in range(2):
        for x in (p, q, r, *free):
            x.grad = ag.ones_like(x.detach())
        optimizer.step()
    assert packs(optimizer) == [1, 1, 1, 3]
    np.testing.assert_array_equal(mine, 0)
    np.testing.assert_array_equal(alias.numpy(), 0)
    np.testing.assert_array_equal(view.numpy(), [1, 0, 0, 0])


def test_handles_taken_after_packing_see_the_steps(twins):
    go_on(twins)
    handle, numbers = twins.params[0].detach(), twins.params[1].detach().array
    go_on(twins)
    np.testing.assert_array_equal(handle.numpy(), twins.params[0].detach().numpy())
    assert numbers.tolist() == twins.params[1].tolist()


def test_copies_are_independent(twins):
    go_on(twins)
    before = [p.detach().numpy().copy() for p in twins.params]
    params, optimizer = copy.deepcopy((twins.params, twins.optimizer))
    for p in params:
        p.grad = ag.ones_like(p.detach())
    optimizer.step()
    for p, value in zip(twins.params, before, strict=True):
        np.testing.assert_array_equal(p.detach().numpy(), value)
    assert abs(params[0].detach().numpy() - before[0]).max() > 0
    go_on(twins)


def test_the_same_parameter_twice():
    for name, options in {"SGD": {"lr": 0.1}, "Adam": {"lr": 0.1}}.items():
        twins = Twins(name, options, shapes=[(3,), (2,)])
        params = twins.params, twins.torch_params
        twins.params, twins.torch_params = [*params[0], params[0][0]], [*params[1], params[1][0]]
        with pytest.warns(UserWarning, match="duplicate parameters"):
            twins.make()
        twins.params, twins.torch_params = params
        for _ in range(5):
            twins.step()
        assert twins.difference() < 1e-12


def test_types_are_not_mixed():
    shapes = {"float32": (3,), "float64": (2,), "float16": (2,), "complex64": (2,)}
    params = [ag.ones(shape, dtype=np.dtype(name), requires_grad=True) for name, shape in shapes.items()]
    optimizer = optim.Adam(params, lr=0.1)
    for _ in range(3):
        for p in params:
            p.grad = ag.ones_like(p.detach())
        optimizer.step()
    assert packs(optimizer) == [1, 1, 1, 1]
    for p, name in zip(params, shapes, strict=True):
        assert p.dtype == name == optimizer.state[p]["exp_avg"].dtype
        np.testing.assert_allclose(p.detach().numpy(), 0.7, rtol=2e-3)


def test_a_type_changed_on_the_way():
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    optimizer = optim.Adam(model.parameters())
    for convert in (model.float, model.double, model.float):
        convert()
        model(ag.ones(4, 2, dtype=model[0].weight.dtype)).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    assert all(state["exp_avg"].dtype == ag.float32 for state in optimizer.state.values())


def test_parameters_that_are_not_contiguous():
    for shape in [(3, 4), (100, 110)]:
        base = np.random.default_rng(0).standard_normal(shape)
        p, q = wrap(base.copy().T).requires_grad_(), wrap(base.T.copy()).requires_grad_()
        strided = wrap(np.repeat(base.T, 2, 1)[:, ::2]).requires_grad_()
        for x in (p, q, strided):
            optimizer = optim.Adam([x], lr=0.1)
            for k in range(3):
                x.grad = wrap(np.full(x.shape, k - 0.5))
                optimizer.step()
        np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())
        np.testing.assert_array_equal(strided.detach().numpy(), q.detach().numpy())


def test_a_step_counts_as_a_change_in_place():
    """A value that the graph has saved before a step is not used with the parameters after it."""
    w, b = ag.ones(2, requires_grad=True), ag.ones(2, requires_grad=True)
    optimizer = optim.SGD([w, b], lr=0.1)
    for _ in range(2):
        y = (w * w * b).sum()
        y.backward(retain_graph=True)
        optimizer.step()
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.backward()


def test_a_change_of_one_is_none_of_its_neighbours():
    w, b = ag.ones(2, requires_grad=True), ag.ones(2, requires_grad=True)
    optimizer = optim.SGD([w, b], lr=0.1)
    (w + b).sum().backward()
    optimizer.step()
    y, moment = (w * w).sum(), clock()
    with ag.no_grad():
        b.mul_(2)
    assert changed_since(b.array, moment)
    assert not changed_since(w.array, moment)
    y.backward()


def test_a_gradient_of_another_shape():
    p, q = ag.ones(2, requires_grad=True), ag.ones(4, requires_grad=True)
    optimizer = optim.Adam([p, q])
    p.grad, q.grad = ag.ones(4), ag.ones(2)
    with pytest.raises(RuntimeError, match=r"shape \(2,\), got one of shape \(4,\)"):
        optimizer.step()
    np.testing.assert_array_equal(p.detach().numpy(), 1)


def test_a_parameter_of_another_shape():
    p = ag.ones(2, requires_grad=True)
    optimizer = optim.Adam([p])
    p.grad = ag.ones(2)
    optimizer.step()
    p.data = ag.ones(3)
    p.grad = ag.ones(3)
    with pytest.raises(RuntimeError, match="make a new optimizer"):
        optimizer.step()


def test_memory_that_cannot_be_written():
    p = wrap(np.broadcast_to(np.ones(1), (3,))).requires_grad_()
    p.grad = ag.ones(3, dtype=ag.float64)
    with pytest.raises(RuntimeError, match="memory"):
        optim.SGD([p]).step()


@pytest.mark.parametrize("name", ["SGD", "Adam", "Rprop", "Adadelta"])
def test_stays_on_its_device(name):
    """On arrays that refuse to become NumPy's."""
    options = OPTIONS.get(name, {})
    results = []
    for make in (strict, np.asarray):
        params = [wrap(make(np.ones(shape))) for shape in [(2, 3), (4,)]]
        optimizer = getattr(optim, name)(params, **options)
        for k in range(3):
            for p in params:
                p.grad = wrap(make(np.full(p.array.shape, k - 0.5)))
            optimizer.step()
        results.append([p.array.get() if make is strict else p.array for p in params])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b)


def test_few_calls_for_many_small_parameters():
    """The rule runs once, whatever the number of parameters."""
    calls = []

    class Counted(optim.Adam):
        def update(self, p, g, state, group):
            calls.append(p.size)
            super().update(p, g, state, group)

    params = [ag.ones(10, requires_grad=True) for _ in range(100)]
    optimizer = Counted(params)
    for _ in range(3):
        for p in params:
            p.grad = ag.ones(10)
        optimizer.step()
    assert calls == [1000] * 3


def test_a_state_that_was_replaced_is_used():
    """Whoever has asked for the state may put other tensors, dicts or a whole new state in its place."""
    replacements = [
        lambda state, w: state[w].update(exp_avg=ag.full_like(w, 5.0)),
        lambda state, w: state[w].__setitem__("step", ag.tensor(7.0)),
        lambda state, w: state.__setitem__(w, {name: ag.ones_like(value) for name, value in state[w].items()}),
        lambda state, w: setattr(state[w]["exp_avg"], "data", ag.full_like(w, 5.0)),
        lambda state, w: state.clear(),
    ]
    results = []
    for replace in [lambda state, w: None, *replacements]:
        w, b = ag.ones(3, requires_grad=True), ag.ones(2, requires_grad=True)
        optimizer = optim.Adam([w, b], lr=0.1)
        state = optimizer.state
        for i in range(4):
            if i == 2:
                replace(state, w)
            optimizer.zero_grad()
            ((w**2).sum() + (b**3).sum()).backward()
            optimizer.step()
        results.append(w.tolist())
    assert all(result != results[0] for result in results[1:])


def test_a_new_state_begins_anew():
    w = ag.ones(3, requires_grad=True)
    optimizer = optim.Adam([w], lr=0.1)
    for state in (None, defaultdict(dict)):
        if state is not None:
            optimizer.state = state
        w.grad = ag.ones(3)
        optimizer.step()
        assert optimizer.state[w]["step"].item() == 1
