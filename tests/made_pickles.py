"""Parameter files that are small and would cost much, each looked at in a process of its own that says what it cost.

PYTHONPATH=.:tests python tests/made_pickles.py    a line of JSON: case -> seconds, MiB, what was said
"""

from __future__ import annotations

import io
import json
import os
import pickle
import resource
import struct
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

MODULUS = 2**61 - 1
WRAPPER = b"clime.wrappers.scikit_image\nSegmentationAlgorithm\n"
SLIC = b"cskimage.segmentation.slic_superpixels\nslic\n"
KEYS = (
    "labels", "hide_color", "top_labels", "num_features", "num_samples", "batch_size", "segmentation_fn",
    "distance_metric", "model_regressor", "random_seed",
)  # fmt: skip


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def integer(value: int) -> bytes:
    raw = pickle.encode_long(value)
    return b"\x8b" + struct.pack("<i", len(raw)) + raw


def get(at: int) -> bytes:
    return b"j" + struct.pack("<I", at)


def kept(*values: bytes) -> bytes:
    """Values that the memo holds under 0, 1 and so on, and that stand nowhere else."""
    return b"".join(value + b"r" + struct.pack("<I", at) + b"0" for at, value in enumerate(values))


def filled(items: Iterable[bytes]) -> bytes:
    return b"}(" + b"".join(items) + b"u"


def entries(values: Iterable[bytes]) -> bytes:
    return filled(text(f"n{number}") + value for number, value in enumerate(values)) + b"."


def algorithm(parameters: bytes) -> bytes:
    """Lime's own object for slic with these parameters."""
    state = [text("algo_type"), text("slic"), text("target_fn"), SLIC, text("target_params"), parameters]
    return WRAPPER + b")\x81" + filled(state) + b"b"


def entry(**changes: bytes) -> bytes:
    return filled(text(key) + changes.get(key, b"N") for key in KEYS)


def many_parameters(name: str = "parameter") -> bytes:
    return filled(text(f"{name}{number}") + b"K\x01" for number in range(50))


def collisions(count: int) -> bytes:
    return filled(integer(MODULUS * number) + b"N" for number in range(1, count)) + b"."


CASES: dict[str, Callable[[], bytes]] = {
    "integers of one hash": lambda: collisions(40_000),
    "integers of one hash, item by item": lambda: (
        b"}" + b"".join(integer(MODULUS * n + 5) + b"Ns" for n in range(1, 40_000)) + b"."
    ),
    "one long integer, a key again and again": lambda: (
        kept(integer(1 << (8 * 4_000_000))) + filled([get(0) + b"N"] * 200_000) + b"."
    ),
    "two long equal texts, keys in turn": lambda: (
        kept(text("a" * 4_000_000), text("a" * 4_000_000)) + filled([get(0) + b"N", get(1) + b"N"] * 100_000) + b"."
    ),
    "two long equal bytes, keys in turn": lambda: (
        kept(*[b"B" + struct.pack("<I", 4_000_000) + b"a" * 4_000_000] * 2)
        + filled([get(0) + b"N", get(1) + b"N"] * 100_000)
        + b"."
    ),
    "one entry, ten thousand times": lambda: (
        kept(entry(segmentation_fn=algorithm(many_parameters()))) + entries([get(0)] * 10_000)
    ),
    "one object in ten thousand entries": lambda: (
        kept(algorithm(many_parameters("\N{BELL}" * 40)))
        + entries(filled([text("segmentation_fn") + get(0)]) for _ in range(10_000))
    ),
    "ten thousand objects with one dict of parameters": lambda: (
        kept(many_parameters()) + entries(filled([text("segmentation_fn") + algorithm(get(0))]) for _ in range(10_000))
    ),
    "labels of one tuple in ten thousand entries": lambda: (
        kept(b"(" + b"K\x01" * 1000 + b"t")
        + entries(filled([text("labels") + get(0), text("top_labels") + b"K\x01"]) for _ in range(10_000))
    ),
    "six hundred thousand problems": lambda: (
        kept(*(text(f"unknown {number}" + "\N{BELL}" * 40) for number in range(50)))
        + entries(filled(get(at) + b"N" for at in range(45)) for _ in range(10_000))
    ),
    "values that show as ten times their length": lambda: (
        kept(text("\U000e0001" * 40)) + entries(entry(**dict.fromkeys(KEYS, get(0))) for _ in range(10_000))
    ),
    "half a million lists": lambda: b"(" + b"]\x94" * 499_990 + b"l.",
    "a million dicts": lambda: b"(" + b"}" * 999_900 + b"l.",
    "a million tuples": lambda: b"N" + b"\x85" * 999_900 + b".",
    "a million marks": lambda: b"(" * 999_990 + b".",
    "half a million places in the memo": lambda: b"N\x94" * 499_990 + b".",
    "a million opcodes": lambda: b"K\x010" * 499_999 + b"N.",
    "16 MB of text": lambda: text("a" * 16_000_000) + b".",
    "16 MB of text that takes four bytes a character": lambda: text("\U0001f600" + "a" * 15_999_900) + b".",
    "16 MB of digits": lambda: b"F0." + b"9" * 16_000_000 + b"\n.",
    "integers of 4000 digits": lambda: b"(" + (b"I" + b"9" * 4000 + b"\n") * 4000 + b"l.",
    "one list in itself, a hundred thousand times": lambda: b"]r\0\0\0\0(" + get(0) * 100_000 + b"e.",
}


def cost(case: str) -> dict[str, float | str]:
    """Look at one file as `reportgen validate` does. To be called in a process that ends with it."""
    from reportgen.cli.main import main

    with TemporaryDirectory() as folder:
        file = Path(folder, "x.pkl")
        file.write_bytes(CASES[case]())
        out, err = io.StringIO(), io.StringIO()
        sys.argv = ["reportgen", "validate", str(file)]
        code, start = 0, time.process_time()
        with redirect_stdout(out), redirect_stderr(err):
            try:
                main()
            except SystemExit as stop:
                code = int(stop.code or 0)
        seconds = time.process_time() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "code": code,
        "seconds": round(seconds, 2),
        "MiB": round(memory),
        "written": len(out.getvalue()),
        "said": err.getvalue(),
    }


def main() -> None:
    from reportgen.sharing.validate import _installed_format

    _installed_format()  # what every process needs is imported once
    found = {}
    for case in sys.argv[1:] or CASES:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            with suppress(BaseException):
                resource.setrlimit(resource.RLIMIT_CPU, (30, 30))
                os.write(writing, json.dumps(cost(case)).encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as answer:
            found[case] = json.loads(answer.read() or "{}")
        os.waitpid(child, 0)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
