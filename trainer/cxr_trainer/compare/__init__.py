"""The paper's comparisons: learning-rate policies, architectures, optimizers, over several seeds (paper §§5 and 7)."""
