"""Checkpoints of strangers: what a file is by its bytes, and the tensors in it. Nothing in one is ever run.

A file is looked into without torch (`open_checkpoint`), so that everything that is wrong with it is said before any work;
its tensors are read when a network is filled.
"""

from reportgen.models.checkpoints.file import CheckpointFile as CheckpointFile
from reportgen.models.checkpoints.file import TensorRecord as TensorRecord
from reportgen.models.checkpoints.open import open_checkpoint as open_checkpoint
