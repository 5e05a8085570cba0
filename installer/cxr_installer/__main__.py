"""`python -m cxr_installer`."""

import sys

from cxr_installer.cli import main

if __name__ == "__main__":
    sys.exit(main())
