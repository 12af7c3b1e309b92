"""Images with pixels taken away, each distinct one passed through the network once.

Two ways to take a pixel away (RISE, Petsiuk et al., 2018): it takes the frame's mean colour, or its value in a blurred
copy of the frame.
"""

from __future__ import annotations

import numpy as np

from reportgen.analysis.view import View
from reportgen.models.runtime import SHOWN, Blend

BLUR_SIDE, BLUR_SIGMA = 11, 5.0


def mean_colour(x: np.ndarray) -> np.ndarray:
    """(3, 1, 1): the mean of each channel of a (3, H, W) network input."""
    values: np.ndarray = x.mean((1, 2), keepdims=True, dtype=np.float64).astype(x.dtype)
    return values


def blurred(x: np.ndarray) -> np.ndarray:
    """(3, H, W) under a Gaussian of 11 x 11 pixels, sigma 5, each channel alone; the frame is mirrored at its borders."""
    from scipy.ndimage import gaussian_filter

    values: np.ndarray = gaussian_filter(
        x, (0, BLUR_SIGMA, BLUR_SIGMA), mode="reflect", radius=(0, BLUR_SIDE // 2, BLUR_SIDE // 2)
    )
    return values


class Removals:
    """A list of images with pixels taken away, and the probability of one class on each.

    `hidden` and `revealed` give the position of an image in what `probabilities` returns; asked for the same image again
    they give the same position.
    """

    def __init__(self, view: View, target: int) -> None:
        self._view = view
        self._target = target
        self._shape = view.input.shape[1:]
        self._places: dict[tuple[bool, bytes], int] = {}

    def hidden(self, mask: np.ndarray) -> int:
        """The frame with the pixels of a (H, W) bool mask in the mean colour."""
        return self._place(False, mask)

    def revealed(self, mask: np.ndarray) -> int:
        """The blurred frame with the pixels of a (H, W) bool mask as they are."""
        # With nothing left to reveal it is the frame itself.
        return self._place(False, ~mask) if mask.all() else self._place(True, mask)

    def _place(self, over_blur: bool, mask: np.ndarray) -> int:
        return self._places.setdefault((over_blur, np.packbits(mask).tobytes()), len(self._places))

    def __len__(self) -> int:
        """Forward passes that `probabilities` takes."""
        return len(self._places)

    def probabilities(self) -> np.ndarray:
        """(len,) float64: the probability of the target on each image."""
        images = list(self._places)
        frame = self._view.input
        hide, reveal = Blend(mean_colour(frame), frame), Blend(frame, blurred(frame))

        def write(i: int, out: np.ndarray) -> None:
            over_blur, bits = images[i]
            mask = np.unpackbits(np.frombuffer(bits, np.uint8), count=self._shape[0] * self._shape[1])
            (reveal if over_blur else hide)(mask.reshape(self._shape) * SHOWN, out)

        return self._view.engine.probabilities(len(images), write)[:, self._target].astype(np.float64)
