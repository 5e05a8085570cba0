"""Export: from finished runs to one verified ONNX bundle."""
