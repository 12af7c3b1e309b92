"""The works behind concept attribution."""

from __future__ import annotations

from reportgen.report.document import Reference

WORKS = (
    Reference(
        key="zhou2016", kind="inproceedings", year=2016, doi="10.1109/CVPR.2016.319", arxiv="1512.04150",
        title="Learning Deep Features for Discriminative Localization",
        authors=["Zhou, B.", "Khosla, A.", "Lapedriza, A.", "Oliva, A.", "Torralba, A."],
        venue="IEEE Conference on Computer Vision and Pattern Recognition (CVPR)", pages="2921–2929",
    ),
    Reference(
        key="shrikumar2017", kind="inproceedings", year=2017, arxiv="1704.02685",
        title="Learning Important Features Through Propagating Activation Differences",
        authors=["Shrikumar, A.", "Greenside, P.", "Kundaje, A."],
        venue="International Conference on Machine Learning (ICML)", pages="3145–3153",
    ),
)  # fmt: skip
