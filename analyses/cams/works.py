"""The works that class activation maps and their measures come from."""

from __future__ import annotations

from reportgen.report.document import Reference

WORKS = (
    Reference(
        key="abnar2020", kind="inproceedings", year=2020, doi="10.18653/v1/2020.acl-main.385", arxiv="2005.00928",
        title="Quantifying Attention Flow in Transformers", authors=["Abnar, S.", "Zuidema, W."],
        venue="Annual Meeting of the Association for Computational Linguistics (ACL)", pages="4190–4197",
    ),
    Reference(
        key="cai2025", kind="article", year=2025, arxiv="2501.06261", title="CAMs as Shapley Value-based Explainers",
        authors=["Cai, H."], venue="arXiv preprint",
    ),
    Reference(
        key="chattopadhyay2018", kind="inproceedings", year=2018, doi="10.1109/WACV.2018.00097", arxiv="1710.11063",
        title="Grad-CAM++: Generalized Gradient-Based Visual Explanations for Deep Convolutional Networks",
        authors=["Chattopadhyay, A.", "Sarkar, A.", "Howlader, P.", "Balasubramanian, V. N."],
        venue="IEEE Winter Conference on Applications of Computer Vision (WACV)", pages="839–847",
    ),
    Reference(
        key="chefer2021", kind="inproceedings", year=2021, doi="10.1109/ICCV48922.2021.00045", arxiv="2103.15679",
        title="Generic Attention-model Explainability for Interpreting Bi-Modal and Encoder-Decoder Transformers",
        authors=["Chefer, H.", "Gur, S.", "Wolf, L."],
        venue="IEEE/CVF International Conference on Computer Vision (ICCV)", pages="397–406",
    ),
    Reference(
        key="chung2025", kind="article", year=2025, doi="10.3390/app15137562",
        title="Seg-Eigen-CAM: Eigen-Value-Based Visual Explanations for Semantic Segmentation Models",
        authors=["Chung, C.-T.", "Ying, J. J.-C."], venue="Applied Sciences", volume="15", number="13", pages="7562",
    ),
    Reference(
        key="desai2020", kind="inproceedings", year=2020, doi="10.1109/WACV45572.2020.9093360",
        title="Ablation-CAM: Visual Explanations for Deep Convolutional Network via Gradient-free Localization",
        authors=["Desai, S.", "Ramaswamy, H. G."],
        venue="IEEE Winter Conference on Applications of Computer Vision (WACV)",
    ),
    Reference(
        key="draelos2020", kind="article", year=2020, arxiv="2011.08891",
        title="Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks",
        authors=["Draelos, R. L.", "Carin, L."], venue="arXiv preprint",
    ),
    Reference(
        key="fu2020", kind="inproceedings", year=2020, arxiv="2008.02312",
        title="Axiom-based Grad-CAM: Towards Accurate Visualization and Explanation of CNNs",
        authors=["Fu, R.", "Hu, Q.", "Dong, X.", "Guo, Y.", "Gao, Y.", "Li, B."],
        venue="British Machine Vision Conference (BMVC)",
    ),
    Reference(
        key="fuad2020", kind="inproceedings", year=2020,
        title="Features Understanding in 3D CNNs for Actions Recognition in Video",
        authors=["Fuad, K. A. A.", "Martin, P.-E.", "Giot, R.", "Bourqui, R.", "Benois-Pineau, J.", "Zemmari, A."],
        venue="International Conference on Image Processing Theory, Tools and Applications (IPTA), HAL hal-02963298",
    ),
    Reference(
        key="hurley2009", kind="article", year=2009, title="Comparing Measures of Sparsity",
        authors=["Hurley, N.", "Rickard, S."], venue="IEEE Transactions on Information Theory", volume="55", number="10",
    ),
    Reference(
        key="jiang2021", kind="article", year=2021, doi="10.1109/TIP.2021.3089943",
        title="LayerCAM: Exploring Hierarchical Class Activation Maps for Localization",
        authors=["Jiang, P.-T.", "Zhang, C.-B.", "Hou, Q.", "Cheng, M.-M.", "Wei, Y."],
        venue="IEEE Transactions on Image Processing", volume="30", pages="5875–5888",
    ),
    Reference(
        key="karmani2024", kind="article", year=2024, arxiv="2410.00267",
        title="KPCA-CAM: Visual Explainability of Deep Computer Vision Models using Kernel PCA",
        authors=["Karmani, S.", "Sivakaran, T.", "Prasad, G.", "Ali, M.", "Yang, W.", "Tang, S."], venue="arXiv preprint",
    ),
    Reference(
        key="muhammad2020", kind="inproceedings", year=2020, arxiv="2008.00299",
        title="Eigen-CAM: Class Activation Map using Principal Components", authors=["Muhammad, M. B.", "Yeasin, M."],
        venue="International Joint Conference on Neural Networks (IJCNN)",
    ),
    Reference(
        key="selvaraju2017", kind="inproceedings", year=2017, doi="10.1109/ICCV.2017.74",
        title="Grad-CAM: Visual Explanations from Deep Networks via Gradient-Based Localization",
        authors=["Selvaraju, R. R.", "Cogswell, M.", "Das, A.", "Vedantam, R.", "Parikh, D.", "Batra, D."],
        venue="IEEE International Conference on Computer Vision (ICCV)", pages="618–626",
    ),
    Reference(
        key="wang2020", kind="inproceedings", year=2020, arxiv="1910.01279",
        title="Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks",
        authors=["Wang, H.", "Wang, Z.", "Du, M.", "Yang, F.", "Zhang, Z.", "Ding, S.", "Mardziel, P.", "Hu, X."],
        venue="IEEE/CVF Conference on Computer Vision and Pattern Recognition Workshops (CVPRW)",
    ),
    Reference(
        key="zhang2025", kind="inproceedings", year=2025, arxiv="2501.11309",
        title="Finer-CAM: Spotting the Difference Reveals Finer Details for Visual Explanation",
        authors=["Zhang, Z.", "Gu, J.", "Chowdhury, A.", "Mai, Z.", "Carlyn, D.", "Berger-Wolf, T.", "Su, Y.", "Chao, W.-L."],
        venue="IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)",
    ),
)  # fmt: skip
