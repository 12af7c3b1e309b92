"""Pickles of any objects, read without one of them being made: a checkpoint holds more than plain data.

The machine of `plain_pickle` with the opcodes that import, make and call. What they ask for is written down, not done: a
class or function is a `Name`, an object or the outcome of a call a `Made`, and neither has any behaviour.

Opcodes: Python's Lib/pickletools.py, protocols 2 to 5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from reportgen.utils.plain_pickle import MAX_NAME, BadPickle, Machine, Name
from reportgen.utils.terminal_text import printable


@dataclass(eq=False)
class Made:
    """An object that the file describes. Nothing of its class has run.

    Attributes:
        arguments: what it would be made with.
        state: what would become its attributes: a dict where the class says nothing else.
        items, elements: what would be put into it, where it is a kind of dict or of list.
    """

    of: Name
    arguments: tuple[object, ...] = ()
    state: object = None
    items: dict[object, object] = field(default_factory=dict)
    elements: list[object] = field(default_factory=list)


class _OpaqueKey:
    """A key of a dict that is neither text nor a number: kept apart from all others, and nobody looks one up."""


class InertMachine(Machine):
    """Reads any pickle of protocol 2 to 5 as data.

    Args:
        call: given a function or class and the arguments of its call, what stands for the outcome; BadPickle refuses.
        persistent: given a persistent id, what stands for the object.

    Attributes:
        named: every class and function that the file names.
    """

    def __init__(
        self,
        call: Callable[[Name, tuple[object, ...]], object],
        persistent: Callable[[object], object],
    ) -> None:
        super().__init__()
        self.named: set[Name] = set()
        self._call = call
        self._persistent = persistent
        self._steps |= {
            "BINPERSID": lambda _: self._stack.append(self._persistent(self._take(1)[0])),
            "NEWOBJ_EX": self._new_with_keywords,
            "BYTEARRAY8": lambda value: self._stack.append(bytes(value)),
            "EMPTY_SET": lambda _: self._stack.append([]),
            "ADDITEMS": lambda _: self._extend(self._to_mark()),
            "FROZENSET": lambda _: self._stack.append(self._to_mark()),
        }

    def _name(self, module: object, name: object) -> None:
        if type(module) is not str or type(name) is not str:
            raise BadPickle("it names a class by what is no text")
        if len(module) > MAX_NAME or len(name) > MAX_NAME:  # it is compared with all others of its hash
            raise BadPickle(f"it names a class by more than {MAX_NAME} characters")
        found = Name(module, name)
        self.named.add(found)
        self._stack.append(found)

    def _reconstruct(self, _: None) -> None:
        function, arguments = self._take(2)
        if type(function) is not Name or type(arguments) is not tuple:
            raise BadPickle("it calls what is no function")
        self._stack.append(self._call(function, arguments))

    def _new(self, _: None) -> None:
        made, arguments = self._take(2)
        self._make(made, arguments)

    def _new_with_keywords(self, _: None) -> None:
        made, arguments, _keywords = self._take(3)
        self._make(made, arguments)

    def _make(self, made: object, arguments: object) -> None:
        if type(made) is not Name or type(arguments) is not tuple:
            raise BadPickle("it makes an object of what is no class")
        self._stack.append(Made(made, arguments))

    def _build(self, _: None) -> None:
        (state,) = self._take(1)
        made = self._top()
        if type(made) is Made:
            made.state = state
        # A dict: torch hangs the versions of its modules on the state dict. Anything else has no attributes.

    def _extend(self, values: list[object]) -> None:
        container = self._top()
        if type(container) is Made:
            container.elements.extend(values)
        else:
            super()._extend(values)

    def _fill(self, values: list[object]) -> None:
        container = self._top()
        items = container.items if type(container) is Made else container
        if type(items) is not dict or len(values) % 2:
            raise BadPickle("not a pickle: it sets an item of what is no dict")
        for key, value in zip(values[::2], values[1::2], strict=True):
            # Only these are hashed: the hash of nested tuples may take for ever.
            plain = key is None or type(key) in (str, int, float, bool, bytes)
            if plain:
                self._require_cheap_key(key)
            items[key if plain else _OpaqueKey()] = value


def refuse_call(function: Name) -> BadPickle:
    """The refusal of a call."""
    return BadPickle(f"it asks to run {full_name(function)}, and nothing in a file is run")


def full_name(name: Name, most: int = 80) -> str:
    """A class or function as a line of text shows it."""
    return printable(f"{name.module}.{name.name}", most)
