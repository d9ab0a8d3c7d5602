"""The session under ib_insync.

Owns: which library it is.
"""

import ib_insync

from clients.ib_family import main
from clients.session import options

if __name__ == "__main__":
    main(ib_insync, options())
