"""Module itself: attributes, names, state, hooks, copies; PyTorch is the referee where it has a say."""

from __future__ import annotations

import copy
import gc
import sys
import weakref
from collections import OrderedDict

import numpy as np
import pytest

import autograd as ag
import nn
from tests.conftest import referee

torch = referee()


def net(library):
    """The same model in either library."""

    class Block(library.Module):
        def __init__(self):
            super().__init__()
            self.fc = library.Linear(4, 4)
            self.norm = library.BatchNorm1d(4)

        def forward(self, x):
            return self.norm(self.fc(x)).relu()

    class Net(library.Module):
        def __init__(self):
            super().__init__()
            self.blocks = library.ModuleList([Block(), Block()])
            self.head = library.Linear(4, 2, bias=False)
            self.scale = library.Parameter(self.head.weight.detach()[0] * 0 + 1)
            self.register_buffer("steps", self.head.weight.detach()[:, 0] * 0)
            self.register_buffer("hidden", self.head.weight.detach()[:, 0] * 0, persistent=False)
            self.twin = self.head

        def forward(self, x):
            for block in self.blocks:
                x = block(x)
            return self.head(x * self.scale)

    return Net()


@pytest.fixture
def theirs():
    return net(torch.nn)


@pytest.fixture
def mine(theirs):
    made = net(nn)
    made.load_state_dict(theirs.state_dict())
    return made


def names(pairs):
    return [name for name, _ in pairs]


# ---- what it contains --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("listing", ["named_parameters", "named_buffers", "named_modules", "named_children"])
def test_names(mine, theirs, listing):
    assert names(getattr(mine, listing)()) == names(getattr(theirs, listing)())
    if listing in ("named_parameters", "named_buffers"):
        for options in ({"recurse": False}, {"remove_duplicate": False}, {"prefix": "p"}):
            assert names(getattr(mine, listing)(**options)) == names(getattr(theirs, listing)(**options))
    if listing == "named_modules":
        options = {"remove_duplicate": False, "prefix": "p"}
        assert names(mine.named_modules(**options)) == names(theirs.named_modules(**options))


def test_repr(mine, theirs):
    assert repr(mine) == repr(theirs)


def test_shared_parameters_are_counted_once(mine):
    assert sum(p is mine.head.weight for p in mine.parameters()) == 1
    assert sum(name.endswith("head.weight") or name == "twin.weight" for name in mine.state_dict()) == 2


def test_getting_by_dotted_name(mine):
    assert mine.get_submodule("blocks.1.fc") is mine.blocks[1].fc
    assert mine.get_submodule("") is mine
    assert mine.get_parameter("blocks.0.fc.weight") is mine.blocks[0].fc.weight
    assert mine.get_buffer("blocks.0.norm.running_mean") is mine.blocks[0].norm.running_mean
    with pytest.raises(AttributeError, match="ModuleList has no attribute `7`"):
        mine.get_submodule("blocks.7.fc")
    with pytest.raises(AttributeError, match=r"`scale` is not an nn\.Module"):
        mine.get_submodule("scale")
    with pytest.raises(AttributeError, match=r"`steps` is not an nn\.Parameter"):
        mine.get_parameter("steps")
    with pytest.raises(AttributeError, match="`scale` is not a buffer"):
        mine.get_buffer("scale")
    mine.set_submodule("blocks.0.fc", nn.Identity())
    assert isinstance(mine.blocks[0].fc, nn.Identity)


# ---- attributes --------------------------------------------------------------------------------------------------


def test_attributes_find_their_place():
    module = nn.Module()
    module.a = nn.Parameter(ag.ones(2))
    assert list(module._parameters) == ["a"]
    assert module.a.requires_grad
    module.a = None
    assert module._parameters == {"a": None}
    assert module.a is None
    module.b = nn.Buffer(ag.ones(2), persistent=False)
    assert list(module._buffers) == ["b"]
    assert not module.state_dict()
    module.b = ag.zeros(2)
    assert module.b.tolist() == [0, 0]
    assert list(module._buffers) == ["b"]
    module.c = nn.Linear(1, 1)
    module.c = nn.Identity()
    assert list(module._modules) == ["c"]
    module.a = nn.Linear(1, 1)
    assert not module._parameters
    assert list(module._modules) == ["c", "a"]
    module.d = 3
    module.d = nn.Parameter(ag.ones(1))
    assert module.d is module._parameters["d"]
    del module.d, module.b, module.c
    assert not hasattr(module, "d")
    assert not module._buffers
    assert list(module._modules) == ["a"]


def test_writing_to_the_tables_shows_in_the_attributes():
    layer = nn.Linear(2, 2)
    other = nn.Parameter(ag.ones(2, 2))
    layer._parameters["weight"] = other
    assert layer.weight is other
    del layer._parameters["bias"]
    assert not hasattr(layer, "bias")


def test_wrong_assignments_are_refused():
    layer = nn.Linear(2, 2)
    with pytest.raises(
        TypeError, match=r"cannot assign 'Tensor' as parameter 'weight' \(nn.Parameter or None expected\)"
    ):
        layer.weight = ag.ones(2, 2)
    with pytest.raises(TypeError, match="as buffer 'running_mean'"):
        nn.BatchNorm1d(2).running_mean = 3
    with pytest.raises(TypeError, match="as child module '0'"):
        setattr(nn.Sequential(layer), "0", 3)
    with pytest.raises(ValueError, match="non-leaf"):
        layer.register_parameter("p", _with_history(nn.Parameter(ag.ones(1))))
    with pytest.raises(TypeError, match="Tensor"):
        nn.Parameter([1.0])


def _with_history(parameter):
    parameter.grad_fn = (ag.ones(1, requires_grad=True) * 2).grad_fn
    return parameter


@pytest.mark.parametrize("name", ["", "a.b", "forward", 3])
@pytest.mark.parametrize("what", ["register_parameter", "register_buffer", "add_module"])
def test_impossible_names_raise_what_pytorch_raises(name, what):
    for library in (torch.nn, nn):
        with pytest.raises((KeyError, TypeError)) as caught:
            getattr(library.Module(), what)(name, None)
        kinds = [type(caught.value), *([] if library is torch.nn else kinds)]  # noqa: F821
    assert kinds[0] is kinds[-1]


def test_forgetting_to_call_init_is_explained():
    class Forgetful(nn.Module):
        def __init__(self):
            self.fc = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match=r"super\(\).__init__\(\)"):
        Forgetful()

    class Later(nn.Module):
        def __init__(self):
            self.x = 3

    with pytest.raises(AttributeError, match=r"super\(\).__init__\(\)"):
        Later()(1)
    with pytest.raises(AttributeError, match="'Linear' object has no attribute 'wieght'"):
        _ = nn.Linear(1, 1).wieght
    with pytest.raises(NotImplementedError, match='missing the required "forward"'):
        nn.Module()(1)


# ---- state -------------------------------------------------------------------------------------------------------


def test_state_travels_both_ways(mine, theirs):
    assert list(mine.state_dict({}, "net.")) == list(theirs.state_dict(prefix="net."))  # by position: as before 1.13
    assert list(mine.state_dict()) == list(theirs.state_dict())
    for (name, a), b in zip(mine.state_dict().items(), theirs.state_dict().values(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=name)
    back = {name: torch.from_numpy(value.numpy().copy()) for name, value in mine.state_dict().items()}
    assert str(theirs.load_state_dict(back)) == "<All keys matched successfully>"


def test_state_shares_memory_and_is_detached(mine):
    state = mine.state_dict()
    assert not any(value.requires_grad for value in state.values())
    with ag.no_grad():
        mine.scale.fill_(7)
    assert state["scale"].tolist() == [7] * 4
    assert mine.state_dict(keep_vars=True)["scale"] is mine.scale
    assert list(mine.head.state_dict(prefix="x.")) == ["x.weight"]


def problems(library, values):
    with pytest.raises(RuntimeError) as caught:
        library.load_state_dict(values)
    return str(caught.value)


def test_all_problems_of_loading_are_reported_at_once_and_nothing_changes(mine, theirs):
    values = OrderedDict(theirs.state_dict())
    del values["scale"], values["blocks.0.fc.bias"]
    values["extra"] = torch.zeros(1)
    values["blocks.3.fc.weight"] = torch.zeros(1)
    values["head.weight"] = torch.zeros(3, 4)
    values["blocks.1.fc.bias"] = torch.zeros(5)
    before = {name: value.clone() for name, value in mine.state_dict().items()}
    values["steps"] = torch.ones(2)
    message = problems(mine, values)
    expected = problems(theirs, values).replace("torch.Size([3, 4])", "(3, 4)").replace("torch.Size([2, 4])", "(2, 4)")
    expected = expected.replace("torch.Size([5])", "(5,)").replace("torch.Size([4])", "(4,)")
    assert sorted(message.split("\n")) == sorted(expected.split("\n"))
    for name, value in mine.state_dict().items():
        assert value.tolist() == before[name].tolist(), name


def test_loading_what_is_there(mine):
    missing, unexpected = mine.load_state_dict({"scale": ag.full((4,), 2.0), "extra": ag.ones(1)}, strict=False)
    assert mine.scale.tolist() == [2] * 4
    assert unexpected == ["extra"]
    assert "head.weight" in missing
    with pytest.raises(RuntimeError, match="size mismatch for scale"):
        mine.load_state_dict({"scale": ag.ones(3)}, strict=False)
    with pytest.raises(TypeError, match="dict-like"):
        mine.load_state_dict([1])
    with pytest.raises(
        RuntimeError, match='named "scale", expected a Tensor or an array from checkpoint but received str'
    ):
        mine.load_state_dict({"scale": "x"}, strict=False)


def test_loading_by_assignment():
    layer, weight, value = nn.Linear(2, 1, bias=False), None, ag.tensor([[3.0, 4.0]], dtype=ag.float64)
    weight = layer.weight
    layer.load_state_dict({"weight": value}, assign=True)
    assert layer.weight is weight
    assert weight.dtype == ag.float64
    assert weight.requires_grad
    value.fill_(1)
    assert weight.tolist() == [[1.0, 1.0]]


def test_a_batch_norm_of_before_its_counter_loads():
    values = nn.BatchNorm1d(2).state_dict()
    del values["num_batches_tracked"], values._metadata
    assert str(nn.BatchNorm1d(2).load_state_dict(values)) == "<All keys matched successfully>"


def test_extra_state():
    class Counter(nn.Module):
        count = 0

        def get_extra_state(self):
            return self.count

        def set_extra_state(self, state):
            self.count = state

    a, b = nn.Sequential(Counter()), nn.Sequential(Counter())
    a[0].count = 5
    assert a.state_dict() == {"0._extra_state": 5}
    b.load_state_dict(a.state_dict())
    assert b[0].count == 5


def test_programs_find_their_hooks_in_the_tables():
    class Scaled:
        name = "weight"

        def __call__(self, module, args, *result):
            return None

    hook, layer = Scaled(), nn.Linear(2, 1)
    before, after = layer.register_forward_pre_hook(hook), layer.register_forward_hook(hook)
    assert [h.name for h in layer._forward_pre_hooks.values()] == ["weight"]
    assert layer._forward_hooks[after.id] is hook
    layer(ag.ones(1, 2))
    del layer._forward_pre_hooks[before.id]
    assert not layer._forward_pre_hooks


def test_state_hooks():
    layer = nn.Linear(2, 1)
    calls = []
    layer.register_state_dict_pre_hook(lambda m, prefix, keep: calls.append(("before", prefix)))
    layer.register_state_dict_post_hook(lambda m, state, prefix, meta: state.update({prefix + "more": ag.ones(1)}))
    state = nn.Sequential(layer).state_dict()
    assert calls == [("before", "0.")]
    assert "0.more" in state

    other = nn.Sequential(nn.Linear(2, 1))
    with other[0].register_load_state_dict_pre_hook(lambda m, values, prefix, *_: values.pop(prefix + "more")):
        other.load_state_dict(state)
    handle = other[0].register_load_state_dict_post_hook(lambda m, keys: keys.unexpected_keys.clear())
    other.load_state_dict(state)
    handle.remove()
    with pytest.raises(RuntimeError, match="Unexpected"):
        other.load_state_dict(state)


# ---- modes, types, gradients -------------------------------------------------------------------------------------


def test_modes(mine):
    assert mine.train() is mine
    assert mine.eval() is mine
    assert not any(m.training for m in mine.modules())
    mine.blocks.train()
    assert mine.blocks[0].norm.training
    assert not mine.training
    mine.requires_grad_(False)
    assert not any(p.requires_grad for p in mine.parameters())
    with pytest.raises(ValueError, match="boolean"):
        mine.train("yes")


def test_conversion_keeps_the_parameter_objects(mine):
    weight = mine.head.weight
    mine(ag.ones(3, 4)).sum().backward()
    for convert, dtype in ((mine.double, "float64"), (mine.half, "float16"), (mine.float, "float32")):
        assert convert() is mine
        assert mine.head.weight is weight
        assert weight.dtype == dtype
        assert weight.grad.dtype == dtype
        assert mine.steps.dtype == dtype
        assert mine.blocks[0].norm.num_batches_tracked.dtype == ag.int64
    mine.to(ag.float64)
    assert weight.dtype == ag.float64
    mine.to("cpu", "float32").to(ag.zeros(1, dtype=ag.float64)).cpu()
    assert weight.dtype == ag.float64
    with pytest.raises(TypeError, match="only accepts floating point or complex dtypes"):
        mine.to(ag.int64)


def test_zero_grad(mine):
    mine(ag.ones(3, 4)).sum().backward()
    assert mine.scale.grad is not None
    mine.zero_grad(set_to_none=False)
    assert mine.scale.grad.tolist() == [0] * 4
    mine.zero_grad()
    assert all(p.grad is None for p in mine.parameters())


def test_apply_visits_children_first(mine):
    seen = []
    mine.apply(seen.append)
    assert seen[-1] is mine
    assert seen[0] is mine.blocks[0].fc


# ---- hooks -------------------------------------------------------------------------------------------------------


def test_forward_hooks():
    layer = nn.Linear(2, 2)
    order = []
    handles = [
        layer.register_forward_pre_hook(lambda m, args: order.append("a") or (args[0] * 2,)),
        layer.register_forward_pre_hook(lambda m, args: order.append("b"), prepend=True),
        layer.register_forward_hook(lambda m, args, out: order.append("c") or out + 1),
        layer.register_forward_hook(lambda m, args, kwargs, out: order.append(tuple(kwargs)), with_kwargs=True),
    ]
    x = ag.ones(1, 2)
    expected = nn.functional.linear(x * 2, layer.weight, layer.bias) + 1
    assert layer(x).tolist() == expected.tolist()
    assert order == ["b", "a", "c", ()]
    for handle in handles:
        handle.remove()
    layer(x)
    assert len(order) == 4


def test_pre_hooks_with_keywords():
    class Scaled(nn.Module):
        def forward(self, x, factor=1):
            return x * factor

    module = Scaled()
    module.register_forward_pre_hook(lambda m, args, kwargs: (args, {"factor": 3}), with_kwargs=True)
    assert module(ag.ones(1)).tolist() == [3]
    module.register_forward_pre_hook(lambda m, args, kwargs: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match="tuple"):
        module(ag.ones(1))


def test_always_called_hooks_see_failures():
    layer, seen = nn.Linear(2, 2), []
    layer.register_forward_hook(lambda m, args, out: seen.append("normal"))
    layer.register_forward_hook(lambda m, args, out: seen.append(out), always_call=True)
    with pytest.raises(RuntimeError):
        layer(ag.ones(1, 3))
    assert seen == [None]


def backward_hooks(library, model, x, y, seen, replace):
    def values(grads):
        return [None if g is None else np.round(g.detach().numpy(), 10).tolist() for g in grads]

    def pre(module, grad_output):
        seen.append(("pre", values(grad_output)))
        return (grad_output[0] * 2,) if replace else None

    def hook(module, grad_input, grad_output):
        seen.append(("hook", values(grad_input), values(grad_output)))
        return tuple(None if g is None else g * 3 for g in grad_input) if replace else None

    model.register_full_backward_pre_hook(pre)
    model.register_full_backward_hook(hook)
    return model(x, y)


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("needs", [(True, True), (True, False), (False, True)])
def test_backward_hooks(needs, replace):
    results = []
    for library, tensor in ((torch.nn, torch.tensor), (nn, ag.tensor)):

        class Product(library.Module):
            def forward(self, x, y):
                return x * y

        x, y = tensor([1.0, 2.0], requires_grad=needs[0]), tensor([3.0, 5.0], requires_grad=needs[1])
        seen = []
        out = backward_hooks(library, Product(), x, y, seen, replace)
        out.sum().backward()
        results.append((seen, *(None if t.grad is None else t.grad.tolist() for t in (x, y))))
    assert results[0] == results[1]


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
def test_backward_hooks_without_an_input_that_requires_grad():
    results = []
    for library, tensor in ((torch.nn, torch.tensor), (nn, ag.tensor)):
        layer, seen = library.Linear(2, 1, bias=False), []
        layer.weight.data = tensor([[1.0, 2.0]])
        layer.register_full_backward_hook(lambda m, gi, go, seen=seen: seen.append((gi[0], go[0].tolist())))
        layer(tensor([[1.0, 1.0]])).sum().backward()
        results.append((seen, layer.weight.grad.tolist()))
    assert results[0] == results[1]


def test_backward_hooks_under_create_graph():
    results = []
    for library, tensor, grad in ((torch.nn, torch.tensor, torch.autograd.grad), (nn, ag.tensor, ag.autograd.grad)):

        class Cube(library.Module):
            def forward(self, x):
                return x * x * x

        module = Cube()
        module.register_full_backward_hook(lambda m, gi, go: (gi[0] * 2,))
        x = tensor(2.0, requires_grad=True)
        (g,) = grad(module(x), x, create_graph=True)
        results.append((g.item(), grad(g, x)[0].item()))
    assert results[0] == results[1]


# ---- places, copies, memory --------------------------------------------------------------------------------------


def test_recorded_operations_know_their_module(mine):
    calls = []
    with mine.blocks[1].fc.register_forward_hook(lambda m, args, out: calls.append(out.grad_fn.call)):
        mine(ag.ones(3, 4))
        mine(ag.ones(3, 4))
    assert [call.scope.path for call in calls] == ["blocks.1.fc"] * 2
    assert [call.index for call in calls] == [0, 1]
    assert calls[0].scope.kind == "Linear"
    assert calls[0].parent.scope.path == "blocks.1"


def test_deep_copies_are_independent(mine):
    twin = copy.deepcopy(mine)
    assert repr(twin) == repr(mine)
    assert twin.head is twin.twin
    assert twin.head is not mine.head
    assert twin.head.weight is twin._modules["head"]._parameters["weight"]
    with ag.no_grad():
        twin.scale.fill_(9)
    assert mine.scale.tolist() == [1] * 4
    assert twin.blocks[1].fc._scope.path == "blocks.1.fc"
    mine.eval(), twin.eval()
    assert twin.blocks[0](ag.ones(2, 4)).tolist() == mine.blocks[0](ag.ones(2, 4)).tolist()
    shallow = copy.copy(mine)
    shallow.scale = None
    assert mine.scale is not None
    assert shallow.head is mine.head


def test_modules_are_not_pickled(mine):
    import pickle

    with pytest.raises(TypeError, match="state_dict"):
        pickle.dumps(mine)


def test_a_model_goes_when_its_last_name_goes():
    gc.collect()
    gc.disable()
    try:
        model = nn.Sequential(nn.Linear(2, 2), nn.LSTM(2, 2), nn.LazyLinear(3), nn.BatchNorm1d(2))
        model[2](ag.ones(1, 2))
        watched = [
            weakref.ref(model),
            weakref.ref(model[0]),
            weakref.ref(model[0].weight),
            weakref.ref(model[2].weight),
        ]
        del model
        assert [ref() for ref in watched] == [None] * 4
    finally:
        gc.enable()


def test_a_call_costs_little_more_than_forward():
    """Counted in calls of Python functions, not on a clock: one for __call__, one for the record of the call."""
    layer, x = nn.Identity(), ag.ones(1)
    calls = []
    sys.setprofile(lambda frame, event, arg: calls.append(frame.f_code.co_name) if event == "call" else None)
    try:
        layer(x)
    finally:
        sys.setprofile(None)
    assert [c for c in calls if c != "<lambda>"] == ["__call__", "__init__", "forward"]


# ---- containers --------------------------------------------------------------------------------------------------


def both(build):
    return build(torch.nn), build(nn)


@pytest.mark.parametrize(
    "change",
    [
        lambda L, m: m.append(L.Tanh()),
        lambda L, m: m.extend([L.Tanh(), L.Sigmoid()]),
        lambda L, m: m.insert(1, L.Tanh()),
        lambda L, m: m.pop(0),
        lambda L, m: m.pop(-1),
        lambda L, m: m.__delitem__(1),
        lambda L, m: m.__delitem__(slice(0, 2)),
        lambda L, m: m.__setitem__(1, L.Tanh()),
        lambda L, m: m.__setitem__(-1, L.Tanh()),
        lambda L, m: m[1:],
        lambda L, m: m[::2],
        lambda L, m: m[-1],
        lambda L, m: m + m,
        lambda L, m: m.__iadd__(m[:1]),
    ],
)
@pytest.mark.parametrize("kind", ["Sequential", "ModuleList"])
def test_lists_of_modules(kind, change):
    def made(library):
        modules = [library.ReLU(), library.Linear(2, 2), library.Linear(2, 2), library.GELU()]
        model = library.Sequential(*modules) if kind == "Sequential" else library.ModuleList(modules)
        result = change(library, model)
        return repr((result if isinstance(result, library.Module) and result is not model else None, model))

    expected, actual = both(made)
    assert actual == expected


def test_sequential_by_name_and_times():
    def made(library):
        model = library.Sequential(OrderedDict(a=library.ReLU(), b=library.Tanh()))
        return repr((model, model.a, model[1:], library.Sequential(library.ReLU()) * 3))

    expected, actual = both(made)
    assert actual == expected
    with pytest.raises(TypeError):
        nn.Sequential(nn.ReLU()) * 1.5
    with pytest.raises(ValueError, match="Non-positive"):
        nn.Sequential(nn.ReLU()) * 0
    with pytest.raises(IndexError, match="out of range"):
        nn.Sequential(nn.ReLU())[1]
    with pytest.raises(TypeError, match="not a Module subclass"):
        nn.Sequential(3)


def test_dictionaries_of_modules():
    def made(library):
        model = library.ModuleDict({"a": library.ReLU(), "b": library.Tanh()})
        model["c"] = library.Linear(1, 1)
        model.update([("d", library.GELU())])
        popped = model.pop("a")
        del model["b"]
        return repr((popped, model, list(model), len(model), "c" in model, list(model.keys())))

    expected, actual = both(made)
    assert actual == expected
    with pytest.raises(TypeError, match="iterable"):
        nn.ModuleDict({}).update(3)


def test_lists_and_dictionaries_of_parameters():
    def made(library, ones):
        items = library.ParameterList([ones(2), library.Parameter(ones(3, 1)), 5])
        items.append(ones(1))
        items[0] = ones(4)
        items += [ones(2)]
        table = library.ParameterDict({"a": ones(2), "b": 3})
        table["c"] = ones(1)
        table.update({"d": ones(2)})
        copied = table.copy() | library.ParameterDict({"e": ones(1)})
        del table["a"]
        text = repr(
            (items, table, copied, list(table.keys()), table.popitem()[0], table.setdefault("z", ones(1)).shape)
        )
        text = text.replace("torch.", "autograd.").replace(" (cuda:0)", "")
        return text, list(items.state_dict()), list(copied.state_dict())

    assert made(nn, ag.ones) == made(torch.nn, torch.ones)
    items = nn.ParameterList([ag.ones(1), ag.ones(2), ag.ones(3)])
    assert items.pop(1).shape == (2,)
    assert [len(p) for p in items] == [1, 3]
    assert list(items.state_dict()) == ["0", "1"]
    assert nn.ParameterList([ag.ones(1), ag.ones(2)])[1:][0].tolist() == [1, 1]
    with pytest.raises(RuntimeError, match="should not be called"):
        nn.ParameterList([])(1)


def test_data_parallel_passes_through():
    model = nn.DataParallel(nn.Linear(2, 1))
    assert list(model.state_dict()) == ["module.weight", "module.bias"]
    assert model(ag.ones(3, 2)).shape == (3, 1)


# ---- lazy modules ------------------------------------------------------------------------------------------------


def test_lazy_modules_become_ordinary_at_their_first_call():
    model = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(2))
    assert "LazyLinear(in_features=0" in repr(model)
    with pytest.raises(RuntimeError, match="shape of an uninitialized parameter"):
        _ = model[3].weight.shape
    model(ag.ones(2, 3, 5, 5))
    assert [type(m) for m in model] == [nn.Conv2d, nn.BatchNorm2d, nn.Flatten, nn.Linear]
    assert model[0].weight.shape == (4, 3, 3, 3)
    assert model[3].in_features == 36
    assert type(model[3].weight) is nn.Parameter
    assert not model[0]._forward_pre_hooks
    model(ag.ones(2, 3, 5, 5)).sum().backward()


def test_lazy_modules_take_shapes_from_a_state_too():
    lazy, made = nn.LazyLinear(2), nn.Linear(3, 2)
    lazy.load_state_dict(made.state_dict())
    assert lazy(ag.ones(1, 3)).tolist() == made(ag.ones(1, 3)).tolist()
    assert type(lazy) is nn.Linear
    assert lazy.in_features == 3
    empty = nn.LazyLinear(2)
    assert nn.LazyLinear(2).load_state_dict(empty.state_dict()).missing_keys == []


def test_an_error_says_in_which_module_it_was_raised():
    class Broken(nn.Module):
        def forward(self, x):
            return {}["nothing"]

    def notes(model, *inputs):
        with pytest.raises(Exception) as caught:  # noqa: PT011
            model(*inputs)
        return [str(caught.value), *getattr(caught.value, "__notes__", [])]

    deep = nn.Sequential(nn.Identity(), nn.Sequential(Broken()))
    assert notes(deep, ag.ones(2)) == ["'nothing'", "(in 1.0)"]
    assert ag.graph.whereabouts() == ""
    assert notes(Broken(), ag.ones(2)) == ["'nothing'", "(in Broken)"]
    for layer, x in [
        (nn.Conv2d(3, 4, 3), ag.ones(1, 2, 8, 8)),
        (nn.LSTM(3, 4), ag.ones(5, 2)),
        (nn.Linear(3, 4), ag.ones(2)),
    ]:
        assert " ".join(notes(nn.Sequential(nn.Sequential(layer)), x)).count("(in 0.0)") == 1


def test_a_module_that_changes_what_it_loads():
    class Scale(nn.Module):
        _version = 2

        def __init__(self):
            super().__init__()
            self.factor = nn.Parameter(ag.ones(2))

        def _load_from_state_dict(
            self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        ):
            if (local_metadata.get("version") or 1) < 2:
                state_dict[prefix + "factor"] = state_dict.pop(prefix + "scale")
            state_dict.pop(prefix + "unused", None)
            super()._load_from_state_dict(
                state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
            )

    model = nn.Sequential(Scale(), nn.Linear(1, 1))
    values = {f"1.{name}": value for name, value in model[1].state_dict().items()}
    old = {"0.scale": ag.tensor([2.0, 3.0]), "0.unused": ag.zeros(1), **values}
    assert model.load_state_dict(old) == ([], [])
    assert model[0].factor.tolist() == [2, 3]
    assert "0.scale" in old
    assert nn.Sequential(Scale(), nn.Linear(1, 1)).load_state_dict(model.state_dict()) == ([], [])
    with pytest.raises(RuntimeError, match=r'Unexpected key\(s\) in state_dict: "0.other"'):
        model.load_state_dict({**old, "0.other": ag.zeros(1)})


def test_a_module_loads_its_own_values_by_itself():
    model = nn.Sequential(nn.Linear(2, 1), nn.Linear(1, 1))
    missing, unexpected, errors = [], [], []
    given = {"a.weight": ag.ones(1, 2), "a.other": ag.ones(1), "b": ag.ones(1)}
    model[0]._load_from_state_dict(given, "a.", {}, True, missing, unexpected, errors)
    assert model[0].weight.tolist() == [[1, 1]]
    assert (missing, unexpected, errors) == (["a.bias"], ["a.other"], [])
    model[0]._load_from_state_dict({"weight": ag.ones(3)}, "", {}, False, missing, unexpected, errors)
    assert "size mismatch for weight" in errors[0]
