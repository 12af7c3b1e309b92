"""The works behind the agreement of masks."""

from __future__ import annotations

from reportgen.report.document import Reference

WORKS = (
    Reference(
        key="otsu1979", kind="article", year=1979, doi="10.1109/TSMC.1979.4310076",
        title="A Threshold Selection Method from Gray-Level Histograms", authors=["Otsu, N."],
        venue="IEEE Transactions on Systems, Man, and Cybernetics", volume="9", number="1", pages="62–66",
    ),
)  # fmt: skip
