"""Groups, errors, hooks, closures, state dicts: as PyTorch has them."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import autograd as ag
import optim
from optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from tests.conftest import referee
from tests.optim.bridge import ours, torch

common = referee("torch.testing._internal.common_optimizers")
ALL = [name for name in optim.__all__ if isinstance(getattr(optim, name), type) and name != "Optimizer"]


def weight(*shape: int):
    w = ag.ones(*(shape or (2, 2)), requires_grad=True)
    w.grad = ag.ones_like(w.detach())
    return w


def step(optimizer):
    return optimizer.step(lambda: 1.0) if type(optimizer).__name__ == "LBFGS" else optimizer.step()


def wrong_inputs():
    for info in common.optim_db:
        name = info.optim_cls.__name__
        if name == "SparseAdam":
            continue
        for i, wrong in enumerate(info.optim_error_inputs_func(device="cpu", dtype=torch.float32)):
            yield pytest.param(name, wrong, id=f"{name}-{i}")


def attempt(kind, params, kwargs, at_step):
    """Make an optimizer, and let it step where the error belongs there."""
    made = kind(params, **kwargs)
    if at_step:
        step(made)


@pytest.mark.parametrize(("name", "wrong"), list(wrong_inputs()))
def test_errors_are_pytorchs(name, wrong):
    """The same inputs raise, or warn, with the same words."""
    at_step = wrong.error_on is common.OptimizerErrorEnum.STEP_ERROR
    given = wrong.optimizer_error_input
    params = translated(given.params)  # now, for PyTorch changes the dicts that it is given
    with pytest.raises((wrong.error_type, UserWarning)) as expected:
        attempt(getattr(torch.optim, name), given.params, given.kwargs, at_step)
    with pytest.raises((wrong.error_type, UserWarning)) as caught:
        attempt(getattr(optim, name), params, ours(given.kwargs), at_step)
    assert str(caught.value)[:55] == str(expected.value).replace("torch.", "")[:55]


def translated(params):
    """Parameters of PyTorch's, repeated where they are, as ours."""
    made: dict[int, ag.Tensor] = {}

    def one(value):
        if isinstance(value, torch.Tensor):
            if id(value) not in made:
                made[id(value)] = ours(value).requires_grad_(value.requires_grad)
                made[id(value)].grad = None if value.grad is None else ours(value.grad)
            return made[id(value)]
        if isinstance(value, dict):
            return {key: one(item) for key, item in value.items()}
        return type(value)(map(one, value)) if isinstance(value, (list, tuple)) else value

    return one(params)


@pytest.mark.parametrize("name", ALL)
def test_groups_and_representation(name):
    params = [weight(), weight()]
    optimizer = getattr(optim, name)([{"params": params[0], "lr": 0.5}] if name == "LBFGS" else params[:1], lr=0.5)
    assert repr(optimizer).startswith(f"{name} (\nParameter Group 0\n")
    assert "    lr: 0.5\n" in repr(optimizer)
    if name in torch.optim.__all__:
        reference = getattr(torch.optim, name)([torch.ones(2, 2, requires_grad=True)], lr=0.5)
        assert repr(optimizer) == repr(reference)
    if name != "LBFGS":
        optimizer.add_param_group({"params": params[1], "lr": 0.25})
        before = [p.detach().numpy().copy() for p in params]
        step(optimizer)
        moved = [abs(p.detach().numpy() - b).max() for p, b in zip(params, before, strict=True)]
        assert all(m > 0 for m in moved)


def test_groups_that_are_refused():
    w, v = weight(), weight()
    optimizer = optim.SGD([w], lr=0.1)
    with pytest.raises(ValueError, match="some parameters appear in more than one parameter group"):
        optimizer.add_param_group({"params": [v, w]})
    with pytest.raises(ValueError, match="can't optimize a non-leaf Tensor"):
        optimizer.add_param_group({"params": w * 2})
    with pytest.raises(TypeError, match="ordered collections"):
        optimizer.add_param_group({"params": {v}})
    with pytest.raises(TypeError, match="can only optimize Tensors, but one of the params is int"):
        optimizer.add_param_group({"params": [3]})
    with pytest.raises(TypeError, match="must be a dict"):
        optimizer.add_param_group([v])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="with/without names"):
        optimizer.add_param_group({"params": [("v", v)]})
    with pytest.raises(ValueError, match="empty parameter list"):
        optim.SGD([])
    with pytest.raises(TypeError, match="iterable of Tensors or dicts, but got Tensor"):
        optim.SGD(w)
    assert len(optimizer.param_groups) == 1


def test_named_parameters():
    optimizer = optim.Adam([("w", weight()), ("b", weight(2))])
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["w", "b"]
    with pytest.raises(ValueError, match="Some param names are missing"):
        optim.Adam([("w", weight()), weight()])
    saved = optimizer.state_dict()
    other = optim.Adam([("a", weight()), ("c", weight(2))])
    other.load_state_dict(saved)
    assert other.param_groups[0]["param_names"] == ["w", "b"]


def test_zero_grad():
    w = weight()
    optimizer = optim.SGD([w])
    gradient = w.grad
    optimizer.zero_grad(set_to_none=False)
    np.testing.assert_array_equal(w.grad.numpy(), 0)
    np.testing.assert_array_equal(gradient.numpy(), 0)
    optimizer.zero_grad()
    assert w.grad is None
    optimizer.step()
    np.testing.assert_array_equal(w.detach().numpy(), 1)


def test_closure():
    w = ag.tensor([3.0], requires_grad=True)
    optimizer = optim.SGD([w], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    with ag.no_grad():
        assert optimizer.step(closure).item() == 9.0
    assert w.item() == 0.0


def test_hooks():
    seen = []
    optimizer = optim.SGD([weight()], lr=0.1)
    handles = [
        optimizer.register_step_pre_hook(lambda *a: seen.append("pre")),
        optimizer.register_step_post_hook(lambda *a: seen.append("post")),
        register_optimizer_step_pre_hook(lambda *a: seen.append("every pre")),
        register_optimizer_step_post_hook(lambda *a: seen.append("every post")),
    ]
    optimizer.step()
    assert seen == ["every pre", "pre", "post", "every post"]
    for handle in handles:
        handle.remove()
    optimizer.step()
    assert len(seen) == 4
    called = []
    optimizer.register_step_pre_hook(lambda optimizer, args, kwargs: ((args[0], lambda: called.append(1)), {}))
    optimizer.step()
    assert called == [1]
    optimizer.register_step_pre_hook(lambda *a: 3)
    with pytest.raises(RuntimeError, match="must return None or a tuple"):
        optimizer.step()


def test_state_dict_hooks():
    seen = []
    optimizer = optim.SGD([weight()], lr=0.1)
    optimizer.register_state_dict_pre_hook(lambda o: seen.append(1))
    optimizer.register_state_dict_pre_hook(lambda o: seen.append(0), prepend=True)
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "extra": 1})
    state = optimizer.state_dict()
    assert seen == [0, 1]
    assert state["extra"] == 1
    optimizer.register_load_state_dict_pre_hook(lambda o, state: {**state, "state": {}})
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append(2))
    optimizer.load_state_dict(state)
    assert seen == [0, 1, 2]


def test_states_that_do_not_fit():
    optimizer = optim.SGD([weight()], lr=0.1)
    with pytest.raises(ValueError, match="different number of parameter groups"):
        optimizer.load_state_dict({"state": {}, "param_groups": []})
    with pytest.raises(ValueError, match="doesn't match the size of optimizer's group"):
        optimizer.load_state_dict({"state": {}, "param_groups": [{"params": [0, 1]}]})


def test_a_loaded_state_is_a_copy():
    first, second = optim.Adam([weight()]), optim.Adam([weight()])
    first.step()
    saved = first.state_dict()
    second.load_state_dict(saved)
    before = copy.deepcopy(saved)
    second.step()
    assert saved["state"][0]["step"].item() == before["state"][0]["step"].item() == 1
    np.testing.assert_array_equal(saved["state"][0]["exp_avg"].numpy(), before["state"][0]["exp_avg"].numpy())


def test_adamw_takes_over_adams_state():
    first, second = optim.Adam([weight()]), optim.AdamW([weight()])
    first.step()
    second.load_state_dict(first.state_dict())
    assert second.param_groups[0]["decoupled_weight_decay"] is True


def test_an_optimizer_of_ones_own_with_step():
    """As PyTorch programs write them: tensors in `step`, state by parameter."""

    class Mine(optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        @ag.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    state = self.state[p]
                    state["count"] = state.get("count", 0) + 1
                    p.add_(p.grad, alpha=-group["lr"])

    w = weight()
    optimizer = Mine([w], lr=0.25)
    seen = []
    optimizer.register_step_post_hook(lambda *a: seen.append(1))
    optimizer.step()
    np.testing.assert_array_equal(w.detach().numpy(), 0.75)
    assert optimizer.state_dict()["state"] == {0: {"count": 1}}
    assert seen == [1]
    with pytest.raises(NotImplementedError):
        optim.Optimizer([w], {}).step()


def walk(name, options, start, gradients):
    """The sum of squares of the parameter after a step along each of the gradients."""
    p = start.clone() if options.get("differentiable") else start.detach().clone().requires_grad_()
    optimizer = getattr(optim, name)([p], **options)
    for gradient in gradients:
        p.grad = gradient.clone()
        optimizer.step()
    return (p * p).sum()


NOT_DIFFERENTIABLE = ("LBFGS", "Muon", "Adafactor", "Rprop", "Lion", "SparseAdam")


@pytest.mark.parametrize("name", [name for name in ALL if name not in NOT_DIFFERENTIABLE])
def test_differentiable(name):
    """Gradients through three steps, against central differences of the ordinary, not recorded steps."""
    options = {"SGD": {"momentum": 0.9, "nesterov": True}, "Adam": {"amsgrad": True}}.get(name, {}) | {"lr": 0.1}
    rows = [[0.5, -1.0, 2.0], *([k + 1.0, 0.3, -k - 0.5] for k in range(3))]
    inputs = [ag.tensor(row, dtype=ag.float64, requires_grad=True) for row in rows]
    walk(name, options | {"differentiable": True}, inputs[0], inputs[1:]).backward()
    for i, x in enumerate(inputs):
        for j in range(3):
            ends = []
            for sign in (1, -1):
                moved = [y.detach().clone() for y in inputs]
                moved[i].array[j] += sign * 1e-5
                ends.append(walk(name, options, moved[0], moved[1:]).item())
            assert abs(x.grad.numpy()[j] - (ends[0] - ends[1]) / 2e-5) < 1e-5


def test_learning_rate_as_a_tensor_to_differentiate():
    lr = ag.tensor(0.1, dtype=ag.float64, requires_grad=True)
    start = ag.tensor([1.0, 2.0], dtype=ag.float64)
    walk("SGD", {"lr": lr, "differentiable": True}, start, [start]).backward()
    assert abs(lr.grad.item() + 2 * 0.9 * 5) < 1e-12
