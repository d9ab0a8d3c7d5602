"""The session under ib_async.

Owns: which library it is.
"""

import ib_async

from clients.ib_family import main
from clients.session import options

if __name__ == "__main__":
    main(ib_async, options())
