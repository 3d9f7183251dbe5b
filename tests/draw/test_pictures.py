"""From a graph to a picture: what is shown, where it is put, and that every export holds with any name."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest

import autograd as ag
import nn
from autograd import draw
from autograd.draw import dot
from autograd.draw.building import build_scene
from autograd.draw.metrics import SMALL, text_width

from . import models
from .graphs import HOSTILE, Builder, chain, hostile, rnn, transformer

ROOT = Path(__file__).parents[2]
needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="the dot program is not installed")
ENGINES = ["builtin", pytest.param("dot", marks=needs_dot)]
MODELS = {"transformer": transformer(2), "twelve": transformer(12), "rnn": rnn(8), "chain": chain(200, "a b c d e f")}


@pytest.fixture(autouse=True)
def _patience(monkeypatch):
    """A busy machine may keep `dot` waiting for longer than its users would."""
    monkeypatch.setattr(dot, "TIMEOUT", 600)


def texts(svg: str) -> list[str]:
    return [
        "".join(element.itertext()) for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    ]


# ---- what is shown --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("graph", MODELS.values(), ids=MODELS)
def test_at_most_sixty_boxes(graph):
    picture = draw.graph(graph, engine="builtin")
    assert picture.boxes <= 60
    if picture.boxes < graph.ops:
        assert f"{graph.ops}" in picture.scene.footer


@pytest.mark.parametrize("engine", ENGINES)
def test_every_parameter_and_every_input_is_there(engine):
    picture = draw.graph(transformer(12), engine=engine)
    shown = texts(picture.to_svg())
    for name in ("weight 48×16", "bias 48", "pos 1×6×16", "weight 32×16", "weight 64×16"):
        assert name in shown
    assert any("blocks.0 … blocks.11" in text and "× 12" in text for text in shown)
    boxes, links = picture.scene.visible()
    into = {box: sum(link.count for link in links if link.target is box and not link.carried) for box in boxes}
    for box in boxes:
        if box.kind in ("op", "module"):
            assert into[box] == len(picture.graph.nodes[box.node].inputs), box.type
    assert [link.source.type for link in links if link.carried] == ["add", "add"]


def test_names_are_the_users():
    shown = texts(draw.graph(rnn(8), engine="builtin").to_svg())
    assert {"cellRNNCell", "outLinear", "x", "output", "× 8 cell, 8 calls"} <= set(shown)
    picture = draw.graph(transformer(2), engine="builtin", fold=False)
    assert {"blocks.1", "blocks.0"} <= {box.title for box in picture.scene.root.walk()}


def test_the_output_is_outside_the_modules():
    root = draw.graph(transformer(2), engine="builtin").scene.root
    assert root.children[-1].kind == "output"
    assert root.children[-1].parent is root


def test_depth_closes_modules_and_expand_opens_them():
    graph = transformer(4)
    flat = draw.graph(graph, engine="builtin", depth=1)
    assert [box.title for box in flat.scene.visible()[0] if box.kind == "group"] == ["blocks.0"]
    shown = texts(flat.to_svg())
    assert "attn.qkv.weight 48×16" in shown
    assert "92 ops" in shown
    opened = draw.graph(graph, engine="builtin", depth=1, expand=("blocks.2",))
    assert sum(box.type == "Attn" and box.parent.title == "blocks.2" for box in opened.scene.visible()[0]) == 1


def test_hide_passes_edges_through():
    graph = transformer(1)
    hidden = draw.graph(graph, engine="builtin", hide=("view", "transpose", "reshape"))
    assert not {"view", "transpose"} & {node.op for node in hidden.scene.graph}
    (softmax,) = [node for node in hidden.scene.graph if node.op == "softmax"]
    scores = hidden.scene.graph.nodes[hidden.scene.graph.nodes[softmax.inputs[0]].inputs[0]]
    assert [hidden.scene.graph.nodes[i].op for i in scores.inputs] == ["output", "output"]


def test_max_nodes_bounds_the_picture_and_says_so():
    picture = draw.graph(transformer(12), engine="builtin", fold=False, max_nodes=50)
    assert picture.boxes <= 50
    assert "280 ops" in picture.scene.footer
    assert draw.graph(transformer(12), engine="builtin", fold=False, max_nodes=400).boxes > 200


def test_without_fold_nothing_is_folded():
    picture = draw.graph(transformer(3), engine="builtin", fold=False)
    assert picture.boxes == 75
    assert picture.scene.footer == ""


# ---- where it is put ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("graph", [*MODELS.values(), hostile()], ids=[*MODELS, "hostile"])
def test_boxes_do_not_overlap_and_arrows_arrive(graph, engine):
    picture = draw.graph(graph, engine=engine)
    layout = picture.layout
    assert picture.engine_used == engine
    leaves = [(box, rect) for box, rect in layout.rects.items() if box.is_leaf]
    assert len(leaves) == picture.boxes
    for i, (box, a) in enumerate(leaves):
        assert a.x >= -1
        assert a.x + a.w <= layout.width + 1
        for other, b in leaves[i + 1 :]:
            apart = a.x + a.w <= b.x + 1 or b.x + b.w <= a.x + 1 or a.y + a.h <= b.y + 1 or b.y + b.h <= a.y + 1
            assert apart, (box.title, other.title)
        if box.parent.parent is not None:
            frame = layout.rects[box.parent]
            assert frame.x <= a.x
            assert a.y + a.h <= frame.y + frame.h + 1
    assert len(layout.routes) == len(picture.scene.visible()[1])
    for route in layout.routes:
        source, target = layout.rects[route.link.source], layout.rects[route.link.target]
        for (x, y), rect in ((route.points[0], source), (route.points[-1], target)):
            assert rect.x - 4 <= x <= rect.x + rect.w + 4
            assert rect.y - 4 <= y <= rect.y + rect.h + 4
        if engine == "builtin" and not route.link.carried:
            assert route.points[0][1] < route.points[-1][1], "arrows point down"


def test_builtin_arrows_do_not_run_through_boxes():
    picture = draw.graph(transformer(12), engine="builtin")
    rects = {box: rect for box, rect in picture.layout.rects.items() if box.is_leaf}
    for route in picture.layout.routes:
        if route.link.carried:
            continue
        for start in range(0, len(route.points) - 1, 3):
            for t in (0.1, 0.3, 0.5, 0.7, 0.9):
                x, y = bezier(route.points[start : start + 4], t)
                for box, rect in rects.items():
                    if box not in (route.link.source, route.link.target):
                        inside = rect.x + 1 < x < rect.x + rect.w - 1 and rect.y + 1 < y < rect.y + rect.h - 1
                        assert not inside, (route.link.source.title, route.link.target.title, box.title)


def bezier(points, t):
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = points
    a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
    return a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3


def test_a_picture_fits_a_page_width():
    for graph in MODELS.values():
        assert draw.graph(graph, engine="builtin").layout.width < 1100


def test_large_graphs_give_small_pictures():
    picture = draw.graph(transformer(450), engine="builtin")
    assert picture.graph.ops > 10_000
    assert len(picture.to_svg()) < 100_000
    assert len(picture._repr_mimebundle_()["text/html"]) < 100_000
    assert "449 repeats folded" in picture.scene.footer


def test_a_chain_of_unlike_ops_is_elided():
    picture = draw.graph(chain(20_000, "a b c d e f g h i j k"), engine="builtin")
    assert picture.boxes <= 60
    assert len(picture.to_html()) < 2_000_000


# ---- exports --------------------------------------------------------------------------------------------------------


def test_labels_of_arrows_side_by_side_do_not_overlap():
    picture = draw.graph(nn.LSTM(8, 16, 2, batch_first=True), ag.randn(2, 5, 8), engine="builtin")
    areas = []
    for route in picture.layout.routes:
        if route.label is not None:
            x, y = route.label
            width = text_width(route.link.text, SMALL)
            areas.append((x - width * (route.anchor == "end"), y - 9, width, 11))
    areas += [(rect.x, rect.y, rect.w, rect.h) for box, rect in picture.layout.rects.items() if box.is_leaf]
    for (ax, ay, aw, ah), (bx, by, bw, bh) in combinations(areas, 2):
        assert not (ax < bx + bw and bx < ax + aw and ay < by + bh and by < ay + ah)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("theme", ["light", "dark", "auto"])
def test_any_name_is_only_text(engine, theme):
    picture = draw.graph(hostile(), engine=engine, theme=theme)
    svg = picture.to_svg()
    root = ElementTree.fromstring(svg)
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "style", "rect", "g", "title", "text", "tspan", "path"}
    titles = "\n".join(element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}title"))
    for name in HOSTILE[:5]:
        assert name in titles


def test_hostile_names_in_pages_and_bundles():
    picture = draw.graph(hostile(), engine="builtin")
    page = picture.to_html()
    assert page.count("<script>") == page.count("</script>") == 1
    data = json.loads(page[page.index("getElementById('graph'), ") + 25 : page.rindex(");\n</script>")])
    assert any(box["title"] == HOSTILE[1] for box in data["boxes"])
    bundle = picture._repr_mimebundle_()
    assert set(bundle) == {"text/html", "image/svg+xml", "text/plain"}
    assert bundle["text/html"].count("<script>") == 1
    assert "alert(1)</script>" not in bundle["text/html"]


@needs_dot
def test_dot_reads_what_we_write(tmp_path):
    for graph in (hostile(), transformer(2)):
        picture = draw.graph(graph)
        for suffix in ("svg", "pdf", "png", "dot", "html", "json"):
            path = picture.save(tmp_path / f"graph.{suffix}")
            assert path.stat().st_size > 500
        assert (tmp_path / "graph.png").read_bytes()[:4] == b"\x89PNG"
        assert (tmp_path / "graph.pdf").read_bytes()[:4] == b"%PDF"
        assert picture.digraph().source == picture.to_dot()


def test_mermaid():
    text = draw.graph(transformer(12), engine="builtin").to_mermaid()
    assert text.startswith("flowchart TD\n")
    assert text.count("subgraph") == text.count("end\n") == 3
    assert "-.->|carried|" in text
    strange = draw.graph(hostile(), engine="builtin").to_mermaid()
    assert "<script" not in strange
    with pytest.raises(ValueError, match="fold=True"):
        draw.graph(chain(600, "a b c d e f"), engine="builtin", fold=False, max_nodes=1000).to_mermaid()


def test_json_is_the_graph_again():
    for graph in (transformer(2), rnn(3), hostile()):
        assert draw.Graph.from_json(draw.graph(graph, engine="builtin").to_json()) == graph


def test_an_unknown_suffix_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"svg, pdf.*graph\.jpg"):
        draw.graph(rnn(2), engine="builtin").save(tmp_path / "graph.jpg")


def test_wrong_arguments():
    with pytest.raises(ValueError, match="engine"):
        draw.graph(rnn(2), engine="neato")
    with pytest.raises(ValueError, match="theme"):
        draw.graph(rnn(2), theme="blue")
    with pytest.raises(ValueError, match="color"):
        draw.graph(rnn(2), color="red")
    with pytest.raises(TypeError, match="list"):
        draw.graph([])


SAME = """
import sys; sys.path.insert(0, {root!r})
from autograd import draw
from tests.draw.graphs import transformer, rnn
for graph in (transformer(3), rnn(4)):
    picture = draw.graph(graph, engine="builtin")
    sys.stdout.buffer.write((picture.to_dot() + picture.to_json() + picture.to_text() + picture.to_svg()).encode())
"""


def test_the_same_program_gives_the_same_bytes():
    """Across processes, whatever the order of hashes."""
    code = SAME.format(root=str(ROOT))
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    assert len(outputs[0]) > 20_000


# ---- without the dot program ----------------------------------------------------------------------------------------


@pytest.fixture
def no_dot(monkeypatch):
    monkeypatch.setenv("PATH", "")


def test_everything_but_pdf_and_png_works_without_dot(no_dot, tmp_path):
    picture = draw.graph(transformer(2))
    assert picture.engine_used == "builtin"
    assert set(picture._repr_mimebundle_()) == {"text/html", "image/svg+xml", "text/plain"}
    for suffix in ("svg", "dot", "html", "mmd", "json"):
        assert picture.save(tmp_path / f"graph.{suffix}").stat().st_size > 500


def test_asking_for_dot_without_it_says_how_to_get_it(no_dot, tmp_path):
    with pytest.raises(draw.GraphvizNotFound) as caught:
        draw.graph(transformer(2), engine="dot")
    message = str(caught.value)
    assert len(message.splitlines()) == 4
    assert len(message) < 600
    for word in ("apt-get", "brew", "winget", "conda", "builtin"):
        assert word in message
    assert caught.value.__cause__ is None
    with pytest.raises(draw.GraphvizNotFound):
        draw.graph(transformer(2)).save(tmp_path / "graph.pdf")


@pytest.mark.parametrize(
    ("script", "timeout", "reason"), [("exec sleep 60", 0.1, "longer than"), ("echo no >&2; exit 3", 60, "gave up: no")]
)
def test_a_dot_that_hangs_or_fails_is_done_without(monkeypatch, tmp_path, script, timeout, reason):
    program = tmp_path / "dot"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(dot, "TIMEOUT", timeout)
    picture = draw.graph(transformer(2))
    assert picture.engine_used == "builtin"
    assert reason in texts(picture.to_svg())[-1]


# ---- colours --------------------------------------------------------------------------------------------------------


def stats(rms: float, **more) -> draw.Stats:
    numbers = {
        "size": 4,
        "min": -rms,
        "max": rms,
        "mean": 0.0,
        "std": rms,
        "rms": rms,
        "nans": 0,
        "infs": 0,
        "zeros": 0,
    }
    return draw.Stats(**(numbers | more))


def coloured():
    b = Builder()
    x = b.input()
    x = b("good", x, grad=stats(1e-3), value=stats(1.0))
    x = b("nan", x, grad=stats(0.0, nans=1), value=stats(1.0))
    x = b("zero", x, grad=stats(0.0, zeros=4), value=stats(1.0))
    x = b("missing", x, value=stats(float("inf"), infs=1))
    x = b("cut", x, stop="detach", grad=stats(1.0), value=stats(1.0))
    graph = b.graph(x)
    return draw.Graph(graph.nodes, graph.calls, graph.outputs, backward=True)


def test_gradient_colours_have_badges_and_a_legend():
    picture = draw.graph(coloured(), color="grad", engine="builtin")
    found = {box.type: (box.badge, box.shade) for box in picture.scene.visible()[0] if box.kind == "op"}
    assert found["good"] == ("", pytest.approx(0.5))
    assert [found[name][0] for name in ("nan", "zero", "missing")] == ["NaN", "0", "no grad"]
    shown = texts(picture.to_svg())
    assert {"NaN", "0", "no grad", "✂ detach", "1e-8", "1e2", "gradient rms", "rms 1.0e-3"} <= set(shown)


def test_before_backward_there_is_no_gradient_to_miss():
    picture = draw.graph(transformer(2), color="grad", engine="builtin")
    assert not any(box.badge for box in picture.scene.visible()[0])


def test_repeats_show_their_copies_as_bars():
    b = Builder()
    x = b.input()
    for i in range(6):
        with b.module(f"layers.{i}", "Linear"):
            x = b("linear", x, grad=stats(10.0**-i))
    picture = draw.graph(b.graph(x), color="grad", engine="builtin")
    (box,) = [box for box in picture.scene.visible()[0] if box.count == 6]
    assert box.spark == pytest.approx([1.0, 0.8, 0.6, 0.4, 0.2, 0.0])
    assert box.note == "rms 1.0e-5 … 1.0e0"


def test_a_nan_is_marked_without_any_colour():
    picture = draw.graph(coloured(), engine="builtin")
    assert [box.type for box in picture.scene.visible()[0] if box.badge == "NaN"] == ["nan"]


@pytest.mark.parametrize("color", ["time", "memory"])
def test_cost_is_shaded_by_share(color):
    b = Builder()
    x = b.input()
    for i, cost in enumerate((1000, 3000)):
        x = b(f"op{i}", x, forward_ns=cost, backward_ns=cost, saved_nbytes=cost)
    boxes = draw.graph(b.graph(x), color=color, engine="builtin").scene.visible()[0]
    assert [box.shade for box in boxes if box.kind == "op"] == [pytest.approx(1 / 3), 1.0]
    assert [box.note.endswith(share) for box, share in zip(boxes[1:], ("25%", "75%"), strict=False)] == [True, True]


def test_every_box_of_a_scene_has_a_place_of_its_own():
    scene = build_scene(transformer(12))
    ids = [box.id for box in scene.root.walk()]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"b\d+", name) for name in ids)


def readme_pictures() -> dict[str, draw.Drawing]:
    """The drawings that the README shows, by the names of their files."""
    ag.manual_seed(0)
    loop = draw.graph(models.RNN(), ag.zeros(2, 8, 4), engine="builtin")
    loss = nn.functional.mse_loss(models.sigmoids()(ag.randn(16, 4)), ag.zeros(16, 1))
    gradients = draw.graph(loss, color="grad", engine="builtin")
    loss.backward()
    return {"graph_of_a_loop": loop, "graph_of_gradients": gradients}


def test_readme_shows_what_is_drawn(tmp_path):
    for name, drawing in readme_pictures().items():
        drawing.save(tmp_path / "drawn.svg")
        shown = ROOT / "notebooks" / "pictures" / f"{name}.svg"
        assert shown.read_text() == (tmp_path / "drawn.svg").read_text()
        assert shown.name in (ROOT / "README.md").read_text()
