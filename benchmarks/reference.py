"""`python -m benchmarks.reference PROBE`: make the label tables that come along with network dissection.

PROBE is a folder of images: those of today are 1000 photographs, one of each ImageNet class. The tables go to
`analyses/dissection/reference/`; the lines that it prints belong into `TABLES` of `analyses/dissection/shipped.py`. Equal images,
settings, weights and versions give equal bytes. Raise nothing by hand: a table that was edited is not read.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from reportgen.analyses.dissection.shipped import FOLDER
from reportgen.pipeline.probe_file import make_probe_file
from reportgen.settings.model import PRESETS, Settings

MODELS = PRESETS["embedded"]["models"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reference", description=__doc__)
    parser.add_argument("probe", type=Path)
    probe = parser.parse_args().probe
    for model in MODELS:
        file = FOLDER / f"{model}.csv.gz"
        make_probe_file(probe, file, Settings(models=(model,)))
        data = file.read_bytes()
        print(f'    "{model}": "{hashlib.sha256(data).hexdigest()}",  # {len(data)} bytes')


if __name__ == "__main__":
    main()
