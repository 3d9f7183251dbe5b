"""Graphviz: the scene in the DOT language, and a layout by the `dot` program where there is one."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

from .layout import Layout, Rect, Route, box_size
from .metrics import SMALL, TITLE
from .scene import Box, Scene
from .style import PALETTES, box_texts, fill_class, frame_words
from .svg import escape, shade_color

__all__ = ["GraphvizNotFound", "digraph", "dot_layout", "render"]

TIMEOUT = 10.0  # seconds that `dot` may take
NOT_FOUND = """the `dot` program of Graphviz is needed for this, and is not on the PATH. Install it with one of
  apt-get install graphviz   |   brew install graphviz
  winget install Graphviz.Graphviz   |   conda install graphviz
or do without: engine="builtin" draws the same picture, and .svg, .html, .mmd and .json need no program."""


class GraphvizNotFound(RuntimeError):  # noqa: N818 - named like graphviz's ExecutableNotFound
    """The `dot` program is not installed."""


class GraphvizFailed(RuntimeError):  # noqa: N818
    """The `dot` program gave up or took too long."""


# `dot` bends an arrow around its label. A narrow one leaves it straight, and keeps room for what then stands beside it.
NARROW = '<<table border="0" cellborder="0" fixedsize="true" width="1" height="11"><tr><td></td></tr></table>>'


def digraph(scene: Scene, narrow: bool = False) -> Any:
    """The scene as a `graphviz.Digraph`, to go on with; its labels are only kept room for where they are to be `narrow`.

    The same scene gives the same text, byte for byte.
    """
    import graphviz

    palette = PALETTES["light"]
    leaves, links = scene.visible()
    graph = graphviz.Digraph("graph")
    graph.attr(fontname="Helvetica", fontsize=str(TITLE), nodesep="0.3", ranksep="0.42", bgcolor="white")
    graph.attr(
        "node", shape="box", style="rounded,filled", fontname="Helvetica", fontsize=str(TITLE), margin="0.1,0.05"
    )
    graph.attr("edge", fontname="Helvetica", fontsize=str(SMALL), fontcolor=palette["label"], color=palette["line"])
    graph.attr("edge", arrowsize="0.7")
    frames = _frames(scene, graph, palette)
    for box in leaves:
        assert box.parent is not None
        frames[box.parent].node(box.id, **_node(scene, box, palette))
    for box in reversed(frames):  # a frame is written into its parent when its content is complete
        if box.parent is not None:
            frames[box.parent].subgraph(frames[box])
    labelled = set()
    for number, link in enumerate(links):
        attributes = {"id": f"e{number}"}
        if link.carried:
            attributes |= {"style": "dashed", "color": palette["repeat"], "constraint": "false"}
        elif (link.source, link.text) not in labelled:
            labelled.add((link.source, link.text))
            attributes["label"] = NARROW if narrow and link.text else graphviz.escape(link.text)
        graph.edge(link.source.id, link.target.id, **attributes)
    return graph


def _frames(scene: Scene, graph: Any, palette: dict[str, str]) -> dict[Box, Any]:
    """A cluster for each frame, outer ones first; `graph` is the outermost."""
    import graphviz

    frames, waiting = {}, [scene.root]
    while waiting:
        box = waiting.pop()
        frames[box] = graph if box is scene.root else graphviz.Digraph(f"cluster_{box.id}")
        waiting += [child for child in box.children if not child.is_leaf]
        if box is not scene.root:
            repeat = box.count > 1
            name, kind = frame_words(box)
            words = (
                [f'<font color="{palette["repeat" if repeat else "ink"]}"><b>{escape(name)}</b></font>'] if name else []
            )
            words += [f'<font color="{palette["muted"]}">{escape(kind)}</font>'] if kind else []
            frames[box].attr(
                label=f"<{_row(words)}>" if words else "",
                labeljust="l",
                style="rounded,filled",
                fillcolor=palette["repeat-fill" if repeat else "frame-fill"],
                color=palette["repeat" if repeat else "frame"],
                penwidth="1.8" if repeat else "1",
                margin="12",
            )
    return frames


def _row(words: list[str]) -> str:
    """Bold and plain text in cells of their own: in one line, `dot` glues the words together."""
    cells = "".join(f"<td>{word}</td>" for word in words)
    return f'<table border="0" cellborder="0" cellspacing="0" cellpadding="2"><tr>{cells}</tr></table>'


def _node(scene: Scene, box: Box, palette: dict[str, str]) -> dict[str, str]:
    title, kind, lines = box_texts(scene, box)
    width, height = box_size(scene, box)
    fill, color = palette[fill_class(scene, box)], palette["box-line"]
    if box.shade is not None:
        fill = shade_color(box.shade)
    if box.badge in ("NaN", "inf"):
        fill, color = palette["bad-fill"], palette["bad"]
    elif box.badge == "0":
        fill, color = palette["zero-fill"], palette["zero"]
    ink = "white" if (box.shade or 0) >= 0.6 and not box.badge else palette["ink"]
    words = [f"<b>{escape(title)}</b>"] if title else []
    if kind:
        words.append(escape(kind))
    if box.count > 1:
        words.append(f"× {box.count:,}")
    if box.badge:
        words.append(f"[{escape(box.badge)}]")
    rows = [f"<tr><td>{_row(words or [' '])}</td></tr>"]
    small = ink if box.shade is not None else palette["param"]
    for line in lines:
        text = escape(line) or " "
        rows.append(f'<tr><td><font point-size="{SMALL}" color="{small}">{text}</font></td></tr>')
    style = (
        "rounded,filled,dashed"
        if box.badge == "no grad" or box.kind in ("input", "constant", "gap")
        else "rounded,filled"
    )
    return {
        "label": f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="0">{"".join(rows)}</table>>',
        "fillcolor": fill,
        "color": color,
        "fontcolor": ink,
        "style": style,
        "peripheries": "2" if box.count > 1 else "1",
        "width": f"{width / 72:.3f}",
        "height": f"{height / 72:.3f}",
    }


def program() -> str:
    """Path of the `dot` program."""
    path = shutil.which("dot")
    if path is None:
        raise GraphvizNotFound(NOT_FOUND)
    return path


def render(source: str, kind: str) -> bytes:
    """What `dot` makes of `source`: svg, pdf, png or json.

    Raises:
        GraphvizNotFound: there is no `dot`.
        GraphvizFailed: it took longer than 10 seconds, or gave up.
    """
    try:
        done = subprocess.run(
            [program(), f"-T{kind}"], input=source.encode(), capture_output=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        raise GraphvizFailed(f"dot took longer than {TIMEOUT:.0f} s") from None
    except OSError as error:
        raise GraphvizFailed(f"dot could not be run: {error}") from None
    if done.returncode or not done.stdout:
        reason = done.stderr.decode(errors="replace").strip().splitlines()
        raise GraphvizFailed(f"dot gave up: {reason[0] if reason else f'exit status {done.returncode}'}")
    return done.stdout


def dot_layout(scene: Scene) -> Layout:
    """Places and ways as `dot` finds them; the drawing itself is ours."""
    import graphviz

    palette = PALETTES["light"]
    source = graphviz.Digraph("graph")
    source.body = digraph(scene, narrow=True).body
    # Boxes have our sizes, whatever fonts `dot` finds.
    for box in scene.visible()[0]:
        size = _node(scene, box, palette)
        source.node(box.id, label="", width=size["width"], height=size["height"], fixedsize="true")
    data = json.loads(render(source.source, "json"))
    _, _, width, height = map(float, data["bb"].split(","))
    boxes = {box.id: box for box in scene.root.walk()}
    rects: dict[Box, Rect] = {}
    for entry in data.get("objects", ()):
        name = entry["name"].removeprefix("cluster_")
        if name not in boxes:
            continue
        if "bb" in entry:
            x0, y0, x1, y1 = map(float, entry["bb"].split(","))
            rects[boxes[name]] = Rect(x0, height - y1, x1 - x0, y1 - y0)
        elif "pos" in entry:
            x, y = map(float, entry["pos"].split(","))
            w, h = float(entry["width"]) * 72, float(entry["height"]) * 72
            rects[boxes[name]] = Rect(x - w / 2, height - y - h / 2, w, h)
    links = scene.visible()[1]
    routes = []
    for entry in data.get("edges", ()):
        link = links[int(entry["id"][1:])]
        route = Route(link, _spline(entry["pos"], height))
        if "lp" in entry:
            x, y = map(float, entry["lp"].split(","))
            route.label = x + 4, height - y + 3.5
        routes.append(route)
    rightmost: dict[Box, float] = {}
    for route in routes:
        rightmost[route.link.source] = max(rightmost.get(route.link.source, 0.0), route.points[3][0])
    for route in routes:
        if route.label and route.points[3][0] < rightmost[route.link.source] - 1:  # another arrow is on that side
            route.label, route.anchor = (route.label[0] - 8, route.label[1]), "end"
    order = {box: number for number, box in enumerate(boxes.values())}
    rects = dict(sorted(rects.items(), key=lambda item: order[item[0]]))
    return Layout(width, height, rects, routes, "dot")


def _spline(text: str, height: float) -> list[tuple[float, float]]:
    """Bézier points from ``e,x,y x,y x,y …``: the tip first, then start and triples."""
    tip, points = None, []
    for part in text.split(";")[0].split():
        if part.startswith("e,"):
            x, y = map(float, part[2:].split(","))
            tip = x, height - y
        elif not part.startswith("s,"):
            x, y = map(float, part.split(","))
            points.append((x, height - y))
    if tip is not None:
        points[-1] = tip
    return points
