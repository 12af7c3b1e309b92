"""Batches in, logits out: torch or OpenVINO behind one small protocol."""

from reportgen.runtime.blend import SHOWN, Blend
from reportgen.runtime.engine import Backend, Engine, Fill, Forward, decide, softmax

__all__ = ["SHOWN", "Backend", "Blend", "Engine", "Fill", "Forward", "decide", "softmax"]
