"""Batches in, logits out: torch or OpenVINO behind one small protocol."""

from reportgen.models.runtime.backend import Backend, Fill, Forward, LayerAttention
from reportgen.models.runtime.blend import SHOWN, Blend
from reportgen.models.runtime.choice import Machine, choose_runtime
from reportgen.models.runtime.engine import Engine

# re-exported
__all__ = ["SHOWN", "Backend", "Blend", "Engine", "Fill", "Forward", "LayerAttention", "Machine", "choose_runtime"]
