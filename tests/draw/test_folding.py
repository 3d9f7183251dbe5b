"""Folding: nothing is lost, and only what is wired alike is folded."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd as ag
import nn
from autograd import draw
from autograd.draw import Graph, Node
from autograd.draw.folding import fold

from .graphs import Builder, chain, rnn, transformer


@pytest.mark.parametrize("graph", [transformer(1), transformer(2), transformer(12), rnn(1), rnn(2), rnn(8), chain(50)])
def test_unfold_gives_the_graph_back(graph):
    assert fold(graph).unfold() == graph


def test_twelve_blocks_become_one():
    folded = transformer(12).fold()
    assert [repeat.count for repeat in folded.repeats] == [12]
    assert len(folded.shown()) == len(transformer(1))


def test_a_time_loop_becomes_one_step_that_carries_its_state():
    (repeat,) = rnn(8).fold().repeats
    assert repeat.count == 8
    cell = repeat.start + 1
    assert repeat.carried() == [(cell, cell)]
    assert repeat.wires[1][1].first == 1, "the first step starts from the zeros"


def test_nested_repeats():
    b = Builder()
    x = b.input()
    for i in range(3):
        with b.module(f"outer.{i}", "Outer"):
            for j in range(4):
                with b.module(f"outer.{i}.inner.{j}", "Inner"):
                    x = b("tanh", b("linear", x))
    graph = b.graph(x)
    folded = graph.fold()
    assert [repeat.count for repeat in folded.repeats] == [4, 3]
    assert folded.shown() == [0, 1, 2]
    assert folded.unfold() == graph


def test_expand_keeps_a_block_for_itself():
    folded = transformer(12).fold(expand=("blocks.3",))
    assert sorted(repeat.count for repeat in folded.repeats) == [3, 8]
    assert folded.unfold() == transformer(12)


def two_blocks(second_is_parallel: bool) -> Graph:
    b = Builder()
    x = b.input()
    for i in range(4):
        with b.module(f"blocks.{i}", "Block"):
            a = b("linear", x)
            c = b("linear", x if second_is_parallel and i % 2 else a)
            x = b("add", a, c)
    return b.graph(x)


def test_blocks_that_differ_only_in_their_inner_wiring_are_not_folded():
    assert [r.count for r in two_blocks(False).fold().repeats] == [4]
    mixed = two_blocks(True)
    # Pairs of different blocks are alike, the blocks themselves are not.
    assert [(r.count, r.length) for r in mixed.fold().repeats] == [(2, 6)]
    assert mixed.fold().unfold() == mixed


def test_blocks_that_differ_only_in_what_they_carry_are_not_folded():
    b = Builder()
    x = first = b.input()
    results = []
    for i in range(5):
        with b.module(f"blocks.{i}", "Block"):
            # The last two look one block further back than the others.
            before = results[-2] if i >= 3 else x
            x = b("add", b("linear", x), before)
            results.append(x)
    graph = b.graph(x)
    assert first == 0
    assert max(r.count for r in graph.fold().repeats) == 3
    assert graph.fold().unfold() == graph


def test_different_shapes_parameters_or_gradients_are_not_folded():
    b = Builder()
    x = b.input()
    for i in range(4):
        with b.module(f"layers.{i}", "Linear"):
            x = b("linear", x, shape=(2, 3 + i), params=(("weight", (3 + i, 2 + i)),))
    assert b.graph(x).fold().repeats == ()


def test_few_bare_ops_are_no_pattern():
    assert chain(3).fold().repeats == ()
    assert chain(4).fold().repeats[0].count == 4


@pytest.mark.parametrize("together", [True, False])
def test_parallel_layers_are_one_only_where_one_op_takes_them_together(together):
    b = Builder()
    x = b.input()
    heads = []
    for name in ("mu", "logvar"):
        with b.module(name, "Linear"):
            heads.append(b("linear", x))
    y = b("add", *heads) if together else b("add", heads[0], b("exp", heads[1]))
    assert [repeat.count for repeat in b.graph(y).fold().repeats] == ([2] if together else [])


def test_parallel_layers_that_are_results_are_drawn_apart():
    b = Builder()
    x = b.input()
    for name in ("mu", "logvar"):
        with b.module(name, "Linear"):
            b("linear", x)
    assert replace(b.graph(x), outputs=(1, 2)).fold().repeats == ()


def test_the_first_layer_is_like_the_others_although_data_have_no_gradient():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    picture = draw.graph(nn.TransformerEncoder(layer, 3), ag.randn(2, 4, 8), engine="builtin", color="grad")
    boxes = picture.scene.visible()[0]
    assert [repeat.count for repeat in picture.scene.folded.repeats if repeat.count == 3]
    assert not any(box.badge for box in boxes)
    assert picture.graph.fold().unfold() == picture.graph


def test_each_step_may_have_its_own_slice():
    """`for x in xs.unbind(0)`: all slices are made first, and each step takes the next."""
    b = Builder()
    xs = b.input()
    slices = [b("getitem", xs, shape=(3,)) for _ in range(6)]
    h = b("zeros", kind="constant", shape=(3,))
    states = []
    for part in slices:
        with b.module("cell", "Cell"):
            h = b("tanh", b("add", part, h, shape=(3,)), shape=(3,))
            states.append(h)
    graph = b.graph(b("stack", *states, shape=(6, 3)))
    folded = graph.fold()
    assert sorted(r.count for r in folded.repeats) == [6, 6]
    assert folded.unfold() == graph


def test_a_long_chain_needs_no_recursion_and_no_time():
    graph = chain(20_000)
    folded = graph.fold()
    assert folded.repeats[0].count == 20_000
    assert folded.unfold() == graph
    assert "repeat × 20,000 {" in folded.to_text()


@st.composite
def programs(draw) -> Graph:
    """Random modules, repeated, nested, with skips, shared tensors, several results, and slips in some copies."""
    b = Builder()
    known = [b.input("x"), b.input("mask")]

    def body(depth: int, path: str, plan: list, slip: bool) -> None:
        local: list[int] = []
        for position, (op, far, reach, inner, times) in enumerate(plan):
            if inner is not None and depth < 3:
                for k in range(times):
                    with b.module(f"{path}m{position}.{k}", f"Module{depth}"):
                        body(depth + 1, f"{path}m{position}.{k}.", inner, False)
                local.append(len(b.nodes) - 1)
                continue
            pool = known if far or not local else local
            sources = [pool[-1 - reach % len(pool)]]
            if op in ("add", "cat"):
                sources.append(known[(reach + slip) % 2] if far else b.nodes[-1].id)
            local.append(b(op, *sources))
            known.append(local[-1])

    ops = st.sampled_from(["tanh", "linear", "add", "cat"])
    step = st.tuples(ops, st.booleans(), st.integers(0, 4))
    leaf = step.map(lambda s: (*s, None, 1))
    plans = st.recursive(
        st.lists(leaf, min_size=1, max_size=4),
        lambda inner: st.lists(
            st.one_of(leaf, st.tuples(ops, st.booleans(), st.integers(0, 4), inner, st.integers(1, 5))),
            min_size=1,
            max_size=4,
        ),
        max_leaves=4,
    )
    plan = draw(plans)
    copies = draw(st.integers(1, 6))
    slipped = draw(st.sets(st.integers(0, 5), max_size=1))
    for k in range(copies):
        with b.module(f"blocks.{k}", "Block"):
            body(0, f"blocks.{k}.", plan, k in slipped)
    return b.graph(len(b.nodes) - 1)


@settings(max_examples=100)
@given(programs())
def test_fold_and_unfold_are_inverse(graph):
    folded = graph.fold()
    assert folded.unfold() == graph
    for repeat in folded.repeats:
        check_isomorphic(graph, repeat)


def check_isomorphic(graph: Graph, repeat) -> None:
    """All copies have the same ops, and each input of copy k + 1 is that of copy k moved by one rule."""

    def place(node: int, copy: int) -> tuple:
        start = repeat.start + copy * repeat.length
        if node >= start:
            return "inside", node - start
        if node >= repeat.start:
            return "before", start - node
        return ("outside",)

    for position in range(repeat.length):
        copies = [graph.nodes[repeat.start + k * repeat.length + position] for k in range(repeat.count)]
        assert len({(node.op, node.shape, len(node.inputs)) for node in copies}) == 1
        for slot in range(len(copies[0].inputs)):
            places = [place(node.inputs[slot], k) for k, node in enumerate(copies)]
            assert len(set(places[1:])) == 1, "copies after the first are wired alike"
            assert places[0] == places[1] or (places[0] == ("outside",) and places[1][0] == "before")
    with_inputs = [node for node in graph.fold().graph.nodes if node.inputs]
    assert len(with_inputs) <= len([node for node in graph.nodes if node.inputs])


def test_graphs_are_checked():
    with pytest.raises(ValueError, match="topological order"):
        Graph((Node(0, "a", (0,)),))
    with pytest.raises(ValueError, match="topological order"):
        Graph((Node(1, "a"),))
