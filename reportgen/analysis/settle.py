"""The claims of a whole report, corrected for one another: what each verdict is in the end, and what would decide the open ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reportgen.analysis import wording
from reportgen.analysis.sample_size import FEWEST, MOST_IMAGES, POWER, Pilot, images_needed
from reportgen.analysis.stats import holm
from reportgen.analysis.verdicts import ALPHA, Claim
from reportgen.report.document import Finding


@dataclass(frozen=True)
class Observed:
    """What counts as one observation.

    Attributes:
        images: of the run; different: those that count, copies apart; classes: of the different ones, labels where they are known,
            else what the model says.
    """

    images: int
    different: int
    classes: int

    @property
    def words(self) -> str:
        """What n counts, where that is not simply the images; else nothing."""
        if self.different == self.images and self.classes == self.different:
            return ""
        classes = wording.count(self.classes, "class", "classes")
        if self.different == self.images:
            return f"The {self.images} images show {classes}: those of one class are not independent of one another."
        copies = self.images - self.different
        different = wording.count(self.different, "different image")
        return f"n counts {different} of {classes}, without {wording.count(copies, 'copy', 'copies')}."


def settled(claims: Sequence[Claim | Finding], observed: Observed) -> tuple[list[Finding], list[str]]:
    """Every finding with its final verdict, in the order given, and the ids of those that were tested.

    The p of the tested claims are corrected by Holm's method over all of them; a verdict whose corrected p reaches the level
    becomes undecided. Claims without a p stay as they are.
    """
    tested = [(i, claim.p) for i, claim in enumerate(claims) if claim.p is not None and claim.verdict != "not measured"]
    corrected = dict(zip((i for i, _ in tested), holm([p for _, p in tested]), strict=True))
    findings = [_settled(claim, corrected.get(i), len(tested), observed) for i, claim in enumerate(claims)]
    return findings, [claims[i].id for i, _ in tested]


def _settled(claim: Claim | Finding, corrected: float | None, family: int, observed: Observed) -> Finding:
    pilots = claim.pilots if isinstance(claim, Claim) else ()
    needs = claim.needs if isinstance(claim, Claim) else ""
    values = {name: getattr(claim, name) for name in Finding.model_fields}
    if corrected is None or claim.p is None:
        return Finding(**{**values, "note": claim.note or needs})
    verdict = claim.verdict if corrected < ALPHA else "undecided"
    sentences = [
        f"The claim as a whole: {wording.probability(claim.p)}; corrected for the {wording.count(family, 'claim')} tested: "
        f"{wording.probability(corrected)}."
    ]
    if verdict != claim.verdict:
        sentences.append(f"Tested alone, the claim would be {claim.verdict}.")
    needed = None
    if verdict == "undecided":
        needed = None if needs else _needed(pilots, family, observed.different)
        sentences.append(needs or _needed_words(pilots, needed))
    note = " ".join(sentence for sentence in (*sentences, observed.words) if sentence)
    return Finding(**{**values, "verdict": verdict, "p_corrected": corrected, "needed": needed, "note": note})


def _needed(pilots: Sequence[Sequence[Pilot]], family: int, images: int) -> int | None:
    """Images that would decide every part, where any test of a part can decide it; None: no reasonable number."""
    parts = []
    for tests in pilots:
        known = [n for pilot in tests if (n := images_needed(pilot, ALPHA / family)) is not None]
        if not known:
            return None
        parts.append(min(known))
    return _rounded(max([*parts, images + 1])) if parts else None


def _rounded(number: int) -> int:
    """Up to two digits: more would promise what a simulation cannot."""
    step: int = 10 ** max(0, len(str(number)) - 2)
    return -(-number // step) * step


def _needed_words(pilots: Sequence[Sequence[Pilot]], needed: int | None) -> str:
    if not pilots:
        return ""
    if needed is not None:
        return (
            f"About {wording.whole(needed)} images would decide it (power {POWER:g}), if the true effect is as large as the one observed; "
            "small samples overstate effects."
        )
    if any(all(pilot.too_few for pilot in tests) for tests in pilots):
        return f"From fewer than {FEWEST} different images it cannot be told how many would decide it."
    if any(all(pilot.too_small for pilot in tests) for tests in pilots):
        return "No number of images would decide an effect of the size observed here: it is no larger than the smallest effect of interest."
    return f"Not even {wording.whole(MOST_IMAGES)} images would decide an effect of the size observed here (power {POWER:g})."
