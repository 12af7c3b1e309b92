"""Which images of a folder are the same picture: byte by byte, or scaled and stored again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BITS = 64
# Of the 64 bits of a perceptual hash: pictures that were only scaled or recompressed differ in no more.
MOST_BITS_APART = 4


@dataclass(frozen=True)
class Copies:
    """Groups of positions, each in order; `near` holds those of different bytes alone, one of each group of equal ones."""

    equal: tuple[tuple[int, ...], ...] = ()
    near: tuple[tuple[int, ...], ...] = ()


def perceptual_hash(pixels: np.ndarray) -> str:
    """16 hex digits: the signs of the 8 x 8 lowest frequencies of (H, W, 3) uint8 pixels about their median (pHash, Zauner, 2010)."""
    import imagehash
    from PIL import Image

    return str(imagehash.phash(Image.fromarray(pixels)))


def find_copies(sha256: Sequence[str], hashes: Sequence[str]) -> Copies:
    """The copies among images of these SHA-256 and perceptual hashes."""
    by_bytes: dict[str, list[int]] = defaultdict(list)
    for position, digest in enumerate(sha256):
        by_bytes[digest].append(position)
    firsts = [group[0] for group in by_bytes.values()]
    near = _near([int(hashes[position], 16) for position in firsts])
    return Copies(
        equal=tuple(tuple(group) for group in by_bytes.values() if len(group) > 1),
        near=tuple(tuple(firsts[i] for i in group) for group in near),
    )


def observations(count: int, copies: Copies, *, fold_near: bool) -> tuple[int, ...]:
    """Positions of `count` images that count as one observation each: of a group of copies the first."""
    groups = [*copies.near, *copies.equal] if fold_near else copies.equal
    folded = {position for group in groups for position in group[1:]}
    return tuple(position for position in range(count) if position not in folded)


def _near(hashes: Sequence[int]) -> list[list[int]]:
    """Groups of positions whose hashes are at most 4 bits apart, directly or through others.

    Equal hashes are one from the start. Two that are so near have at least one of five bands of bits in common, so that only those
    are compared; each is joined with its like as they are found, and no list of pairs is kept: memory grows with the images alone.
    """
    values, of_position = np.unique(np.array(hashes, np.uint64), return_inverse=True)
    labels = np.arange(len(values))
    for band in np.array_split(np.arange(BITS), MOST_BITS_APART + 1):
        mask = np.uint64(sum(1 << int(bit) for bit in band))
        order = np.argsort(values & mask, kind="stable")
        _, starts = np.unique((values & mask)[order], return_index=True)
        for group in np.split(order, starts[1:]):
            _join_close(values, group, labels)
    groups: dict[int, list[int]] = defaultdict(list)
    for position, label in enumerate(labels[of_position].tolist()):
        groups[label].append(position)
    return [group for group in groups.values() if len(group) > 1]


def _join_close(values: np.ndarray, group: np.ndarray, labels: np.ndarray) -> None:
    """Give members of a band that are near one label, and all that had theirs; `labels` is written to."""
    for i, member in enumerate(group[:-1]):
        rest = group[i + 1 :]
        rest = rest[labels[rest] != labels[member]]
        apart = np.unpackbits((values[rest] ^ values[member]).view(np.uint8).reshape(-1, 8), axis=1).sum(axis=1)
        close = rest[apart <= MOST_BITS_APART]
        if len(close):
            labels[np.isin(labels, labels[close])] = labels[member]
