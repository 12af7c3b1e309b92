"""The works that reportgen's methods come from, as data; an analysis names those it used by key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reportgen.report.document import Reference

_WORKS = (
    Reference(
        key="bonett2000", kind="article", year=2000, doi="10.1007/BF02294183",
        title="Sample Size Requirements for Estimating Pearson, Kendall and Spearman Correlations",
        authors=["Bonett, D. G.", "Wright, T. A."], venue="Psychometrika", volume="65", number="1", pages="23–28",
    ),
    Reference(
        key="ernst2004", kind="article", year=2004, doi="10.1214/088342304000000396",
        title="Permutation Methods: A Basis for Exact Inference", authors=["Ernst, M. D."],
        venue="Statistical Science", volume="19", number="4", pages="676–685",
    ),
    Reference(
        key="he2016", kind="inproceedings", year=2016, doi="10.1109/CVPR.2016.90",
        title="Deep Residual Learning for Image Recognition", authors=["He, K.", "Zhang, X.", "Ren, S.", "Sun, J."],
        venue="IEEE Conference on Computer Vision and Pattern Recognition (CVPR)", pages="770–778",
    ),
    Reference(
        key="hodges1963", kind="article", year=1963, doi="10.1214/aoms/1177704172",
        title="Estimates of Location Based on Rank Tests", authors=["Hodges, J. L.", "Lehmann, E. L."],
        venue="The Annals of Mathematical Statistics", volume="34", number="2", pages="598–611",
    ),
    Reference(
        key="holm1979", kind="article", year=1979, title="A Simple Sequentially Rejective Multiple Test Procedure",
        authors=["Holm, S."], venue="Scandinavian Journal of Statistics", volume="6", number="2", pages="65–70",
    ),
    Reference(
        key="jaccard1912", kind="article", year=1912, doi="10.1111/j.1469-8137.1912.tb05611.x",
        title="The Distribution of the Flora in the Alpine Zone", authors=["Jaccard, P."],
        venue="New Phytologist", volume="11", number="2", pages="37–50",
    ),
    Reference(
        key="russakovsky2015", kind="article", year=2015, doi="10.1007/s11263-015-0816-y",
        title="ImageNet Large Scale Visual Recognition Challenge",
        authors=["Russakovsky, O.", "Deng, J.", "Su, H.", "Krause, J.", "Satheesh, S.", "Ma, S.", "Huang, Z.", "Karpathy, A.",
                 "Khosla, A.", "Bernstein, M.", "Berg, A. C.", "Fei-Fei, L."],
        venue="International Journal of Computer Vision", volume="115", number="3", pages="211–252",
    ),
    Reference(
        key="schuirmann1987", kind="article", year=1987, doi="10.1007/BF01068419",
        title="A Comparison of the Two One-Sided Tests Procedure and the Power Approach for Assessing the Equivalence of Average "
        "Bioavailability",
        authors=["Schuirmann, D. J."], venue="Journal of Pharmacokinetics and Biopharmaceutics", volume="15", number="6",
        pages="657–680",
    ),
    Reference(
        key="spearman1904", kind="article", year=1904, doi="10.2307/1412159",
        title="The Proof and Measurement of Association between Two Things", authors=["Spearman, C."],
        venue="The American Journal of Psychology", volume="15", number="1", pages="72–101",
    ),
    Reference(
        key="tan2019", kind="inproceedings", year=2019, arxiv="1905.11946",
        title="EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", authors=["Tan, M.", "Le, Q. V."],
        venue="International Conference on Machine Learning (ICML)",
    ),
    Reference(
        key="zhou2018", kind="article", year=2018, doi="10.1109/TPAMI.2017.2723009",
        title="Places: A 10 Million Image Database for Scene Recognition",
        authors=["Zhou, B.", "Lapedriza, A.", "Khosla, A.", "Oliva, A.", "Torralba, A."],
        venue="IEEE Transactions on Pattern Analysis and Machine Intelligence", volume="40", number="6", pages="1452–1464",
    ),
)  # fmt: skip
WORKS = {work.key: work for work in _WORKS}
# What a paired comparison with its shift, test and correction rests on.
PAIRED = ("ernst2004", "hodges1963", "holm1979")
# What a classifier's name says about where it and its weights come from.
_MODELS = {
    "efficientnet_lite": ("tan2019", "russakovsky2015"),
    "torchvision:efficientnet_b": ("tan2019",),
    "resnet18_places365": ("he2016", "zhou2018"),
    "resnet": ("he2016", "russakovsky2015"),
    "torchvision:resnet": ("he2016",),
}


def of_model(name: str) -> tuple[str, ...]:
    """Keys of the works behind a classifier; none where its name does not say."""
    return next((keys for start, keys in _MODELS.items() if name.startswith(start)), ())


def cited(by: Mapping[str, Iterable[str]], further: Iterable[Reference] = ()) -> list[Reference]:
    """The works that are cited, each with where, by author and year.

    Args:
        by: id of a section -> keys of works.
        further: works that analyses bring along.

    Raises:
        ValueError: a key that is not in `WORKS` nor among them; a mistake of the analysis.
    """
    known = {**WORKS, **{work.key: work for work in further}}
    places: dict[str, list[str]] = {}
    for place, keys in by.items():
        for key in keys:
            if key not in known:
                raise ValueError(f"section {place} cites {key!r}, which reportgen.analysis.bibliography does not know")
            if place not in places.setdefault(key, []):
                places[key].append(place)
    works = [known[key].model_copy(update={"cited_in": cited_in}) for key, cited_in in places.items()]
    return sorted(works, key=lambda work: (work.authors[0].lower(), work.year, work.title))
