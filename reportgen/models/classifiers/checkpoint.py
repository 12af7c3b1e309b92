"""`checkpoint:PATH`: the user's own weights, in an architecture that the settings give or the checkpoint names."""

from __future__ import annotations

from pathlib import Path

from reportgen.models.checkpoints import open_checkpoint
from reportgen.models.checkpoints.formats import folder_refusal
from reportgen.models.classifiers import timm_zoo, torchvision_zoo
from reportgen.models.classifiers.base import ClassifierSpec
from reportgen.models.classifiers.fitting.hints import named_architectures
from reportgen.models.classifiers.fitting.own_weights import own_spec
from reportgen.models.classifiers.weights import local_weights
from reportgen.settings.model import CHECKPOINT, Settings
from reportgen.utils.errors import UsageError
from reportgen.utils.untrusted_files import is_file, is_folder

_ZOOS = {"torchvision": torchvision_zoo.ZOO, "timm": timm_zoo.ZOO}


def spec(name: str, settings: Settings) -> ClassifierSpec:
    """The classifier `name`, "checkpoint:FILE"; preprocessing is that of the architecture's own default weights.

    Raises:
        UsageError: the file is missing or no checkpoint of its architecture, or nobody says its architecture or classes.
    """
    path = local_weights(name, settings.weights) or Path(name.removeprefix(CHECKPOINT))
    if is_folder(path) and path != Path():
        raise folder_refusal(path)
    if not is_file(path):
        raise UsageError(f"{path}: no such checkpoint; give --model checkpoint:PATH, or its path under [weights]")
    given = settings.architectures.get(name)
    architecture = _architecture(name, given or _named(name, path))
    zoo, said = _ZOOS[architecture.partition(":")[0]], f"{architecture}{'' if given else ', as it says itself'}"
    return own_spec(zoo, name, architecture, path, settings.geometry, settings.classes, said)


def _architecture(name: str, given: str) -> str:
    if given.partition(":")[0] not in _ZOOS:
        raise _unsaid(name, f", not {given!r}" if given else "")
    return given


def _named(name: str, path: Path) -> str:
    """The architecture that the checkpoint names, where one library alone knows it or the file is plainly of one's script."""
    known = []
    for architecture in named_architectures(open_checkpoint(path).content):
        try:
            _ZOOS[architecture.partition(":")[0]].skeleton(architecture)
        except UsageError:
            continue
        known.append(architecture)
    if len(known) > 1:
        raise _unsaid(name, f"; by what it says of itself it is {' or '.join(known)}")
    return known[0] if known else ""


def _unsaid(name: str, why: str) -> UsageError:
    return UsageError(
        f'{name}: say which network it fills with [architectures] "{name}" = "torchvision:NAME" (or timm:NAME) in reportgen.toml{why}'
    )
