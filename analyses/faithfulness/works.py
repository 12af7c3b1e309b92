"""The works behind deletion, insertion and the pointing game."""

from __future__ import annotations

from reportgen.report.document import Reference

WORKS = (
    Reference(
        key="petsiuk2018", kind="inproceedings", year=2018, arxiv="1806.07421",
        title="RISE: Randomized Input Sampling for Explanation of Black-box Models",
        authors=["Petsiuk, V.", "Das, A.", "Saenko, K."], venue="British Machine Vision Conference (BMVC)",
    ),
    Reference(
        key="zhang2016", kind="inproceedings", year=2016, doi="10.1007/978-3-319-46493-0_33", arxiv="1608.00507",
        title="Top-Down Neural Attention by Excitation Backprop",
        authors=["Zhang, J.", "Lin, Z.", "Brandt, J.", "Shen, X.", "Sclaroff, S."],
        venue="European Conference on Computer Vision (ECCV)",
    ),
)  # fmt: skip
