"""`cxr-desktop bench-ui`: how fast the window is on this machine, beside what it aims at."""
