"""`python -m benchmarks statistics`: how often reports are wrong where nothing is there to be found, and how often they find what is."""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.made_data import SHARED
from benchmarks.made_reports import NEW_CLAIMS, PAIRED, Decided, Made, decided, null, reported, with_effects
from reportgen.images.copies import find_copies, observations
from reportgen.report.document import Verdict

SIZES = (10, 24, 100)
COPIES = 12
# Where masks share nothing but the centre it is true that they do not belong together, and a report may say so.
BELONGING = ("L2", "A4", "C5", "D5")
RULES = ("former", "uncorrected", "now")
NULLS = {
    "null": "no effect; differences normal",
    "null heavy": "no effect; differences heavy-tailed, symmetric",
    "null skewed": "mean difference 0, but skewed (exponential)",
    "copies": f"{COPIES} copies of one photograph",
}
EFFECTS = {
    **{
        f"{shape}{shift} {claim}": f"{words}, shift {shift} sd{', skewed' if shape else ''} ({claim})"
        for shape in ("", "skewed ")
        for claim, words in (("L3", "one comparison"), ("C3", "two that must hold"), ("C6", "any of two"))
        for shift in (0.5, 0.8, 1.2)
    },
    **{f"rho {rho}": f"any of six correlations, two of them {rho} (A1)" for rho in (0.5, 0.7)},
    "share 0.8": "two majorities of 80 % that must hold (A3)",
    "related L2": "masks that overlap as measured (L2)",
    "related C5": "three overlaps, extents 0.8 sd apart (C5)",
}
EVERY = {
    f"every {claim}": f"{words} ({claim})"
    for claim, words in (("L3", "one comparison"), ("C3", "two that must hold"), ("C6", "any of two"))
}

# How often each outcome was seen: a key of the tables and the rules, "now" the corrected ones.
Counts = Counter[tuple[str, str]]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks statistics", description=__doc__)
    parser.add_argument("--simulations", type=int, default=400, help="made-up reports of each number of images")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1), help="processes")
    parser.add_argument("--out", type=Path, default=None, help="write results.json here")
    chosen = parser.parse_args(arguments)
    if chosen.simulations < 1 or chosen.workers < 1:
        parser.error("--simulations and --workers take a number of 1 or more")
    results = measure(chosen.simulations, chosen.workers)
    if chosen.out:
        chosen.out.write_text(json.dumps(results, indent=1))
    _print(results)


def measure(simulations: int, workers: int = 1, sizes: Sequence[int] = SIZES) -> dict[str, object]:
    """Shares of the simulated reports: {"simulations": N, "shares": {number of images: {row: {rules: share}}}}."""
    jobs = [(seed, n) for n in sorted(sizes, reverse=True) for seed in range(simulations)]
    totals: dict[int, Counts] = {n: Counter() for n in sizes}
    if workers == 1:
        found = map(simulated, *zip(*jobs, strict=True))
        _add(jobs, found, totals)
    else:
        with ProcessPoolExecutor(workers) as pool:
            _add(jobs, pool.map(simulated, *zip(*jobs, strict=True), chunksize=4), totals)
    rows = [*NULLS, "true contradiction", *EFFECTS, *EVERY, "every claim"]
    shares = {
        str(n): {row: {rules: totals[n][row, rules] / simulations for rules in RULES} for row in rows} for n in sizes
    }
    return {"simulations": simulations, "shares": shares}


def _add(jobs: Sequence[tuple[int, int]], found: Iterator[Counts], totals: Mapping[int, Counts]) -> None:
    for (_, n), counts in zip(jobs, found, strict=True):
        totals[n].update(counts)


# --- one made-up report, in every world -----------------------------------------------------------


def simulated(seed: int, n: int) -> Counts:
    """What each of the rules says of one report of n images, in a world where nothing is there and in those with effects."""
    counts: Counts = Counter()
    nothing = null(seed, n)
    claims = decided(nothing)
    _false(counts, "null", claims)
    skewed = null(seed, n, "skewed")
    for row, made in (("null heavy", null(seed, n, "heavy")), ("null skewed", skewed)):
        _false(counts, row, {**claims, **decided(made, [*PAIRED])})
    _false(counts, "copies", *_copies(seed))
    for shape, base in (("", nothing), ("skewed ", skewed)):
        for shift in (0.5, 0.8, 1.2):
            found = decided(with_effects(base, seed, shift=shift), ["L3", "C3", "C6"])
            for claim, decision in found.items():
                _alone(counts, f"{shape}{shift} {claim}", claims, {claim: decision})
    for rho in (0.5, 0.7):
        _alone(counts, f"rho {rho}", claims, decided(with_effects(nothing, seed, rho=rho), ["A1"]))
    _alone(counts, "share 0.8", claims, decided(with_effects(nothing, seed, share=0.8), ["A3"]))
    everything = decided(with_effects(nothing, seed, shift=0.8, rho=0.7, share=0.8, shared=SHARED))
    for claim in ("L2", "C5"):
        _alone(counts, f"related {claim}", claims, {claim: everything[claim]})
    verdicts = _by_rules(everything)
    for row in EVERY:
        for rules in RULES:
            counts[row, rules] += verdicts[rules][row.removeprefix("every ")] == "supported"
    for rules in RULES:
        made_before = [claim for claim in everything if claim not in NEW_CLAIMS]
        counts["every claim", rules] += sum(verdicts[rules][claim] == "supported" for claim in made_before)
    return counts


def _copies(seed: int) -> tuple[dict[str, Decided], dict[str, Decided]]:
    """Copies of one photograph: the claims as the rules of now see them, and as the former ones did."""
    made: Made = null(seed, 2).of([0] * COPIES)
    counted = observations(COPIES, find_copies(["the same bytes"] * COPIES, ["0" * 16] * COPIES), fold_near=False)
    return decided(made.of(counted)), decided(made)


def _by_rules(
    claims: Mapping[str, Decided], before: Mapping[str, Decided] | None = None
) -> dict[str, dict[str, Verdict]]:
    former = {name: claim.before for name, claim in (before or claims).items()}
    return {
        "former": {name: verdict or "not measured" for name, verdict in former.items()},
        "uncorrected": {name: claim.now.verdict for name, claim in claims.items()},
        "now": reported(claims),
    }


def _false(
    counts: Counts, row: str, claims: Mapping[str, Decided], before: Mapping[str, Decided] | None = None
) -> None:
    """Whether the report has any false verdict where nothing is there."""
    for rules, verdicts in _by_rules(claims, before).items():
        counts[row, rules] += any(_is_false(name, verdict) for name, verdict in verdicts.items())
        if row == "null":
            counts["true contradiction", rules] += any(verdicts[name] == "contradicted" for name in BELONGING)


def _is_false(claim: str, verdict: Verdict) -> bool:
    return verdict == "supported" or (verdict == "contradicted" and claim not in BELONGING)


def _alone(counts: Counts, row: str, others: Mapping[str, Decided], true: Mapping[str, Decided]) -> None:
    """Whether the one true claim is supported in a report where nothing else is."""
    (name,) = true
    for rules, verdicts in _by_rules({**others, **true}).items():
        counts[row, rules] += verdicts[name] == "supported"


# --- what is printed ------------------------------------------------------------------------------


def _print(results: Mapping[str, object]) -> None:
    console = Console(width=140)
    simulations, shares = results["simulations"], results["shares"]
    assert isinstance(simulations, int) and isinstance(shares, dict)
    worst = 0.5 / np.sqrt(simulations)
    console.print(
        f"{simulations} made-up reports of each number of images; ± is one standard error, at most {worst:.3f}"
    )
    _false_table(console, shares, simulations)
    _power_table(console, "Power: the claim is supported, in a report where no other is true", EFFECTS, shares)
    title = "Power in a report where every claim is true (0.8 sd, correlation 0.7, majorities of 80 %, related masks)"
    _power_table(console, title, {**EVERY, "every claim": "claims supported, of 14"}, shares)


def _false_table(console: Console, shares: Mapping[str, Mapping[str, Mapping[str, float]]], simulations: int) -> None:
    table = Table("what is true", "n", title="Reports with at least one false verdict", title_justify="left")
    for words in ("former", "not corrected", "in force"):
        table.add_column(words, justify="right")
    for row, words in {**NULLS, "true contradiction": "no effect; rightly said of masks: not related"}.items():
        for n in list(shares)[:1] if row == "copies" else shares:
            found = [shares[n][row][rules] for rules in RULES]
            errors = [np.sqrt(x * (1 - x) / simulations) for x in found]
            cells = [f"{x:.3f} ± {error:.3f}" for x, error in zip(found, errors, strict=True)]
            table.add_row(words, str(COPIES) if row == "copies" else n, *cells)
        table.add_section()
    console.print()
    console.print(table)


def _power_table(
    console: Console, title: str, rows: Mapping[str, str], shares: Mapping[str, Mapping[str, Mapping[str, float]]]
) -> None:
    table = Table("what is true", title=title, title_justify="left")
    for n in shares:
        table.add_column(f"n = {n}\nformer", justify="right")
        table.add_column("not\ncorrected", justify="right")
        table.add_column("in\nforce", justify="right")
    for row, words in rows.items():
        table.add_row(words, *(f"{found[row][rules]:.2f}" for found in shares.values() for rules in RULES))
    console.print()
    console.print(table)
