"""What a picture shows, before anybody decides where: nested boxes, and links between them.

A scene holds the whole (folded) graph as a tree of boxes; those that are closed hide what they contain.  The layouts,
the exports and the page's script all work on `Scene.visible()`, or on the same tree in JavaScript.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product

from .folding import Folded, Repeat, call_chain
from .structure import Graph, Node, Param, shape_text

__all__ = ["COLORS", "Box", "Link", "Scene", "build_scene"]

COLORS = ("grad", "value", "time", "memory")
DEFAULT_BOXES = 60
SHORT = 32  # characters of arguments that a box shows; the tooltip shows all
SHOWN_PARAMS = 8  # lines of a closed module


@dataclass(slots=True, eq=False)
class Box:
    """One box or frame.  `kind`: root, group (a module call), repeat, gap (elided ops), op, module (with one op),
    input, constant, output, pick."""

    kind: str
    title: str = ""  # the user's name
    type: str = ""  # class of the module, or name of the op
    lines: list[str] = field(default_factory=list)  # parameters
    node: int = -1  # for a box without children: its node
    call: int = -1
    start: int = 0  # the nodes from start to stop are inside; of a repeat's copies, those of the first
    stop: int = 0
    count: int = 1  # a repeat's copies
    span: str = ""  # the names of the copies: blocks.0 … blocks.11
    open: bool = True
    children: list[Box] = field(default_factory=list)
    parent: Box | None = None
    carried: list[tuple[int, int]] = field(default_factory=list)
    level: int = 0  # modules around it
    id: str = ""
    # What the colouring says of it (see `colouring`).
    shade: float | None = None
    badge: str = ""
    note: str = ""
    spark: list[float | None] = field(default_factory=list)

    @property
    def is_leaf(self) -> bool:
        """Is it drawn as a box, not as a frame around others?"""
        return not self.children or not self.open

    @property
    def length(self) -> int:
        """How many nodes one copy has."""
        return self.stop - self.start

    def walk(self) -> Iterator[Box]:
        """This box and all inside it, also where closed."""
        waiting: list[Box] = [self]
        while waiting:
            box = waiting.pop()
            yield box
            waiting.extend(reversed(box.children))


@dataclass(slots=True, eq=False)
class Link:
    """An arrow: `label` is the shape that passes, `count` how many tensors, `carried` from one copy to the next."""

    source: Box
    target: Box
    label: str = ""
    count: int = 1
    carried: bool = False
    node: int = -1
    repeat: Box | None = None  # of a carried link, the repeat whose copies it connects

    @property
    def text(self) -> str:
        """What stands beside it: a shape, and how many there are of it."""
        return f"{self.count} × {self.label}" if self.count > 1 else self.label


@dataclass
class Scene:
    """Boxes and links of one picture; `footer` says what it leaves out."""

    graph: Graph
    folded: Folded
    root: Box
    links: list[Link]
    footer: str = ""
    node_box: dict[int, Box] = field(default_factory=dict)  # the box of each node that is shown
    color: str | None = None
    legend: list[tuple[str, str]] = field(default_factory=list)

    def visible(self) -> tuple[list[Box], list[Link]]:
        """The boxes drawn as boxes, and the links between them: those into a closed box are merged."""
        leaves, shown_as = [], {}
        waiting = [self.root]
        while waiting:
            box = waiting.pop()
            if box.is_leaf and box.parent is not None:
                leaves.append(box)
                for inner in box.walk():
                    shown_as[inner] = box
            else:
                waiting.extend(reversed(box.children))
        merged: dict[tuple, Link] = {}
        for link in self.links:
            source, target = shown_as[link.source], shown_as[link.target]
            if link.repeat is None and source is target:
                continue
            if link.repeat is not None and shown_as.get(link.repeat, link.repeat) is not link.repeat:
                continue  # the repeat itself is inside a closed box
            key = (source, target, link.carried, link.label if not link.carried else "")
            if known := merged.get(key):
                if source is link.source and target is link.target:
                    known.count += link.count
            else:
                merged[key] = Link(source, target, link.label, link.count, link.carried, link.node, link.repeat)
        return leaves, list(merged.values())

    def members(self, box: Box) -> list[list[int]]:
        """For each copy of `box`, outermost repeats first, the nodes it stands for."""
        repeats = []
        above: Box | None = box
        while above is not None:
            if above.count > 1:
                repeats.append(range(0, above.count * above.length, above.length))
            above = above.parent
        ids = range(box.start, box.stop) if box.node < 0 else (box.node,)
        return [[i + sum(offset) for i in ids] for offset in product(*reversed(repeats))]


def build_scene(
    graph: Graph,
    depth: int | None = None,
    fold: bool = True,
    expand: Iterable[str] = (),
    hide: Iterable[str] = (),
    max_nodes: int = 400,
) -> Scene:
    """Choose what a picture of `graph` shows.

    Args:
        graph: the graph.
        depth: how many levels of modules are open; None opens as many as fit in 60 boxes.
        fold: draw a run of isomorphic blocks as one.
        expand: dotted paths of modules that are drawn for themselves, and open.
        hide: names of ops to leave out.
        max_nodes: no more boxes than this; the middle of longer rows is elided.
    """
    expand = (expand,) if isinstance(expand, str) else tuple(expand)
    total = graph.ops
    if len(graph) <= DEFAULT_BOXES and is_scalar(graph):
        fold = False  # each number is shown
    graph = graph.without((hide,) if isinstance(hide, str) else hide)
    folded = graph.fold(expand) if fold else Folded(graph)
    scene = Scene(graph, folded, Box("root"), [])
    _plant(scene)
    _simplify(scene)
    _name(scene)
    budget = min(DEFAULT_BOXES, max_nodes) if depth is None and fold else max_nodes
    _open_to_depth(scene, depth, budget, expand)
    _elide(scene, budget)
    _number(scene)
    _link(scene)
    drawn = len(scene.visible()[0])
    ops = sum(box.kind in ("op", "module") for box in scene.visible()[0])
    if ops < total:
        scene.footer = f"{drawn} boxes for {_spaced(total)} ops"
        if folded.folded_away:
            repeats = "repeat" if folded.folded_away == 1 else "repeats"
            scene.footer += f"; {_spaced(folded.folded_away)} {repeats} folded"
    return scene


def is_scalar(graph: Graph) -> bool:
    """Is every tensor in it a scalar, as in a hand-written neuron?"""
    return all(node.shape == () for node in graph.nodes)


def _spaced(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")


# ---- the tree of boxes ----------------------------------------------------------------------------------------------


def _plant(scene: Scene) -> None:
    """Make the tree: module calls and repeats as containers, nodes as leaves."""
    graph, folded = scene.graph, scene.folded
    around: dict[int, list[Repeat]] = {}  # repeats by the call they are in, outer first
    for repeat in reversed(folded.repeats):
        around.setdefault(repeat.call, []).append(repeat)
    for row in around.values():
        row.sort(key=lambda repeat: (-repeat.start, repeat.length))  # used up from the end
    single_root = _single_root(graph)
    stack: list[tuple[object, Box]] = [(None, scene.root)]
    active: dict[int, list[Repeat]] = {}
    for i in folded.shown():
        node = graph.nodes[i]
        chain: list[object] = []
        for call in (-1, *call_chain(graph, node.call)):
            if call >= 0 and call != single_root:
                chain.append(call)
            if call in around:
                active[call] = here = _active(around[call], active.get(call, []), i)
                chain.extend(here)
        common = 0
        while common < min(len(chain), len(stack) - 1) and stack[common + 1][0] == chain[common]:
            common += 1
        del stack[common + 1 :]
        for key in chain[common:]:
            parent = stack[-1][1]
            if isinstance(key, Repeat):
                box = Box("repeat", start=i, count=key.count, call=key.call, parent=parent, carried=key.carried())
            else:
                box = Box("group", type=graph.calls[key].kind, start=i, call=key, parent=parent)  # type: ignore[index]
            box.level = parent.level + (box.kind == "group")
            parent.children.append(box)
            stack.append((key, box))
        parent = stack[-1][1]
        leaf = Box(node.kind, node.name, node.op, node=i, call=node.call, start=i, stop=i + 1, parent=parent)
        leaf.level = parent.level + 1
        parent.children.append(leaf)
        scene.node_box[i] = leaf
    for box in reversed(list(scene.root.walk())):
        if box.children:
            last = box.children[-1]
            box.stop = last.start + last.length * last.count
    for position, i in enumerate(graph.outputs):
        name = graph.nodes[i].name or ("output" if len(graph.outputs) == 1 else f"output {position}")
        scene.root.children.append(Box("output", name, "output", node=i, start=i, stop=i, parent=scene.root, level=1))


def _single_root(graph: Graph) -> int:
    """The call of the outermost module if there is just one: it is the picture itself, not a frame in it."""
    roots = [i for i, call in enumerate(graph.calls) if call.parent < 0]
    return roots[0] if len(roots) == 1 else -2


def _active(waiting: list[Repeat], before: list[Repeat], node: int) -> list[Repeat]:
    """The repeats whose first copy contains `node`, outer first; they are taken from `waiting` when their turn comes."""
    here = [repeat for repeat in before if node < repeat.start + repeat.length]
    while waiting and waiting[-1].start <= node:
        here.append(waiting.pop())
    return here


def _simplify(scene: Scene) -> None:
    """A module with one op is one box; a repeat of one thing is that thing, many times."""
    for box in reversed(list(scene.root.walk())):
        if box.children:
            box.children = [_simpler(child) for child in box.children]


def _simpler(box: Box) -> Box:
    inside = [child for child in box.children if child.kind != "pick"]
    if len(inside) != 1:
        return box
    only = inside[0]
    if box.kind == "group" and only.kind == "op":
        only.kind, only.type, only.call, only.level = "module", box.type, box.call, box.level
    elif box.kind == "repeat" and only.count == 1:
        only.count, only.carried = box.count, box.carried
    else:
        return box
    only.parent, only.start, only.stop = box.parent, box.start, box.stop
    return only


# ---- names ----------------------------------------------------------------------------------------------------------


def _relative(path: str, base: str) -> str:
    return path[len(base) + 1 :] if base and path.startswith(base + ".") else path


def _base(scene: Scene, box: Box) -> str:
    """Path of the module around `box`."""
    above = box.parent
    while above is not None and above.kind != "group":
        above = above.parent
    return scene.graph.calls[above.call].path if above is not None else ""


def _name(scene: Scene) -> None:
    graph = scene.graph
    repeated: set[Box] = set()
    scalar = is_scalar(graph)
    for box in scene.root.walk():
        if box.count > 1 or box.parent in repeated:
            repeated.add(box)
        base = _base(scene, box)
        if box.kind in ("group", "module") and box.call >= 0:
            call = graph.calls[box.call]
            box.title = _relative(call.path, base)
            inside = call.parent >= 0 and graph.calls[call.parent].index == call.index  # its frame says it already
            if call.index and not inside and box not in repeated:
                box.title += f"#{call.index + 1}"
        if box.count > 1:
            box.span = _span(scene, box, base)
        if box.node >= 0:
            node = graph.nodes[box.node]
            if box.kind == "output":
                box.lines = []
                continue
            own = graph.path(node)
            box.lines = [_param_line(param, own) for param in node.params]
            if node.text and node.kind == "op" and len(node.text) <= SHORT:
                box.lines.insert(0, node.text)
            if scalar:
                box.lines = [*box.lines[:1], *_numbers(node)] if node.kind == "op" else _numbers(node)
            if node.id in graph.outputs and box.kind == "op":
                box.title = ""  # the name stands on the output


def _numbers(node: Node) -> list[str]:
    """Value and gradient of a scalar."""
    lines = []
    for name, stats in (("value", node.value), ("grad", node.grad)):
        if stats is not None:
            lines.append(f"{name} {stats.bad or f'{stats.mean:.4g}'}")
    return lines


def _span(scene: Scene, box: Box, base: str) -> str:
    """``blocks.0 … blocks.11`` for the copies of a repeat; nothing where they have no names of their own."""
    graph = scene.graph
    named = (
        box
        if box.kind in ("group", "module")
        else next((b for b in box.children if b.kind in ("group", "module")), None)
    )
    if named is None or named.call < 0:
        return ""
    level = len(call_chain(graph, named.call))
    offset = (box.count - 1) * box.length
    chain = call_chain(graph, graph.nodes[named.start + offset].call)
    first, last = graph.calls[named.call], graph.calls[chain[level - 1]]
    names = [_relative(call.path, base) for call in (first, last)]
    return f"{names[0]} … {names[1]}" if names[0] != names[1] else f"{names[0]}, {box.count} calls"


def _param_line(param: Param, base: str) -> str:
    name = _relative(param.name, base) if param.name else "leaf"
    return f"{name} {shape_text(param.shape)}"


def closed_lines(scene: Scene, box: Box) -> list[str]:
    """What a closed frame says of its contents."""
    graph = scene.graph
    base = graph.calls[box.call].path if box.kind == "group" else _base(scene, box)
    copies = scene.members(box)
    names: dict[str, Param] = {}
    for i in copies[0] if copies else ():
        for param in graph.nodes[i].params:
            names.setdefault(param.name, param)
    lines = [_param_line(param, base) for param in list(names.values())[:SHOWN_PARAMS]]
    if len(names) > SHOWN_PARAMS:
        rest = sum(param.size for param in list(names.values())[SHOWN_PARAMS:])
        lines.append(f"… {len(names) - SHOWN_PARAMS} more, {_spaced(rest)} numbers")
    ops = sum(graph.nodes[i].kind == "op" for ids in copies for i in ids)
    return [*lines, f"{_spaced(ops)} ops"] if ops > 1 else lines


# ---- how much is open -----------------------------------------------------------------------------------------------


def _leaf_count(root: Box) -> int:
    count, waiting = 0, [root]
    while waiting:
        box = waiting.pop()
        if box.children and box.open:
            waiting.extend(box.children)
        elif box.kind != "pick":
            count += 1
    return count


def _open_to_depth(scene: Scene, depth: int | None, budget: int, expand: tuple[str, ...]) -> None:
    groups = [box for box in scene.root.walk() if box.kind == "group"]
    calls = scene.graph.calls
    kept = {
        box
        for box in groups
        if (path := calls[box.call].path) and any(path == name or name.startswith(path + ".") for name in expand)
    }
    deepest = max((box.level for box in groups), default=0) + 1
    for limit in range(deepest, 0, -1) if depth is None else (max(depth, 1),):
        for box in groups:
            box.open = box.level < limit or box in kept
        if _leaf_count(scene.root) <= budget:
            break


def _elide(scene: Scene, budget: int) -> None:
    """Put the middle of rows that are too long behind one closed box."""
    rows = [box for box in scene.root.walk() if box.children and (box.open or box.kind == "root")]
    keep = budget - 2
    while _leaf_count(scene.root) > budget and keep > 2:
        for row in rows:
            first = [child for child in row.children if child.kind == "gap"]
            children = [c for child in row.children for c in (child.children if child.kind == "gap" else [child])]
            if not first and len(children) <= keep:
                continue
            outputs = [child for child in children if child.kind == "output"]
            children = [child for child in children if child.kind != "output"]
            head, tail = keep // 2, keep - keep // 2 - 1
            middle = children[head : len(children) - tail]
            if len(middle) < 2:
                continue
            gap = Box("gap", start=middle[0].start, stop=middle[-1].stop, parent=row, open=False, children=middle)
            gap.level = middle[0].level
            gap.title = f"{_spaced(sum(_op_count(scene, child) for child in middle))} ops"
            for child in middle:
                child.parent = gap
            kept = [*children[:head], gap, *children[len(children) - tail :], *outputs]
            for child in kept:
                child.parent = row
            row.children = kept
        keep = keep * 2 // 3


def _op_count(scene: Scene, box: Box) -> int:
    if box.node >= 0:
        return box.count
    return box.count * sum(scene.graph.nodes[i].kind == "op" for i in range(box.start, box.stop) if i in scene.node_box)


def _number(scene: Scene) -> None:
    for position, box in enumerate(scene.root.walk()):
        box.id = f"b{position}"


# ---- links ----------------------------------------------------------------------------------------------------------


def _link(scene: Scene) -> None:
    graph, place = scene.graph, list(range(len(scene.graph.nodes)))
    scalar = is_scalar(graph)
    for repeat in scene.folded.repeats:
        once = place[repeat.start : repeat.start + repeat.length]
        place[repeat.start + repeat.length : repeat.stop] = once * (repeat.count - 1)
    found: dict[tuple, Link] = {}

    def producer(i: int) -> tuple[int, int]:
        """The node that a box stands for, and the node whose shape passes: picks are no boxes."""
        passes = i = place[i]
        while graph.nodes[i].kind == "pick":
            i = place[graph.nodes[i].inputs[0]]
        return i, passes

    def add(i: int, target: Box, repeat: Box | None = None) -> None:
        source, passes = producer(i)
        key = (source, target, passes, repeat)
        if key in found:
            found[key].count += 1
        else:
            label = "" if scalar else shape_text(graph.nodes[passes].shape)
            found[key] = Link(scene.node_box[source], target, label, 1, repeat is not None, passes, repeat)

    picked: dict[int, list[int]] = {i: [] for i, box in scene.node_box.items() if box.kind == "pick"}
    for i, box in scene.node_box.items():
        if i not in picked:
            for source in graph.nodes[i].inputs:
                add(source, box)
                picked.get(source, []).append(i)
    for box in scene.root.walk():
        for i, target in box.carried:
            for user in picked.get(target, (target,)):
                add(i, scene.node_box[user], box)
        if box.kind == "output":
            add(box.node, box)
    scene.links = list(found.values())
    for row in scene.root.walk():
        if row.children:
            row.children = [child for child in row.children if child.kind != "pick"]
