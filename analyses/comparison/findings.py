"""Two claims on every two explained models: that they look at the same place (M1), and that their maps are as faithful (M2)."""

from __future__ import annotations

from collections.abc import Sequence

from reportgen.analysis import evidence, verdicts, wording
from reportgen.analysis.stats import Pairing
from reportgen.analysis.verdicts import Claim
from reportgen.settings.model import StatisticsSettings

from .measured import Compared
from .statistics import Row

SECTION = "comparison"
CLAIMS = {
    "M1": "{0} and {1} look at the same place.",
    "M2": "The maps of {0} are as faithful to their model as those of {1} to theirs.",
}


def comparison_findings(
    found: Compared,
    rows: Sequence[Row],
    statistics: StatisticsSettings,
    *,
    table: str,
    several: bool,
) -> list[Claim]:
    """The claims on two models.

    Args:
        table: id of the table of images; that of the measures is called so with `-measures` behind it.
        several: whether the report has other pairs of models, so that the ids name this one.
    """
    suffix = f"@{found.id}" if several else ""
    made = [_same_place(found, statistics, table, suffix)]
    gains = [row for row in rows if row.measure.gain]
    if gains:
        made.append(_as_faithful(found, gains, statistics, f"{table}-measures", suffix))
    return made


def _same_place(found: Compared, statistics: StatisticsSettings, table: str, suffix: str) -> Claim:
    words = CLAIMS["M1"].format(*found.models)
    iou, rho = found.alike.iou, found.alike.rank_correlation
    if iou is None or rho is None:
        text = "No image has a Grad-CAM map of both models that marks a place."
        return verdicts.not_measured(f"M1{suffix}", SECTION, words, text)
    decision = verdicts.of_pairing(iou, statistics.iou)
    text = (
        f"The parts of their Grad-CAM maps above half of the maximum overlap by a mean IoU of {iou.own:.2f} on one image"
        f"{_against(iou.other)}; the pixels' rank correlation{_of_sample(rho, iou)} is {wording.signed(rho.own)}"
        f"{_against(rho.other, signed=True)}. {_tested(iou)}"
    )
    numbers = [
        *evidence.pairing("gradcam_iou_between_models", "IoU of the two models' Grad-CAM maps", iou, table),
        *evidence.pairing(
            "gradcam_rho_between_models", "Rank correlation of the two models' Grad-CAM maps", rho, table
        ),
    ]
    return verdicts.claim(f"M1{suffix}", SECTION, words, decision, text, numbers)


def _against(other: float | None, *, signed: bool = False) -> str:
    if other is None:
        return ""
    return f", against {wording.signed(other) if signed else f'{other:.2f}'} on two different images"


def _of_sample(found: Pairing, beside: Pairing) -> str:
    """That fewer images were compared than `beside` it."""
    return "" if found.n == beside.n else f" (over a sample of {wording.count(found.n, 'image')})"


def _tested(found: Pairing) -> str:
    images = wording.count(found.n, "image")
    if found.p is None:
        return f"With {images} it cannot be tested whether that is more than any two maps share."
    return f"Permuting the images of one model, {wording.probability(found.p)} over {images}{wording.small(found.n)}."


def _as_faithful(
    found: Compared, rows: Sequence[Row], statistics: StatisticsSettings, table: str, suffix: str
) -> Claim:
    """Equivalence on every curve of every map; a difference on one of them sinks it."""
    parts = [verdicts.of_equivalence(row.by, statistics.auc) for row in rows]
    said = "; ".join(f"{_lower(row)} {_which(row, found.models)}" for row in rows)
    n = max(row.by.n for row in rows)
    text = (
        f"How much better a map is than a random order of the pixels, of the same image under the same model, over "
        f"{wording.count(n, 'image')}{wording.small(n)}: {said}. Differences within {statistics.auc:g} of area count as none."
    )
    numbers = [
        evidence.shift(f"{row.measure.key}_between_models", f"{row.measure.words}: {_minus(found)}", row.by, table)
        for row in rows
    ]
    return verdicts.claim(
        f"M2{suffix}", SECTION, CLAIMS["M2"].format(*found.models), verdicts.all_of(parts), text, numbers
    )


def _lower(row: Row) -> str:
    return row.measure.words.removesuffix(", better than a random order").replace(", ", " in ")


def _which(row: Row, models: tuple[str, str]) -> str:
    """Under which model it is more, and the p of a difference."""
    if row.by.p is None:
        return "the same on every image"
    more = models[0] if row.by.shift >= 0 else models[1]
    return f"more under {more} {wording.by_shift(row.by, wording.small_amount)}, {wording.probability(row.by.p)}"


def _minus(found: Compared) -> str:
    return f"{found.models[0]} minus {found.models[1]}"
