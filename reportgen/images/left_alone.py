"""Which files are not meant to be explained, by their names: what systems, programs and downloads leave among photographs.

None of these is ever opened. What a folder holds is left alone with it. A user's own `tmp` or `backup` of photographs is meant:
only names that programs alone give are listed here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from reportgen.images.formats import EXTENSIONS, UNREAD_EXTENSIONS

PREVIEW = "a preview that a system or a program keeps"
HIDDEN = "hidden: its name, or that of its folder, begins with a dot"
EARLIER_RUN = "written by an earlier run of reportgen"
OUT = "in the folder that the report goes to"
PROBE = "in the folder of the probe set"
NOTES_UNREAD = "notes, which are read where one folder is given, or named by the setting document.notes"


@dataclass(frozen=True)
class _Kind:
    """What is left alone for one reason; patterns match whole names, whatever their case."""

    reason: str
    folders: re.Pattern[str]
    files: re.Pattern[str]


def _names(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns) or r"(?!)", re.IGNORECASE | re.DOTALL)


_IMAGE = "(?:" + "|".join(re.escape(ending) for ending in sorted(EXTENSIONS | UNREAD_EXTENSIONS)) + ")"
_KINDS = (
    _Kind(
        "in a bin of deleted files",
        _names(r"\$recycle\.bin", "recycler", "recycled", "#recycle", "@recycle", r"\.trash(es|-.*)?", "network trash folder"),
        _names(r"\.trashed-.*"),
    ),
    _Kind(
        PREVIEW,
        _names("@eadir", r"\.@__thumb", r"\.thumbnails?", r"\.thumbs", "@synoeastream", r".*\.lrdata"),
        _names(r".*\.thm", r"thumbs\.db(:encryptable)?", r"ehthumbs(_vista)?\.db", "synofile_thumb.*", ".*@syno(eastream|resource)"),
    ),
    _Kind(
        "of a system or its desktop",
        _names(
            "system volume information",
            r"lost\+found",
            "__macosx",
            r"found\.\d{3}",
            r"\.(fseventsd|spotlight-v100|temporaryitems|documentrevisions-v100|appledouble|appledb|appledesktop)",
            "temporary items",
            "#snapshot",
            r"\.snapshots?",
            "@tmp",
        ),
        _names(
            r"\._.*",
            r"\.ds_store",
            r"desktop\.ini",
            "icon\r",
            r"\.directory",
            r"\.volumeicon\.icns",
            r"\.fuse_hidden.*",
            r"\.nfs[0-9a-f]{8,}",
            r"\.smbdelete.*",
            r".*:zone\.identifier",
            r".*\.(lnk|url|webloc|desktop)",
        ),
    ),
    _Kind(
        "a download or a copy that is not finished",
        _names(rf".*{_IMAGE}\.(download|crdownload|part|partial)"),
        _names(
            r".*\.(part|crdownload|download|partial|tmp|temp|filepart|opdownload|aria2|incomplete|!ut|!qb|!sync|bc!)",
            r"\.syncthing\..*",
            r"\.pending-\d+-.*",
            r"~syncthing~.*",
        ),
    ),
    _Kind(
        "a copy that an editor keeps",
        _names(r"\.ipynb_checkpoints"),
        _names(".*~", r"~\$.*", r"\.~lock\..*", "#.*#", r".*\.(bak|orig|swp|swo)", rf".*{_IMAGE}(\.(old|backup|save|bak\d+)|_original)"),
    ),
    _Kind(
        "kept in a cloud: what lies here only stands for the file",
        _names(),
        _names(r"\..*\.icloud", r".*\.cloudf?"),
    ),
    _Kind(
        "of a program, which keeps it for itself",
        _names(r"\.(git|svn|hg|bzr|dvc|venv|tox|cache|vscode|idea)", r"\.dropbox\.cache", "__pycache__", "node_modules", "site-packages"),
        _names(r"\.(gitignore|gitattributes|gitkeep|gitmodules|dvcignore)", r"\.reportgen.*\.lock"),
    ),
)  # fmt: skip


# A library of a Mac's photo program is a folder: the photographs lie in one folder of it, previews of them in the others.
_LIBRARY = _names(r".*\.(photoslibrary|photolibrary|migratedphotolibrary|aplibrary)")
_ORIGINALS = frozenset({"originals", "masters"})


def folder_reason(name: str, parent: str = "", *, named: bool = False) -> str | None:
    """Why what lies in a folder of this name is left alone; None: it is meant.

    Args:
        parent: the name of the folder that it lies in.
        named: a user wrote the name, who means also what is hidden.
    """
    if _LIBRARY.fullmatch(parent) and name.lower() not in _ORIGINALS:
        return PREVIEW
    found = next((kind.reason for kind in _KINDS if kind.folders.fullmatch(name)), None)
    return found or (HIDDEN if name.startswith(".") and not named else None)


def file_reason(name: str, *, named: bool = False) -> str | None:
    """Why a file of this name is left alone; None: it is meant."""
    found = next((kind.reason for kind in _KINDS if kind.files.fullmatch(name)), None)
    return found or (HIDDEN if name.startswith(".") and not named else None)


def path_reason(path: str, *, named: bool = False) -> str | None:
    """Why a file is left alone, by its posix path under what was given: the first folder on the way, then its own name."""
    *folders, name = path.split("/")
    of_folders = (
        folder_reason(folder, parent, named=named) for parent, folder in zip(["", *folders], folders, strict=False)
    )
    return next(filter(None, of_folders), None) or file_reason(name, named=named)


# --- what no reader used -------------------------------------------------------------------------

_NO_IMAGE = "no image, label or annotation that is understood"
_UNUSED_TRUTH = "annotations are read where an analysis uses them, and none of this run does"
_ANNOTATIONS = frozenset({".json", ".jsonl", ".xml", ".txt", ".csv", ".tsv", ".yaml", ".yml"})
_BY_ENDING = {
    ending: reason
    for endings, reason in (
        (".mp4 .m4v .mov .avi .mkv .webm .3gp .mts .m2ts .mpg .mpeg .wmv .flv .lrv", "a film"),
        (".mp3 .m4a .wav .aac .ogg .flac .wma .amr .opus", "sound"),
        (".pdf .doc .docx .odt .rtf .xls .xlsx .ods .ppt .pptx .odp .md .rst .html .htm .tex .pages .numbers .eml", "a document"),
        (".zip .tar .tgz .gz .bz2 .xz .7z .rar .zst .cbz .iso .dmg", "an archive: give it itself, or what is in it"),
        (".py .pyc .pyi .ipynb .js .ts .sh .bat .ps1 .c .cpp .h .java .class .jar .r .m .so .dll .exe .apk", "a program"),
        (".pt .pth .onnx .safetensors .h5 .hdf5 .pb .tflite .ckpt .npy .npz .pkl .pickle .mat .parquet .db .sqlite",
         "weights, arrays or tables of a program"),
        (".xmp .aae .thm .pp3 .dop .lrcat .cos .xcf .psd .ai .svg .plist .ini .cfg .toml .log", "of a photo or other program"),
        (" ".join(sorted(_ANNOTATIONS)), "no label or annotation that is understood"),
    )
    for ending in endings.split()
}  # fmt: skip


def rest_reason(name: str, *, uses_truth: bool) -> str:
    """Why a file beside the images that no reader used is left alone, by its ending.

    Args:
        uses_truth: whether annotations and masks were read in this run.
    """
    ending = PurePosixPath(name).suffix.lower()
    if not uses_truth and ending in _ANNOTATIONS:
        return _UNUSED_TRUTH
    if ending in EXTENSIONS:
        return (
            "a mask that fits no image"
            if uses_truth
            else "masks are read where an analysis uses them, and none of this run does"
        )
    return _BY_ENDING.get(ending, _NO_IMAGE)
