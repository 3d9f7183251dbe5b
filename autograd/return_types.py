"""What functions with several results return: tuples whose parts have names."""

from __future__ import annotations

from operator import itemgetter

__all__ = ["named"]


class Results(tuple):
    """The base of them.  (`collections.namedtuple` compiles code for each, which takes ten times as long to import.)"""

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    def __new__(cls, *parts: object) -> Results:
        if len(parts) != len(cls._fields):
            raise TypeError(f"{cls.__name__} has the parts {', '.join(cls._fields)}, got {len(parts)}")
        return super().__new__(cls, parts)

    def __getnewargs__(self) -> tuple:
        return tuple(self)

    def __repr__(self) -> str:
        parts = ",\n".join(f"{name}={part!r}" for name, part in zip(self._fields, self, strict=True))
        return f"autograd.return_types.{type(self).__name__}(\n{parts})"


def named(name: str, fields: str) -> type:
    """A kind of results, by its name and the names of its parts.

    >>> max = named("max", "values indices")
    >>> max(3, 0).indices
    0
    >>> values, indices = max(3, 0)
    """
    names = tuple(fields.split())
    parts = {part: property(itemgetter(i)) for i, part in enumerate(names)}
    made = type(name, (Results,), {"__slots__": (), "_fields": names, "__match_args__": names, **parts})
    made.__module__ = __name__
    globals()[name] = made  # where pickle looks for it
    return made
