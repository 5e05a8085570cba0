"""A data folder set beside the paper: its Tables 1 to 3 and Figures 1 and 2, and what is wrong with the files."""
