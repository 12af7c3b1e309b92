"""The works that the check by re-initialisation comes from."""

from __future__ import annotations

from reportgen.report.document import Reference

WORKS = (
    Reference(
        key="adebayo2018", kind="inproceedings", year=2018, arxiv="1810.03292", title="Sanity Checks for Saliency Maps",
        authors=["Adebayo, J.", "Gilmer, J.", "Muelly, M.", "Goodfellow, I.", "Hardt, M.", "Kim, B."],
        venue="Advances in Neural Information Processing Systems (NeurIPS)", volume="31",
    ),
    Reference(
        key="lecun1998", kind="incollection", year=1998, doi="10.1007/3-540-49430-8_2", title="Efficient BackProp",
        authors=["LeCun, Y.", "Bottou, L.", "Orr, G. B.", "Müller, K.-R."],
        venue="Neural Networks: Tricks of the Trade", pages="9–50",
    ),
)  # fmt: skip
