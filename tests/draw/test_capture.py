"""From real models to graphs: what the tape and `record` know, and that looking changes nothing."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import autograd as ag
import nn
from autograd import draw

from .models import CNN, GPT, RNN, Block, examples, mlp, tokens


@pytest.fixture(params=["mlp", "cnn", "rnn", "transformer"])
def example(request):
    return examples()[request.param]


# ---- the four models ------------------------------------------------------------------------------------------------


def test_a_model_in_at_most_sixty_boxes_with_every_parameter(example):
    model, x = example
    picture = draw.graph(model, x, engine="builtin")
    assert picture.boxes <= 60
    assert {p.name for node in picture.graph for p in node.params} >= {name for name, _ in model.named_parameters()}
    assert {p.name for p in picture.graph.parameters} == {name for name, _ in model.named_parameters()}
    assert any(node.kind == "input" for node in picture.graph), "what the model was called on is there"
    consumers = picture.graph.consumers()
    for node in picture.graph:
        assert consumers[node.id] or node.id in picture.graph.outputs
        assert node.kind != "op" or node.source.startswith("models.py:") or node.source.startswith("test_capture.py:")


def test_both_ways_give_the_same_ops(example):
    """From the tape alone and from a recording: the same ops, modules, shapes and parameters."""
    model, x = example
    model.eval()
    recorded = draw.graph(model, x, engine="builtin").graph
    y = model(x)
    taped = draw.graph(y, engine="builtin").graph

    def ops(graph):
        return [
            (n.op, graph.path(n), n.shape, n.dtype, [p.name for p in n.params if p.name.count(".")])
            for n in graph
            if n.kind == "op" and n.requires_grad
        ]

    running = ("running_mean", "running_var")
    drop = [(*op[:4], [p for p in op[4] if not p.endswith(running)]) for op in ops(recorded)]
    assert drop == [(*op[:4], [p for p in op[4] if not p.endswith(running)]) for op in ops(taped)]


def test_module_nesting_and_calls():
    graph = draw.graph(GPT(2), tokens(), engine="builtin").graph
    paths = {graph.path(node) for node in graph if node.kind == "op"}
    assert {"blocks.1.attn.qkv", "blocks.0.mlp.1", "tok", "", "blocks.1.attn"} <= paths
    kinds = {call.path: call.kind for call in graph.calls}
    assert kinds["blocks.0.attn"] == "Attention"
    steps = draw.graph(RNN(), ag.randn(2, 5, 4), engine="builtin").graph
    assert [call.index for call in steps.calls if call.path == "cell"] == [0, 1, 2, 3, 4]


def test_a_time_loop_folds_with_its_initial_state():
    picture = draw.graph(RNN(), ag.randn(4, 8, 4), engine="builtin")
    boxes, links = picture.scene.visible()
    assert [box.count for box in picture.scene.root.walk() if box.count > 1] == [8]
    assert sum(link.carried for link in links) == 1
    assert sum(box.kind == "constant" for box in boxes) == 1, "the zeros it starts from"


def test_the_callers_own_locals_stay():
    x = ag.ones(2, requires_grad=True)
    mine = locals()
    draw.graph(x * 2, engine="builtin", names=mine)
    assert mine["x"] is x


def test_names_come_from_the_callers_variables():
    weight = ag.randn(3, 2, requires_grad=True)
    data = ag.randn(5, 3)
    loss = (data @ weight).sum()
    graph = draw.graph(loss, engine="builtin").graph
    assert {node.name for node in graph if node.kind == "input"} == {"weight", "data"}
    assert graph.nodes[graph.outputs[0]].name == "loss"


@pytest.mark.parametrize("recorded", [False, True])
def test_an_index_is_an_input_too(recorded):
    words, table = tokens(), nn.Embedding(32, 4)
    with draw.record() if recorded else ag.enable_grad():
        y = table(words).sum()
        z = (y * words).sum() if recorded else y
    graph = draw.graph(z, engine="builtin").graph
    (box,) = [node for node in graph if node.kind == "input"]
    assert box.name == "words"
    (lookup,) = [node for node in graph if node.op == "embedding"]
    assert lookup.inputs == (box.id,)


@pytest.mark.parametrize("recorded", [False, True])
def test_several_arrays_may_be_an_index(recorded):
    """Arrays cannot be compared like the numbers of an argument; packed sequences are unpacked by two of them."""
    x, places = ag.randn(4, 5, requires_grad=True), np.array([0, 2])
    with draw.record() if recorded else ag.enable_grad():
        y = x[places, places + 1]
    assert [node.op for node in draw.graph(y, engine="builtin").graph if node.kind == "op"] == ["index"]


def test_two_models_in_one_graph_are_told_apart():
    generator, critic = mlp(), nn.Linear(3, 1)
    score = critic(generator(ag.randn(4, 8))).mean()
    graph = draw.graph(score, engine="builtin").graph
    names = {p.name for node in graph for p in node.params}
    assert {"generator.0.weight", "critic.weight"} <= names


def test_a_shared_leaf_is_printed_in_its_many_uses():
    w = ag.randn(4, 4, requires_grad=True)
    h = ag.randn(2, 4)
    for _ in range(6):
        h = (h @ w).tanh()
    graph = draw.graph(h, engine="builtin").graph
    assert sum(p.name == "w" for node in graph for p in node.params) == 6
    assert not any(node.name == "w" for node in graph)


def test_several_outputs():
    x = ag.randn(4, 6)
    w = ag.randn(6, 6, requires_grad=True)
    a, b = (x @ w).chunk(2, 1)
    picture = draw.graph([a.sum(), (a * b).sum()], engine="builtin")
    assert len(picture.graph.outputs) == 2
    boxes, links = picture.scene.visible()
    assert not any(box.kind == "pick" for box in boxes)
    assert {link.label for link in links if link.source.type in ("split", "chunk")} == {"4×3"}


# ---- looking changes nothing ----------------------------------------------------------------------------------------


def test_drawing_keeps_no_tensor_alive(example):
    model, x = example
    with draw.record() as rec:
        y = model(x)
        loss = y.float().sum()
        loss.backward()
    picture = draw.graph(loss, engine="builtin", color="grad")
    references = [weakref.ref(loss), weakref.ref(y), weakref.ref(x), weakref.ref(next(model.parameters()))]
    arrays = [weakref.ref(y.array), weakref.ref(next(model.parameters()).array)]
    del model, x, y, loss, example
    # The fixture's own cache is pytest's; everything made here must go.
    gc.collect()
    assert [r() for r in (*references[:2], *arrays[:1])] == [None] * 3
    assert picture.to_svg()
    assert len(rec.graph()) > 0


def test_drawing_a_model_leaves_it_as_it_was():
    model, x = CNN(), ag.randn(2, 1, 28, 28)
    model(x).sum().backward()
    before = {name: value.array.copy() for name, value in model.state_dict().items()}
    grads = {name: p.grad.array.copy() for name, p in model.named_parameters()}
    state = ag.get_rng_state().array.copy()
    for color in (None, "grad", "value", "time", "memory"):
        draw.graph(model, x, color=color, engine="builtin")
    draw.summary(model, x)
    assert model.training
    np.testing.assert_array_equal(ag.get_rng_state().array, state)
    for name, value in model.state_dict().items():
        assert (value.array == before[name]).all()
    for name, p in model.named_parameters():
        assert (p.grad.array == grads[name]).all()
        assert not p.hooks


def test_drawing_a_loss_leaves_its_tape():
    w = ag.randn(3, requires_grad=True)
    seen = []
    y = w * w
    y.register_hook(lambda g: seen.append(g))
    loss = y.sum()
    draw.graph(loss, color="grad", engine="builtin")
    assert w.grad is None
    assert seen == []
    loss.backward()
    np.testing.assert_allclose(w.grad.numpy(), 2 * w.detach().numpy())
    assert len(seen) == 1


def test_recording_does_not_change_results():
    model, x = GPT(2), tokens()
    plain = model(x)
    plain.sum().backward()
    expected = {name: p.grad.array.copy() for name, p in model.named_parameters()}
    model.zero_grad()
    with draw.record():
        y = model(x)
        y.sum().backward()
    assert (y.array == plain.array).all()
    for name, p in model.named_parameters():
        assert (p.grad.array == expected[name]).all()


def test_nothing_observes_when_nothing_records():
    from autograd import op

    detach = ag.Tensor.detach
    with draw.record():
        assert len(op.observers) == 1
        with draw.record():
            assert len(op.observers) == 2
    assert op.observers == []
    assert ag.Tensor.detach is detach


# ---- what record notes ----------------------------------------------------------------------------------------------


def test_record_notes_time_memory_values_and_lines():
    model, x = mlp(), ag.randn(4, 8)
    with draw.record() as rec:
        loss = (model(x) ** 2).mean()
        loss.backward()
    graph = rec.graph(loss, model=model)
    ops = [node for node in graph if node.kind == "op"]
    assert [node.op for node in ops] == ["linear", "relu", "linear", "pow", "mean"]
    assert all(node.forward_ns > 0 for node in ops)
    assert all(node.backward_ns > 0 for node in ops)
    assert all(node.value is not None and node.grad is not None for node in ops)
    assert ops[1].saved_nbytes == 4 * 16 * 4
    assert all(node.source.startswith("test_capture.py:") for node in ops)
    weight = next(p for p in graph.parameters if p.name == "0.weight")
    assert weight.grad.norm == pytest.approx(float(np.linalg.norm(model[0].weight.grad.array)), rel=1e-5)
    assert graph.backward


def test_what_is_not_asked_for_is_not_noted():
    with draw.record(source=False, time=False, memory=False, values=False) as rec:
        y = ag.randn(3, requires_grad=True).exp()
    (node,) = [node for node in rec.graph(y) if node.kind == "op"]
    assert (node.source, node.forward_ns, node.saved_nbytes, node.value) == ("", None, 0, None)


def test_other_threads_are_not_recorded():
    import threading

    with draw.record() as rec:
        thread = threading.Thread(target=lambda: ag.randn(3).exp())
        thread.start()
        thread.join()
        ag.ones(2).tanh()
    assert [node.op for node in rec.graph() if node.kind == "op"] == ["tanh"]


def test_the_picture_of_a_recording_knows_gradients_without_the_tape():
    model, x = mlp(), ag.randn(4, 8)
    with draw.record() as rec:
        loss = model(x).sum()
        loss.backward()
    picture = draw.graph(loss, color="grad", engine="builtin")
    assert rec.events
    shades = {box.title: box.shade for box in picture.scene.visible()[0] if box.kind == "module"}
    assert set(shades) == {"0", "1", "2"}
    assert None not in shades.values()


def test_color_grad_from_the_tape_alone():
    w = ag.randn(3, requires_grad=True)
    loss = (w * 2).exp().sum()
    graph = draw.graph(loss, color="grad", engine="builtin").graph
    grads = {node.op: node.grad for node in graph}
    assert grads["sum"].mean == 1
    assert grads["exp"].mean == 1
    assert grads["multiply"].rms == pytest.approx(float(np.sqrt(np.mean(np.exp(2 * w.array) ** 2))), rel=1e-5)


def test_color_grad_after_backward_shows_what_the_parameters_have():
    model = mlp()
    loss = (model(ag.randn(4, 8)) * 2).sum()
    loss.backward()
    picture = draw.graph(loss, color="grad", engine="builtin")
    boxes = {box.title or box.type: box for box in picture.scene.visible()[0] if box.kind in ("op", "module")}
    assert {name for name, box in boxes.items() if box.shade is not None} == {"0", "2"}
    assert boxes["0"].note.startswith("parameters, rms ")
    assert not any(box.badge for box in boxes.values()), "a gradient that was not kept is not one that is missing"


def test_two_models_are_named_by_their_variables():
    encoder, decoder = mlp(), nn.Sequential(nn.Linear(3, 8))
    picture = draw.graph(decoder(encoder(ag.randn(4, 8))), engine="builtin")
    paths = [call.path for call in picture.graph.calls]
    assert paths == ["encoder", "encoder.0", "encoder.1", "encoder.2", "decoder", "decoder.0"]
    first = next(box for box in picture.scene.visible()[0] if box.kind == "module")
    assert first.lines == ["weight 16×8", "bias 16"]


# ---- questions ------------------------------------------------------------------------------------------------------


def test_why_no_grad_names_the_detach_the_module_and_the_line():
    model = GPT(4)
    model.blocks[2].cut = True
    with draw.record() as rec:
        loss = model(tokens()).mean()
        loss.backward()
    answer = rec.graph(loss, model=model).why_no_grad("blocks.2.mlp.0.weight")
    assert "detach in blocks.2 (models.py:" in answer
    assert model.blocks[2].mlp[0].weight.grad is None
    picture = draw.graph(loss, engine="builtin", color="grad")
    assert [box.type for box in picture.scene.visible()[0] if picture.graph.nodes[box.node].stop] == ["detach"]
    assert "has a gradient, of norm" in picture.why_no_grad("blocks.1.mlp.0.weight")


def test_why_no_grad_in_every_case():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3))
    frozen, silent, cast, unused = model
    frozen.requires_grad_(False)
    x = ag.randn(2, 3)
    with draw.record() as rec:
        with ag.no_grad():
            a = silent(x)
        b = cast(x).long()
        c = frozen(x)
        w = ag.ones(3, requires_grad=True)
        loss = (a + b + c + w).sum()
    graph = rec.graph(model=model)
    assert "frozen" in graph.why_no_grad("0.weight")
    assert "no_grad()" in graph.why_no_grad("1.weight")
    assert "int64" in graph.why_no_grad("2.weight")
    assert "does not take part" in graph.why_no_grad("3.weight")
    assert "no backward pass has run yet" in graph.why_no_grad("w")
    with pytest.raises(KeyError, match=r"did you mean .*2\.weight"):
        graph.why_no_grad("2.wieght")
    loss.backward()
    assert "has a gradient" in rec.graph(model=model).why_no_grad("w")
    assert unused.weight.grad is None


def test_data_also_cuts():
    w = ag.ones(3, requires_grad=True)
    with draw.record() as rec:
        hidden = w * 2
        loss = (hidden.data * w).sum()
    assert [node.op for node in rec.graph(loss) if node.stop] == ["detach"]


def test_first_bad_names_the_op_and_the_module():
    model = GPT(3)
    model.blocks[1].poison = True
    with np.errstate(all="ignore"), draw.record() as rec:
        loss = model(tokens()).mean()
    bad = rec.graph(loss, model=model).first_bad()
    assert (bad.op, rec.graph(loss, model=model).path(bad)) == ("divide", "blocks.1")
    assert bad.source.startswith("models.py:")
    picture = draw.graph(loss, engine="builtin")
    assert picture.first_bad().op == "divide"
    assert any(box.badge for box in picture.scene.visible()[0])


def test_first_bad_in_the_backward_pass():
    x = ag.zeros(3, requires_grad=True)
    with np.errstate(all="ignore"), draw.record() as rec:
        loss = (x * 1).sqrt().sum()
        loss.backward()
    assert rec.first_bad().op == "multiply"  # the square root's rule gave it an infinity
    with draw.record() as rec:
        ag.ones(3, requires_grad=True).exp().sum().backward()
    assert rec.first_bad() is None


def test_a_forward_that_raises_leaves_a_picture():
    model = nn.Sequential(nn.Linear(4, 5), nn.Linear(6, 2))
    with pytest.raises(RuntimeError), draw.record() as rec:
        model(ag.randn(3, 4))
    picture = draw.graph(rec, engine="builtin")
    assert [node.op for node in picture.graph if node.kind == "op" and not node.error] == ["linear"]
    assert "raised" in picture.to_svg()


def test_a_backward_that_raises_leaves_a_picture():
    def broken(g):
        raise FloatingPointError("no")

    x = ag.ones(3, requires_grad=True)

    def step():
        y = x.exp()
        y.register_hook(broken)
        (y * 2).sum().backward()

    with pytest.raises(FloatingPointError), draw.record() as rec:
        step()
    failed = [node for node in rec.graph() if node.error]
    assert [node.op for node in failed] == ["exp"]
    assert "FloatingPointError: no" in failed[0].error


def test_diff_says_what_is_different():
    model, x = mlp(), ag.randn(4, 8)
    before = draw.graph(model, x, engine="builtin")
    assert not before.diff(draw.graph(model, x, engine="builtin"))
    model[1] = nn.GELU()
    change = before.diff(draw.graph(model, x, engine="builtin"))
    assert [line.split(" ")[0] for line in change.removed] == ["relu"]
    assert [line.split(" ")[0] for line in change.added] == ["gelu"]
    wider = before.diff(draw.graph(nn.Sequential(nn.Linear(8, 20), nn.ReLU(), nn.Linear(20, 3)), x, engine="builtin"))
    assert "shape 4×16 to 4×20" in str(wider)
    with draw.record() as rec:
        loss = model(x).sum()
    graph = rec.graph(loss)
    loss.backward()
    assert "gradient appeared" in str(graph.diff(rec.graph(loss)))


# ---- scalars --------------------------------------------------------------------------------------------------------


def test_a_neuron_shows_values_and_gradients():
    a, b, c = (ag.tensor(value, requires_grad=True) for value in (2.0, -3.0, 10.0))
    e = a * b
    d = e + c
    loss = d.tanh()
    picture = draw.graph(loss, engine="builtin")
    values = {node.name or node.op: (node.value.mean, node.grad.mean) for node in picture.graph}
    slope = 1 - np.tanh(4.0) ** 2
    assert values["e"] == (-6, pytest.approx(slope, rel=1e-3))
    assert values["a"] == (2, pytest.approx(-3 * slope, rel=1e-3))
    assert values["d"][0] == 4
    assert "value -6" in picture.to_svg()
    assert "scalar" not in picture.to_svg().replace("scalar float32", "")


def test_a_neuron_after_backward_still_shows_its_leaves_gradients():
    a, b = ag.tensor(2.0, requires_grad=True), ag.tensor(3.0, requires_grad=True)
    loss = a * b
    loss.backward()
    grads = {node.name: node.grad.mean for node in draw.graph(loss, engine="builtin").graph if node.kind == "input"}
    assert grads == {"a": 3, "b": 2}


def test_many_ops():
    y = x = ag.ones(2, requires_grad=True)
    for _ in range(20_000):
        y = y.tanh()
    picture = draw.graph(y, engine="builtin")
    assert picture.graph.ops == 20_000
    assert picture.boxes == 3
    assert x.grad is None


def test_wrong_subjects():
    with pytest.raises(TypeError, match=r"draw\.graph takes a Tensor"):
        draw.graph(3)
    with pytest.raises(TypeError, match="only a module"):
        draw.graph(ag.ones(2), ag.ones(2))

    class Silent(nn.Module):
        def forward(self, x):
            return None

    with pytest.raises(TypeError, match="returned no Tensor"):
        draw.graph(Silent(), ag.ones(2))


@pytest.mark.parametrize("part", [False, True])
def test_a_block_on_its_own_has_paths_relative_to_itself(part):
    block = GPT(2).blocks[1] if part else Block(16, 2)
    graph = draw.graph(block, ag.randn(2, 6, 16), engine="builtin").graph
    assert "attn.qkv.weight" in {p.name for node in graph for p in node.params}
    assert "attn.qkv" in {graph.path(node) for node in graph}


def test_only_models_that_take_part_are_listed():
    other, model = mlp(), mlp()
    y = model(ag.randn(2, 8))
    assert len(draw.graph(y, engine="builtin").graph.parameters) == 4
    assert len(list(other.parameters())) == 4


def test_an_op_with_several_outputs_shows_the_gradient_of_the_largest():
    w = ag.ones(2, 6, requires_grad=True)
    with draw.record():
        a, b = (w * 1).chunk(2, 1)
        loss = (a + 3 * b).sum()
        loss.backward()
    picture = draw.graph(loss, color="grad", engine="builtin")
    (split,) = [node for node in picture.graph if node.shape is None]
    assert split.grad.rms == 3
    assert not any(box.badge for box in picture.scene.visible()[0])
