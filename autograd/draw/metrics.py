"""How large a text and a box will be: advance widths of Helvetica (Arial and Liberation Sans have the same)."""

from __future__ import annotations

from unicodedata import east_asian_width

FONT = "Helvetica, Arial, 'Liberation Sans', sans-serif"
TITLE, SMALL = 12.5, 10.5  # font sizes, px
TITLE_LINE, SMALL_LINE = 16.0, 13.0
PAD_X, PAD_Y = 11.0, 6.0
NO_CONTROLS = {code: " " for code in [*range(32), 127, 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)] if code != 10}
SPARK = 9.0  # height of the bars, one per copy
LONGEST = 48  # characters of one line; the rest is in the tooltip

_WIDTHS = {
    **dict.fromkeys("ijl'|", 0.22),
    **dict.fromkeys(" .,:;/\\!ftI[]", 0.278),
    **dict.fromkeys('()-r`"*', 0.345),
    **dict.fromkeys("ckvsxyzJ", 0.5),
    **dict.fromkeys("+<>=~×±", 0.584),
    **dict.fromkeys("ABEKPSVXY&", 0.667),
    **dict.fromkeys("CDHNRUw", 0.722),
    **dict.fromkeys("FTZ", 0.611),
    **dict.fromkeys("GOQ", 0.778),
    **dict.fromkeys("Mm", 0.833),
    **dict.fromkeys("W%", 0.944),
    "…": 1.0,
    "@": 1.015,
    "\u202f": 0.2,
}


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Width of one line in px."""
    em = 0.0
    for char in text:
        em += _WIDTHS.get(char) or (0.556 if char < "\u2e80" and east_asian_width(char) not in "WF" else 1.0)
    return em * size * (1.07 if bold else 1.0)


def clip(text: str, length: int = LONGEST) -> str:
    """One line of at most `length` characters."""
    text = text[: 4 * length].translate(NO_CONTROLS) + text[4 * length :][:1]
    text = " ".join(text.split()) if any(c.isspace() for c in text) else text
    return text if len(text) <= length else text[: length - 1] + "…"
