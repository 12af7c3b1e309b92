"""What stands in a result for an array that was not read with it."""

from __future__ import annotations

from typing import NoReturn

import numpy as np


class ArrayNotRead(RuntimeError):
    """Somebody asked for what is in an array of a result of which the values alone were read."""


class UnreadArray:
    """An array that lies in the store. Shape, length and kind of number are known of it; any other use raises.

    So nothing can compute on what is not there: neither arithmetic, nor NumPy, nor a comparison, nor a condition.
    """

    __slots__ = ("dtype", "shape")

    def __init__(self, dtype: np.dtype, shape: tuple[int, ...]) -> None:
        self.dtype = dtype
        self.shape = shape

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return int(np.prod(self.shape, dtype=object))

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<an array that was not read: {self.dtype} {self.shape}>"

    def __getattr__(self, name: str) -> NoReturn:
        # Python itself asks for names of its own, and takes an AttributeError for a no.
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse()

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise ArrayNotRead(
            f"an array of {self.dtype} {self.shape} was not read: the result was read by `values`, which leaves arrays "
            "in the store; read it by `result` (or `Store.get`)"
        )

    # Compared by what is in them: neither equal nor different; and so, as Python has it, without a hash.
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __bool__ = __iter__ = __reversed__ = __contains__ = __getitem__ = __setitem__ = __delitem__ = _refuse
    __array__ = __array_ufunc__ = __array_function__ = __buffer__ = __dlpack__ = _refuse
    __int__ = __float__ = __complex__ = __index__ = __round__ = __neg__ = __pos__ = __abs__ = __invert__ = _refuse
    __add__ = __sub__ = __mul__ = __matmul__ = __truediv__ = __floordiv__ = __mod__ = __divmod__ = __pow__ = _refuse
    __radd__ = __rsub__ = __rmul__ = __rmatmul__ = __rtruediv__ = __rfloordiv__ = __rmod__ = __rdivmod__ = _refuse
    __rpow__ = __lshift__ = __rshift__ = __and__ = __or__ = __xor__ = _refuse
    __rlshift__ = __rrshift__ = __rand__ = __ror__ = __rxor__ = _refuse
