"""The service without a window: receive, score, return; with health, metrics and a watchdog."""
