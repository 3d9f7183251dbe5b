"""The interactive picture: as one offline page, and as what a notebook cell shows.

A notebook may strip scripts (GitHub, an untrusted JupyterLab) or show an SVG output as a dead image.  So the cell's HTML is
an image of the picture with a table beneath, and a script that replaces them where scripts may run.
"""

from __future__ import annotations

import json
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from .colouring import bytes_text, colour, time_text
from .layout import box_size
from .metrics import TITLE, text_width
from .scene import COLORS, Box, Scene
from .structure import Node, Param, Stats, shape_text
from .style import PALETTES, box_texts, fill_class, frame_words
from .svg import STOPS, escape

if TYPE_CHECKING:
    from .drawing import Drawing

__all__ = ["bundle", "page"]

MOST_BOXES = 3_000  # with more, closed boxes lose their contents
TALLEST = 640  # px in a notebook
ROWS = 200  # of the table

SHELL = """<style>{css}</style><div class="{kind}" tabindex="-1">
<div class="tools"><input id="search" type="search" placeholder="search (/)" aria-label="search">
<span id="hits" aria-live="polite"></span><button id="open">expand all</button><button id="close">collapse all</button>
<label>colour <select id="color"></select></label><button id="backward" aria-pressed="false">forward</button>
<span class="gap"></span><button id="minus" aria-label="smaller">−</button><button id="plus" aria-label="larger">+</button>
<button id="fit">fit</button><button id="theme" aria-label="light or dark">◐</button></div>
<svg role="group" aria-label="computation graph"><g id="scene"></g></svg>
<div class="panel" id="panel" hidden><header><b id="panel-title"></b><button id="copy">copy path</button>
<button id="hide" aria-label="close">×</button></header><table><tbody id="facts"></tbody></table></div>
<div class="foot"><span id="legend" hidden><span id="legend-name"></span><span id="legend-low"></span>
<span id="legend-bar"></span><span id="legend-high"></span>
<span id="legend-words">red: NaN or inf · yellow: all zero · dashed: no gradient</span></span><span id="footer"></span></div>
</div>"""


@cache
def resource(name: str) -> str:
    """Text of a file of this package."""
    return files("autograd.draw").joinpath(name).read_text(encoding="utf-8")


def view_data(drawing: Drawing, whole_page: bool) -> dict[str, Any]:
    """What `viewer.js` draws from."""
    scene = drawing.scene
    boxes, kept = _boxes(scene)
    index = {box: i for i, box in enumerate(boxes)}

    def innermost(box: Box | None) -> int:
        while box is not None and box not in kept:
            box = box.parent
        return -1 if box is None else index[box]

    merged: dict[tuple, list] = {}
    for link in scene.links:
        source, target = innermost(link.source), innermost(link.target)
        repeat = index.get(link.repeat, -2) if link.repeat is not None else -1
        if repeat == -2 or (source == target and repeat < 0):
            continue
        grad = scene.graph.nodes[link.node].grad
        entry = [source, target, link.label, link.count, repeat, f"rms {grad.rms:.1e}" if grad else ""]
        merged.setdefault((source, target, link.label, repeat), entry)
    chosen = scene.color
    colors = {name: _coloured(scene, name, boxes) for name in COLORS}
    plain = _coloured(scene, None, boxes)["boxes"]
    colour(scene, chosen)
    return {
        "boxes": [_box(scene, box, index) for box in boxes],
        "links": list(merged.values()),
        "color": chosen,
        "colors": {
            name: made for name, made in colors.items() if any("shade" in look for look in made["boxes"].values())
        },
        "plain": plain,
        "palettes": PALETTES,
        "stops": STOPS,
        "footer": "; ".join(part for part in (scene.footer, drawing.layout.note) if part),
        "shell": SHELL.format(css=resource("viewer.css"), kind="view page" if whole_page else "view"),
        "page": whole_page,
        "tallest": TALLEST,
    }


def _boxes(scene: Scene) -> tuple[list[Box], set[Box]]:
    """All boxes, outer before inner; where there are too many, without the contents of closed ones."""
    everything = list(scene.root.walk())
    if len(everything) > MOST_BOXES:
        everything, waiting = [], [scene.root]
        while waiting:
            box = waiting.pop()
            everything.append(box)
            if not box.is_leaf or box.parent is None:
                waiting.extend(reversed(box.children))
    return everything, set(everything)


def _coloured(scene: Scene, by: str | None, boxes: list[Box]) -> dict[str, Any]:
    colour(scene, by, boxes)
    looks = {}
    for i, box in enumerate(boxes):
        look: dict[str, Any] = {}
        if box.shade is not None:
            look["shade"] = round(box.shade, 3)
        if box.badge:
            look["badge"] = box.badge
        if box.note:
            look["note"] = box.note
        if box.spark:
            step = max(1, len(box.spark) // 24)
            look["spark"] = [None if value is None else round(value, 3) for value in box.spark[::step]]
        if look:
            looks[i] = look
    legend = [scene.legend[0][0], scene.legend[0][1], scene.legend[-1][1]] if scene.legend else ["", "", ""]
    return {"boxes": looks, "legend": legend}


def _box(scene: Scene, box: Box, index: dict[Box, int]) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": box.id, "kind": box.kind, "count": box.count, "lines": []}
    if box.parent is None:
        return entry | {"title": "", "type": "", "info": []}
    # Without what a colouring adds: the page makes room for that when it is chosen.
    note, spark, box.note, box.spark = box.note, box.spark, "", []
    title, kind, lines = box_texts(scene, box)
    width, height = box_size(scene, box)
    box.note, box.spark = note, spark
    entry |= {"parent": index[box.parent], "title": title, "type": kind, "fill": fill_class(scene, box)}
    size = [round(width, 1), height]
    if box.children:
        entry |= {"closedLines": lines, "closed": [round(size[0] + 14, 1), size[1]], "open": int(box.open)}
        head, kind = frame_words(box)
        name_width = text_width(head, TITLE, bold=True) + text_width(f" {kind}", TITLE)
        entry |= {"headText": head or title, "head": round(name_width, 1)}
    else:
        entry |= {"lines": lines, "size": size}
    if box.span:
        entry["span"] = box.span
    if box.kind in ("input", "constant", "gap"):
        entry["dashed"] = 1
    entry["info"] = _info(scene, box)
    path = scene.graph.calls[box.call].path if box.call >= 0 else ""
    if path:
        entry["path"] = path
    if box.node >= 0 and box.kind != "output":
        node = scene.graph.nodes[box.node]
        entry["op"] = node.op
        if node.stop:
            entry["stop"] = node.stop
        if node.error:
            entry["error"] = node.error
    return entry


def _info(scene: Scene, box: Box) -> list[list[str]]:
    """The rows of the side panel."""
    nodes = scene.graph.nodes
    if box.node < 0:
        copies = scene.members(box)
        params: dict[str, Param] = {p.name: p for ids in copies for i in ids for p in nodes[i].params}
        ops = sum(nodes[i].kind == "op" for ids in copies for i in ids)
        rows = [["ops", f"{ops:,}"]]
        if params:
            rows.append(["parameters", f"{sum(p.size for p in params.values()):,} in {len(params):,}"])
        return rows + ([["copies", f"{box.count:,}: {box.span}"]] if box.count > 1 else [])
    node = nodes[box.node]
    rows = [["op", node.op]] if node.kind == "op" else []
    rows += [["shape", f"{shape_text(node.shape)} {node.dtype}"]] if node.shape is not None else []
    rows += _facts(node)
    for param in node.params:
        rows.append(
            [param.name, f"{shape_text(param.shape)} {param.dtype}" + ("" if param.requires_grad else ", frozen")]
        )
        if param.grad:
            rows.append(["its gradient", str(param.grad)])
    if box.count > 1 or len(scene.members(box)) > 1:
        rows += _copies(scene, box)
    return rows


def _facts(node: Node) -> list[list[str]]:
    rows = []
    if node.text:
        rows.append(["arguments", node.text])
    if node.nbytes:
        rows.append(["size", bytes_text(node.nbytes)])
    if node.saved_nbytes:
        rows.append(["kept for backward", bytes_text(node.saved_nbytes)])
    for name, ns in (("forward", node.forward_ns), ("backward", node.backward_ns)):
        if ns is not None:
            rows.append([name, time_text(ns)])
    for name, stats in (("value", node.value), ("gradient", node.grad)):
        if stats is not None:
            rows.append([name, str(stats)])
    if node.stop:
        rows.append(["gradient stops", node.stop])
    if node.error:
        rows.append(["raised", node.error])
    if node.source:
        rows.append(["source", node.source])
    return rows


def _copies(scene: Scene, box: Box) -> list[list[str]]:
    """What is different from copy to copy."""
    ids = [copy[0] for copy in scene.members(box)]
    rows = [["copies", f"{len(ids):,}"]]
    nodes, graph = scene.graph.nodes, scene.graph
    for name, pick in (("gradient", lambda node: node.grad), ("value", lambda node: node.value)):
        found: list[tuple[Stats, int]] = [(stats, i) for i in ids if (stats := pick(nodes[i])) is not None]
        if found:
            low, high = min(found, key=lambda f: f[0].rms), max(found, key=lambda f: f[0].rms)
            for word, (stats, i) in (("least", low), ("largest", high)):
                rows.append(
                    [f"{word} {name}", f"rms {stats.rms:.2e}" + (f" in {graph.path(i)}" if graph.path(i) else "")]
                )
    return rows


# ---- HTML -----------------------------------------------------------------------------------------------------------


def _script(data: dict[str, Any]) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def page(drawing: Drawing) -> str:
    """The interactive picture as one page that needs no network."""
    data = _script(view_data(drawing, whole_page=True))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        '<title>computation graph</title><style>body{margin:0}</style></head><body><div id="graph">'
        f"{_still(drawing)}</div>\n<script>\n{resource('viewer.js')}\n"
        f"gradloomView(document.getElementById('graph'), {data});\n</script></body></html>\n"
    )


def bundle(drawing: Drawing) -> dict[str, str]:
    """What a notebook keeps of a picture: HTML for where it may run, an image for where not, text for the rest."""
    picture = drawing.to_svg()
    data = _script(view_data(drawing, whole_page=False))
    # Two pictures of one graph on a page have the same key: each script takes the first that has none yet.
    key = sha256(data.encode()).hexdigest()[:12]
    script = (
        "(function(){\n"
        + resource("viewer.js")
        + f"\nvar host=document.querySelector('[data-gradloom=\"{key}\"]:not([data-on])');"
        f"if(host){{host.setAttribute('data-on','1');gradloomView(host,{data});}}\n}})();"
    )
    html = f'<div data-gradloom="{key}">{_still(drawing, picture)}</div><script>{script}</script>'
    return {"text/html": html, "image/svg+xml": picture, "text/plain": repr(drawing)}


def _still(drawing: Drawing, picture: str | None = None) -> str:
    """The picture as an image, and its table."""
    image = b64encode((picture or drawing.to_svg()).encode()).decode()
    return (
        f'<img alt="{escape(repr(drawing))}" style="max-width:100%" src="data:image/svg+xml;base64,{image}">'
        f"<details><summary>table of {drawing.boxes} boxes</summary>{_table(drawing.scene)}</details>"
    )


def _table(scene: Scene) -> str:
    """The boxes as rows, for readers and machines that see no picture."""
    rows = ["<tr><th>box</th><th>kind</th><th>shape</th><th>parameters</th></tr>"]
    leaves = [box for box in scene.visible()[0] if box.kind != "output"]
    for box in leaves[:ROWS]:
        title, kind, lines = box_texts(scene, box)
        shape = shape_text(scene.graph.nodes[box.node].shape) if box.node >= 0 else ""
        path = scene.graph.calls[box.call].path if box.call >= 0 and box.kind in ("module", "group") else title
        times = f" × {box.count}" if box.count > 1 else ""
        cells = (path + times, kind, shape, ", ".join(lines))
        rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    if len(leaves) > ROWS:
        rows.append(f'<tr><td colspan="4">… {len(leaves) - ROWS} more</td></tr>')
    return f"<table>{''.join(rows)}</table>"
