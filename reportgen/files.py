"""Files that are whole or absent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A temporary path beside `target` that takes its place when the block ends well, and vanishes otherwise.

    The target's folder is made. The name is this block's own: two runs may write one target.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.parent / f".partial-{os.getpid()}-{uuid4().hex[:8]}"
    try:
        yield temporary
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
