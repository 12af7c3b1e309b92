"""Open a checkpoint of any format that we read."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from reportgen.models.checkpoints.file import BadFile, CheckpointFile, unreadable
from reportgen.models.checkpoints.formats import file_format, folder_refusal
from reportgen.models.checkpoints.safetensors_file import open_safetensors
from reportgen.models.checkpoints.torch_file import open_legacy, open_zip
from reportgen.utils.errors import UsageError
from reportgen.utils.inert_pickle import Made, full_name
from reportgen.utils.plain_pickle import BadPickle
from reportgen.utils.untrusted_files import is_file, is_folder

_OPENERS = {"torch zip": open_zip, "torch legacy": open_legacy, "safetensors": open_safetensors}


def open_checkpoint(path: Path) -> CheckpointFile:
    """Look into a checkpoint: names and shapes of its tensors, and what stands beside them. No torch, nothing is run.

    Raises:
        UsageError: it is missing, damaged, of a format that we do not read, or holds no state dict.
    """
    if is_folder(path):
        raise folder_refusal(path)
    if not is_file(path):
        raise UsageError(f"{path}: no such weights file")
    state = path.stat()
    return _opened(path, (state.st_ino, state.st_mtime_ns, state.st_ctime_ns, state.st_size))


@lru_cache(maxsize=8)
def _opened(path: Path, _state: tuple[int, ...]) -> CheckpointFile:
    kind = file_format(path)
    try:
        found = _OPENERS[kind](path)
    except (BadFile, BadPickle) as error:
        raise unreadable(path, error) from None
    except Exception:  # the readers meet untrusted bytes; zipfile raises more than it says
        raise unreadable(path, "cut short or damaged", "fetch it again, or save it again") from None
    if not any(record.shape for record in found.tensors.values()):
        _refuse_module(path, found.content)
        raise UsageError(
            f"{path}: holds no state dict (a mapping from names to tensors); give the file that torch.save(model.state_dict(), FILE) writes"
        )
    return found


def _refuse_module(path: Path, content: object) -> None:
    """Refuse a whole model: torch.save(model), a dict with one in it, or an object that has one (fastai's Learner)."""
    own = content.state if isinstance(content, Made) else None
    within = own if isinstance(own, dict) else content if isinstance(content, dict) else {}
    for key, value in {"": content, **within}.items():
        if isinstance(value, Made) and isinstance(value.state, dict) and "_modules" in value.state:
            named = isinstance(key, str) and key.isidentifier()
            at = "" if not named else f".{key}" if within is own else f'["{key}"]'
            raise unreadable(
                path,
                f"a whole pickled model ({full_name(value.of)}), which is a program",
                f'if you trust it, make a state dict of it: import torch; torch.save(torch.load("{path.name}", '
                f'weights_only=False){at}.state_dict(), "{path.stem}-weights.pth")',
            )
