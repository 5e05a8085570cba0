"""Desktop chest X-ray triage: score films with an exported bundle, from the shell or in a window."""
