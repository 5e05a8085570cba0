"""The network: backbone, the paper's regularised head, initial weights."""
