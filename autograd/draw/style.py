"""Words and colours of a picture, the same in SVG, DOT, Mermaid and the page."""

from __future__ import annotations

from .captions import closed_lines
from .metrics import clip
from .scene import Box, Scene
from .structure import shape_text

__all__ = ["PALETTES", "box_texts", "fill_class", "frame_title", "frame_words"]

# Families of ops; the colour says at a glance where the arithmetic is and where data is only moved.
FAMILIES = {
    "product": "linear bilinear matmul mm bmm mv dot einsum tensordot outer addmm baddbmm conv embedding lstm gru rnn lstm_layer gru_layer rnn_layer "
    "rnn_tanh rnn_relu lstm_cell gru_cell rnn_cell attention scaled_dot_product_attention",
    "norm": "batch_norm layer_norm group_norm instance_norm rms_norm local_response_norm normalize softmax log_softmax",
    "reduce": "sum mean max min amax amin prod norm var std logsumexp cross_entropy nll_loss mse_loss l1_loss "
    "binary_cross_entropy argmax cumsum pool any all",
    "move": "view reshape transpose permute getitem item chunk split unbind cat concatenate stack expand broadcast_to "
    "squeeze unsqueeze flatten contiguous clone pad roll flip repeat tile detach astype cast to index_select gather "
    "slice select scatter moveaxis swapaxes unfold fold",
}
_FAMILY = {name: family for family, names in FAMILIES.items() for name in names.split()}

PALETTES = {
    "light": {
        "paper": "#ffffff",
        "ink": "#1b2733",
        "muted": "#5d6b78",
        "line": "#5f7f95",
        "label": "#54707f",
        "param": "#1565c0",
        "frame": "#9fb3c1",
        "frame-fill": "#f6f9fb",
        "repeat": "#f08c00",
        "repeat-fill": "#fff8e6",
        "box": "#ffffff",
        "box-line": "#8da2b1",
        "product": "#d3e6f5",
        "norm": "#d8efe4",
        "reduce": "#e7def5",
        "move": "#f1f3f5",
        "other": "#e4f0f3",
        "input": "#f3f3f1",
        "bad": "#d6202f",
        "bad-fill": "#fde3e3",
        "zero": "#b98900",
        "zero-fill": "#fff3b8",
        "none": "#8a8f94",
        "stop": "#c2185b",
    },
    "dark": {
        "paper": "#12181e",
        "ink": "#e8eef2",
        "muted": "#98a7b3",
        "line": "#7f9cb0",
        "label": "#8fabba",
        "param": "#82b8f5",
        "frame": "#4a5d6b",
        "frame-fill": "#18212a",
        "repeat": "#f5a83b",
        "repeat-fill": "#262113",
        "box": "#202a33",
        "box-line": "#5d7282",
        "product": "#1f3d57",
        "norm": "#1f4436",
        "reduce": "#3a2f54",
        "move": "#262e36",
        "other": "#22383f",
        "input": "#2a2d2e",
        "bad": "#ff6b75",
        "bad-fill": "#4d1b20",
        "zero": "#f2c744",
        "zero-fill": "#463a10",
        "none": "#8a949b",
        "stop": "#ff6fa5",
    },
}


def family(op: str) -> str:
    """The family of an op by its name: product, norm, reduce, move or other."""
    if op in _FAMILY:
        return _FAMILY[op]
    for word in ("conv", "attention", "norm", "pool", "loss", "softmax"):
        if word in op:
            return {"conv": "product", "attention": "product", "norm": "norm", "softmax": "norm"}.get(word, "reduce")
    return "other"


def fill_class(scene: Scene, box: Box) -> str:
    """Name of the palette colour that fills a box."""
    if box.kind in ("input", "constant", "output"):
        return "input"
    if box.kind == "gap":
        return "paper"
    if box.node < 0:
        return "box"
    return family(scene.graph.nodes[box.node].op)


def box_texts(scene: Scene, box: Box) -> tuple[str, str, list[str]]:
    """Title (the user's name), kind (class or op) and small lines of a box drawn as a box."""
    title, kind, lines = box.title, box.type, list(box.lines)
    if box.count > 1 and box.span:
        title = box.span
    if box.kind in ("input", "constant"):
        node = scene.graph.nodes[box.node]
        title, kind = node.name, "" if node.name else node.op
        if node.text and not lines:
            lines = [node.text]
    elif box.kind == "output":
        kind = ""
    elif box.children:
        lines = closed_lines(scene, box)
        title = title or ("" if box.kind == "group" else f"{len(box.children)} things")
    if box.note:
        lines.append(box.note)
    return clip(title), clip(kind), [clip(line) for line in lines]


def frame_words(box: Box) -> tuple[str, str]:
    """What stands in the upper left corner of a frame: name and class."""
    words = [f"× {box.count:,}" if box.count > 1 else "", box.span or box.title]
    return clip(" ".join(word for word in words if word), 60), clip(box.type, 40) if box.kind == "group" else ""


def frame_title(box: Box) -> str:
    """Both in one line."""
    return " ".join(word for word in frame_words(box) if word)


def tooltip(scene: Scene, box: Box) -> str:
    """Everything about a box, in lines."""
    graph = scene.graph
    if box.node < 0:
        if box.kind == "group":
            call = graph.calls[box.call]
            return f"{call.path} {call.kind}" + (f" × {box.count}: {box.span}" if box.count > 1 else "")
        return frame_title(box) or box.title
    node = graph.nodes[box.node]
    lines = [f"{graph.path(node)} {node.op}".strip() if node.kind == "op" else f"{node.op} {node.name}".strip()]
    lines.append(f"{shape_text(node.shape)} {node.dtype}")
    lines += [f"{param.name} {shape_text(param.shape)} {param.dtype}" for param in node.params]
    if node.text:
        lines.append(node.text)
    if node.value:
        lines.append(f"value: {node.value}")
    if node.grad:
        lines.append(f"gradient: {node.grad}")
    for param in node.params:
        if param.grad:
            lines.append(f"gradient of {param.name}: {param.grad}")
    if node.stop:
        lines.append(f"gradient stops here: {node.stop}")
    if node.error:
        lines.append(f"raised {node.error}")
    if node.source:
        lines.append(node.source)
    return "\n".join(lines)
