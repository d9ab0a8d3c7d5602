"""`python -m paperdesk`: the command line.

Owns: nothing but the way to it.
"""

import sys

from paperdesk.cli import main

if __name__ == "__main__":
    sys.exit(main())
