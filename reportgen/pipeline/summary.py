"""The executive summary: chosen from the findings by a rule, worded from the run's own numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reportgen.analysis import wording
from reportgen.report.document import Finding, ImageRecord, Summary, Verdict
from reportgen.report.ids import listed_ids
from reportgen.report.provenance import HeadKind

# More than these, and a summary is a second list of findings.
MOST_FINDINGS = 5
MOST_NAMES = 6
# A claim that the data contradict is what a reader must not miss; then what they support.
DECIDED: tuple[Verdict, ...] = ("contradicted", "supported")


def summarise(
    images: Sequence[ImageRecord],
    findings: Sequence[Finding],
    model: str,
    further: Mapping[str, Sequence[ImageRecord]] | None = None,
    heads: Mapping[str, HeadKind] | None = None,
) -> Summary:
    """The summary of a report over at least one image, explained for `model`; `further` are the images of the other explained models.

    Args:
        heads: by model how its outputs are read; default a softmax.
    """
    kinds = heads or {}
    decided = [finding.id for verdict in DECIDED for finding in findings if finding.verdict == verdict]
    said = " ".join(
        _images(of_model, name, kinds.get(name, "softmax"))
        for name, of_model in {model: images, **(further or {})}.items()
    )
    return Summary(images=said, findings=decided[:MOST_FINDINGS], rest=_rest(findings, decided))


def _images(images: Sequence[ImageRecord], model: str, head: HeadKind) -> str:
    labelled = [image for image in images if image.label is not None]
    wrong = [image for image in labelled if image.correct is False]
    explained = f"{wording.count(len(images), 'image')} {'was' if len(images) == 1 else 'were'} explained for {model}"
    if not labelled:
        return f"{explained}; none has a label, so whether the model is right is not known."
    unlabelled = (
        f", the other {rest} {'has' if rest == 1 else 'have'} none" if (rest := len(images) - len(labelled)) else ""
    )
    right = len(labelled) - len(wrong)
    if head == "multilabel":  # it may say the label of the others too, beside a likelier class
        names = [f"{image.name} ({image.prediction.name})" for image in wrong]
        others = f" Another class has a larger one: {wording.listed(names, MOST_NAMES)}." if names else ""
        return f"{explained}; on {right} of {len(labelled)} with a label the label has the largest probability{unlabelled}.{others}"
    verb = "is" if right == 1 else "are"
    score = f"{right} of {len(labelled)} with a label {verb} predicted as labelled{unlabelled}"
    names = [f"{image.name} (read as {image.prediction.name})" for image in wrong]
    return f"{explained}; {score}." + (f" Wrong: {wording.listed(names, MOST_NAMES)}." if names else "")


def _rest(findings: Sequence[Finding], decided: Sequence[str]) -> str:
    parts = []
    if further := list(decided[MOST_FINDINGS:]):
        parts.append(f"{_claims(further)} decided too")
    for verdict, words in (("undecided", "undecided on these data"), ("not measured", "not measured")):
        if ids := [finding.id for finding in findings if finding.verdict == verdict]:
            parts.append(f"{_claims(ids)} {words}")
    if not parts:
        return ""
    return f"Of {wording.count(len(findings), 'claim')} tested, {'; '.join(parts)}."


def _claims(ids: Sequence[str]) -> str:
    return f"{len(ids)} ({listed_ids(ids)}) {'is' if len(ids) == 1 else 'are'}"
