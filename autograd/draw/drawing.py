"""`draw.graph`: from a tensor, a model or a graph to a picture."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..tensor import Tensor
from .building import build_scene
from .capture import from_tape
from .colouring import colour
from .dot import GraphvizFailed, GraphvizNotFound, digraph, dot_layout, program, render
from .layered import lay_out
from .layout import Layout
from .mermaid import mermaid
from .names import find_names, is_module
from .page import bundle, page
from .recording import Recording, recording_of
from .running import run_model
from .scene import Scene
from .structure import Graph
from .svg import svg

__all__ = ["Drawing", "graph", "graph_of"]

SUFFIXES = ("svg", "pdf", "png", "dot", "html", "mmd", "json")


def graph(
    subject: Any,
    *inputs: Any,
    depth: int | None = None,
    fold: bool = True,
    expand: str | Iterable[str] = (),
    hide: str | Iterable[str] = (),
    color: str | None = None,
    engine: str = "auto",
    max_nodes: int = 400,
    theme: str = "light",
    model: Any = None,
    names: Mapping[str, Any] | None = None,
) -> Drawing:
    """Draw the graph of a tensor, or of a model's forward on an example.

    Args:
        subject: a Tensor (or several in a list), an nn module, a `Graph`, or what `record` gave.
        inputs: for a module, what it is called on.
        depth: how many levels of modules are opened; None opens as many as fit in 60 boxes.
        fold: draw a run of isomorphic blocks or time steps as one.
        expand: dotted paths of modules to draw for themselves, such as ``("blocks.3",)``.
        hide: names of ops to leave out, such as ``("reshape", "transpose")``.
        color: ``"grad"``, ``"value"``, ``"time"`` or ``"memory"``.
        engine: who lays out: ``"dot"`` (Graphviz), ``"builtin"``, or ``"auto"``: dot where it is installed and fast.
        max_nodes: the middle of what would have more boxes is left out.
        theme: ``"light"``, ``"dark"``, or ``"auto"`` for the reader's setting.
        model: the module whose parameter names to use; models in the caller's variables are found without.
        names: further names for tensors, such as ``locals()``.

    Returns:
        The picture: shown by Jupyter, saved by `Drawing.save`.

    Raises:
        GraphvizNotFound: ``engine="dot"``, and there is no `dot`.

    >>> import autograd as ag
    >>> from autograd import draw
    >>> x = ag.ones(2, 3, requires_grad=True)
    >>> y = (x * 2).tanh().sum()
    >>> picture = draw.graph(y, engine="builtin")
    >>> [node.op for node in picture.graph]
    ['input', 'multiply', 'tanh', 'sum']
    """
    if engine not in ("auto", "dot", "builtin"):
        raise ValueError(f'engine is "auto", "dot" or "builtin", got {engine!r}')
    if theme not in ("light", "dark", "auto"):
        raise ValueError(f'theme is "light", "dark" or "auto", got {theme!r}')
    if engine == "dot":
        program()
    with _no_collection():
        values = graph_of(subject, *inputs, color=color, model=model, names=names)
        scene = build_scene(values, depth, fold, expand, hide, max_nodes)
        colour(scene, color)
    return Drawing(values, scene, engine, theme)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Many small objects are made here and all of them are kept: looking for garbage meanwhile takes half the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def graph_of(
    subject: Any,
    *inputs: Any,
    color: str | None = None,
    model: Any = None,
    names: Mapping[str, Any] | None = None,
) -> Graph:
    """The `Graph` of what `graph` draws; its arguments are those of `graph`."""
    if isinstance(subject, Drawing):
        return subject.graph
    if isinstance(subject, Graph):
        return subject
    if isinstance(subject, Recording):
        return subject._graph(None, find_names(model, names))
    if is_module(subject):
        return run_model(subject, inputs, find_names(subject, names), color)
    if inputs:
        raise TypeError(f"only a module is drawn on inputs, got {type(subject).__name__} and {len(inputs)} inputs")
    outputs = [subject] if isinstance(subject, Tensor) else list(subject) if isinstance(subject, (list, tuple)) else []
    if not outputs or not all(isinstance(tensor, Tensor) for tensor in outputs):
        raise TypeError(
            f"draw.graph takes a Tensor, a list of Tensors, an nn module with inputs, a Graph or a recording, got {type(subject).__name__}"
        )
    recording = recording_of(outputs[0])
    found = find_names(model, names)
    if recording is not None:
        return recording._graph(outputs, found)
    return from_tape(outputs, found, True if color == "grad" else None)


class Drawing:
    """A picture of a graph.  `graph` has what it shows as data, `scene` its boxes, `engine_used` who laid it out."""

    def __init__(self, graph: Graph, scene: Scene, engine: str = "auto", theme: str = "light"):
        self.graph, self.scene, self.engine, self.theme = graph, scene, engine, theme
        self._layout: Layout | None = None

    @property
    def layout(self) -> Layout:
        """Where everything is; found when first asked for."""
        if self._layout is None:
            self._layout = self._lay_out()
        return self._layout

    def _lay_out(self) -> Layout:
        if self.engine == "builtin":
            return lay_out(self.scene)
        try:
            return dot_layout(self.scene)
        except GraphvizNotFound:
            if self.engine == "dot":
                raise
            return lay_out(self.scene)
        except GraphvizFailed as error:
            layout = lay_out(self.scene)
            layout.note = f"{error}, laid out without it"
            return layout

    @property
    def engine_used(self) -> str:
        """``"dot"`` or ``"builtin"``."""
        return self.layout.engine

    @property
    def boxes(self) -> int:
        """How many boxes are drawn."""
        return len(self.scene.visible()[0])

    def to_svg(self, theme: str | None = None) -> str:
        """The picture as the text of an SVG file."""
        return svg(self.scene, self.layout, theme or self.theme)

    def to_dot(self) -> str:
        """The picture in Graphviz's language."""
        return digraph(self.scene).source

    def digraph(self) -> Any:
        """The picture as a `graphviz.Digraph`, to go on with."""
        return digraph(self.scene)

    def to_mermaid(self) -> str:
        """The picture as a Mermaid flowchart."""
        return mermaid(self.scene)

    def to_json(self) -> str:
        """The graph (not the picture) as JSON; `Graph.from_json` reads it."""
        return self.graph.to_json()

    def to_text(self) -> str:
        """The folded graph, one line per op."""
        return self.scene.folded.to_text()

    def to_html(self) -> str:
        """The interactive picture as one offline page."""
        return page(self)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to a file.

        Args:
            path: its suffix says how: svg, pdf, png (these two need Graphviz), dot, html (interactive), mmd (Mermaid), json.

        Returns:
            The path.
        """
        path = Path(path)
        kind = path.suffix.removeprefix(".").lower()
        if kind not in SUFFIXES:
            raise ValueError(f"the suffix says how to save: {', '.join(SUFFIXES)}; got {path.name!r}")
        if kind in ("pdf", "png"):
            path.write_bytes(render(self.to_dot(), kind))
            return path
        texts: dict[str, Callable[[], str]] = {
            "svg": self.to_svg,
            "dot": self.to_dot,
            "html": self.to_html,
            "mmd": self.to_mermaid,
            "json": self.to_json,
        }
        path.write_text(texts[kind](), encoding="utf-8")
        return path

    def why_no_grad(self, name: str) -> str:
        """Why a parameter has no gradient (see `Graph.why_no_grad`)."""
        return self.graph.why_no_grad(name)

    def first_bad(self) -> Any:
        """The first NaN or infinity (see `Graph.first_bad`)."""
        return self.graph.first_bad()

    def diff(self, other: Any) -> Any:
        """What is different in another drawing or graph (see `Graph.diff`)."""
        return self.graph.diff(other.graph if isinstance(other, Drawing) else other)

    def __repr__(self) -> str:
        footer = f": {self.scene.footer}" if self.scene.footer else ""
        return f"<drawing of {self.graph.ops} ops{footer}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return bundle(self)
