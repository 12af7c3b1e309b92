"""The works behind LIME for images."""

from __future__ import annotations

from reportgen.report.document import Reference

WORKS = (
    Reference(
        key="ribeiro2016", kind="inproceedings", year=2016, doi="10.1145/2939672.2939778",
        title="“Why Should I Trust You?”: Explaining the Predictions of Any Classifier",
        authors=["Ribeiro, M. T.", "Singh, S.", "Guestrin, C."],
        venue="ACM SIGKDD International Conference on Knowledge Discovery and Data Mining", pages="1135–1144",
    ),
    Reference(
        key="vedaldi2008", kind="inproceedings", year=2008, doi="10.1007/978-3-540-88693-8_52",
        title="Quick Shift and Kernel Methods for Mode Seeking", authors=["Vedaldi, A.", "Soatto, S."],
        venue="European Conference on Computer Vision (ECCV)", pages="705–718",
    ),
    Reference(
        key="efron1979", kind="article", year=1979, doi="10.1214/aos/1176344552",
        title="Bootstrap Methods: Another Look at the Jackknife", authors=["Efron, B."],
        venue="The Annals of Statistics", volume="7", number="1", pages="1–26",
    ),
)  # fmt: skip
