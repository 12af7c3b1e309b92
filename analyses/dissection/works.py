"""The works behind network dissection and its concept encoders."""

from __future__ import annotations

from reportgen.report.document import Reference

WORKS = (
    Reference(
        key="armitage1955", kind="article", year=1955, doi="10.2307/3001775",
        title="Tests for Linear Trends in Proportions and Frequencies",
        authors=["Armitage, P."], venue="Biometrics", pages="375–386",
    ),
    Reference(
        key="bau2017", kind="inproceedings", year=2017, doi="10.1109/CVPR.2017.354",
        title="Network Dissection: Quantifying Interpretability of Deep Visual Representations",
        authors=["Bau, D.", "Zhou, B.", "Khosla, A.", "Oliva, A.", "Torralba, A."],
        venue="IEEE Conference on Computer Vision and Pattern Recognition (CVPR)", pages="3319–3327",
    ),
    Reference(
        key="norouzi2014", kind="inproceedings", year=2014, arxiv="1312.5650",
        title="Zero-Shot Learning by Convex Combination of Semantic Embeddings",
        authors=["Norouzi, M.", "Mikolov, T.", "Bengio, S.", "Singer, Y.", "Shlens, J.", "Frome, A.", "Corrado, G. S.", "Dean, J."],
        venue="International Conference on Learning Representations (ICLR)",
    ),
    Reference(
        key="oikarinen2023", kind="inproceedings", year=2023, arxiv="2204.10965",
        title="CLIP-Dissect: Automatic Description of Neuron Representations in Deep Vision Networks",
        authors=["Oikarinen, T.", "Weng, T.-W."], venue="International Conference on Learning Representations (ICLR)",
    ),
    Reference(
        key="radford2021", kind="inproceedings", year=2021, arxiv="2103.00020",
        title="Learning Transferable Visual Models From Natural Language Supervision",
        authors=["Radford, A.", "Kim, J. W.", "Hallacy, C.", "Ramesh, A.", "Goh, G.", "Agarwal, S.", "Sastry, G.", "Askell, A.",
                 "Mishkin, P.", "Clark, J.", "Krueger, G.", "Sutskever, I."],
        venue="International Conference on Machine Learning (ICML)",
    ),
    Reference(
        key="reimers2019", kind="inproceedings", year=2019, doi="10.18653/v1/D19-1410",
        title="Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks", authors=["Reimers, N.", "Gurevych, I."],
        venue="Conference on Empirical Methods in Natural Language Processing (EMNLP-IJCNLP)", pages="3982–3992",
    ),
)  # fmt: skip
METHOD = ("oikarinen2023", "bau2017", "armitage1955")
CONSE = ("norouzi2014", "reimers2019")
CLIP = ("radford2021",)


def works_behind(encoder: str) -> list[str]:
    """Keys of the works that a section with labels of the concept encoder `encoder` rests on."""
    return [*METHOD, *(CONSE if encoder == "conse" else CLIP)]
