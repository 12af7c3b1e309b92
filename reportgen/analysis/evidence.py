"""The numbers behind a finding, made from what the statistics return; each has a name for programs and words for people."""

from __future__ import annotations

from reportgen.analysis.stats import Correlation, Paired, Pairing
from reportgen.report.document import Evidence


def shift(name: str, words: str, by: Paired, source: str, unit: str | None = None) -> Evidence:
    """A paired comparison: its Hodges-Lehmann shift, interval and p.

    Args:
        unit: `%` where the differences are of shares in [0, 1].
    """
    return Evidence(name=name, words=words, value=by.shift, unit=unit, n=by.n, ci=by.ci, p=by.p, source=source)


def rho(name: str, words: str, found: Correlation, source: str) -> Evidence:
    """A rank correlation: rho, interval and permutation p."""
    return Evidence(name=name, words=words, value=found.rho, n=found.n, ci=found.ci, p=found.p, source=source)


def pairing(name: str, words: str, found: Pairing, source: str) -> list[Evidence]:
    """A permutation of the pairing: the mean over images, and over pairs of different images.

    Args:
        name: `_own` and `_other` are added to it.
        words: begins a phrase that `of one image` and `of two different images` end.
    """
    return [
        Evidence(
            name=f"{name}_own",
            words=f"{words} of one image, mean",
            value=found.own,
            n=found.n,
            p=found.p,
            source=source,
        ),
        Evidence(
            name=f"{name}_other",
            words=f"{words} of two different images, mean",
            value=found.other,
            n=found.n,
            source=source,
        ),
    ]
