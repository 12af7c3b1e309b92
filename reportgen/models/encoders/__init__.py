"""Concept encoders by name: `conse`, `open_clip:MODEL/TAG`."""

from reportgen.models.encoders.base import EmbedTexts, Encoder
from reportgen.models.encoders.registry import is_encoder, list_encoders, missing_encoder_files, resolve_encoder

# re-exported
__all__ = ["EmbedTexts", "Encoder", "is_encoder", "list_encoders", "missing_encoder_files", "resolve_encoder"]
