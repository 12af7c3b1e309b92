"""Classifiers in ONNX files, which OpenVINO reads."""
