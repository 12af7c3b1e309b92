"""`python -m benchmarks` times explanations; `statistics`, `resamples`, `ray` and `size` measure what README.md says of each."""

from __future__ import annotations

import sys


def main() -> None:
    # Torch and the libraries that are timed take seconds to import, and a made-up report needs none of them.
    if sys.argv[1:2] == ["statistics"]:
        from benchmarks import statistics

        statistics.main(sys.argv[2:])
    elif sys.argv[1:2] == ["resamples"]:
        from benchmarks import resamples

        resamples.main(sys.argv[2:])
    elif sys.argv[1:2] == ["ray"]:
        from benchmarks import ray

        ray.main(sys.argv[2:])
    elif sys.argv[1:2] == ["size"]:
        from benchmarks import size

        size.main(sys.argv[2:])
    else:
        from benchmarks import explanations

        explanations.main()


if __name__ == "__main__":
    main()
