"""The scene as Mermaid text, for Markdown that draws it."""

from __future__ import annotations

from .scene import Box, Scene
from .style import box_texts, frame_title

__all__ = ["mermaid"]

MAX_EDGES, MAX_CHARACTERS = 500, 50_000  # Mermaid's own limits (maxEdges, maxTextSize)


def _quoted(text: str) -> str:
    """Mermaid's entity codes for everything that could be syntax."""
    return "".join(char if char.isalnum() or char in " .,×…_-=()[]" else f"#{ord(char)};" for char in text)


def mermaid(scene: Scene) -> str:
    """The scene as a Mermaid flowchart.

    Raises:
        ValueError: it is larger than Mermaid draws; a folded or shallower picture is not.
    """
    links = scene.visible()[1]
    lines = ["flowchart TD"]
    # Frames are opened and closed in the order of a walk; None closes.
    waiting: list[Box | None] = list(reversed(scene.root.children))
    depth = 1
    while waiting:
        box = waiting.pop()
        if box is None:
            depth -= 1
            lines.append("  " * depth + "end")
            continue
        if not box.is_leaf:
            lines.append("  " * depth + f'subgraph {box.id}["{_quoted(frame_title(box))}"]')
            depth += 1
            waiting.append(None)
            waiting.extend(reversed(box.children))
            continue
        title, kind, small = box_texts(scene, box)
        head = " ".join(part for part in (title, kind, f"× {box.count}" if box.count > 1 else "", box.badge) if part)
        text = "<br/>".join(_quoted(line) for line in (head, *small))
        left, right = ("([", "])") if box.kind in ("input", "constant", "output") else ("[", "]")
        lines.append("  " * depth + f'{box.id}{left}"{text}"{right}')
    for link in links:
        text = f"{link.count} × {link.label}" if link.count > 1 else link.label
        if link.carried:
            lines.append(f"  {link.source.id} -.->|carried| {link.target.id}")
        else:
            lines.append(f'  {link.source.id} -->|"{_quoted(text)}"| {link.target.id}')
    result = "\n".join(lines) + "\n"
    if len(links) > MAX_EDGES or len(result) > MAX_CHARACTERS:
        raise ValueError(
            f"Mermaid draws at most {MAX_EDGES} edges and {MAX_CHARACTERS} characters, this picture has {len(links)} and "
            f"{len(result)}: draw it with fold=True or a smaller depth="
        )
    return result
