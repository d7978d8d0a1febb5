#!/usr/bin/python3 -IB
"""Protected Sites: starts the program that changes a proxy host.

/usr/local/sbin/protected-sites is a link to this file, so that one rename switches the whole program.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from protected_sites.__main__ import main  # noqa: E402  (only now can it be found)

sys.exit(main(sys.argv[1:]))
