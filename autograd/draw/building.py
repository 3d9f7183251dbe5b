"""From a graph to a scene: what is folded, opened and left out, and which boxes an arrow connects."""

from __future__ import annotations

from collections.abc import Iterable

from .captions import is_scalar, name_boxes, spaced
from .folding import Folded, Repeat, call_chain
from .scene import Box, Link, Scene
from .structure import Graph, shape_text

__all__ = ["build_scene"]

DEFAULT_BOXES = 60


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
    name_boxes(scene)
    budget = min(DEFAULT_BOXES, max_nodes) if depth is None and fold else max_nodes
    _open_to_depth(scene, depth, budget, expand)
    _elide(scene, budget)
    _number(scene)
    _link(scene)
    drawn = len(scene.visible()[0])
    ops = sum(box.kind in ("op", "module") for box in scene.visible()[0])
    if ops < total:
        scene.footer = f"{drawn} boxes for {spaced(total)} ops"
        if folded.folded_away:
            repeats = "repeat" if folded.folded_away == 1 else "repeats"
            scene.footer += f"; {spaced(folded.folded_away)} {repeats} folded"
    return scene


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
            gap.title = f"{spaced(sum(_op_count(scene, child) for child in middle))} ops"
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
