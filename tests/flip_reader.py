"""A program that reads every file of a folder as an image and says what came of each, so that a crash or a hang is its own.

    python flip_reader.py FOLDER SECONDS

A line of JSON for each file, in the order of their names: its name, the seconds, and the reason or the shape of the picture. A
file that takes longer than SECONDS ends the program, which says where it was.
"""

from __future__ import annotations

import faulthandler
import json
import sys
import time
from pathlib import Path

from reportgen.images.decode import UnreadableImage, read_image
from reportgen.images.files import InputFile

MAX_PIXELS = 300_000


def main(folder: Path, most: float) -> None:
    for path in sorted(folder.iterdir()):
        faulthandler.dump_traceback_later(most, exit=True)
        start = time.monotonic()
        said: dict[str, object] = {"name": path.name}
        try:
            said["shape"] = read_image(InputFile(path.name, path), MAX_PIXELS).pixels.shape
        except UnreadableImage as error:
            said["reason"] = error.reason
        faulthandler.cancel_dump_traceback_later()
        print(json.dumps({**said, "seconds": time.monotonic() - start}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
