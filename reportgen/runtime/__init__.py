"""Batches in, logits out: torch or OpenVINO behind one small protocol."""

from reportgen.runtime.engine import Backend, Engine, Fill, Forward, decide, softmax

__all__ = ["Backend", "Engine", "Fill", "Forward", "decide", "softmax"]
