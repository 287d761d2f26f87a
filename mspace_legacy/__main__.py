"""`python -m mspace_legacy` is the command line; see `mspace_legacy.cli`."""

import sys

from mspace_legacy.cli import main

if __name__ == "__main__":
    sys.exit(main())
