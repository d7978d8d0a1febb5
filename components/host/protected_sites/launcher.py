#!/usr/bin/python3 -IBS
"""Protected Sites: starts the program that manages a proxy host.

/usr/local/sbin/protected-sites is a link to this file, so that one rename switches to another version.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from protected_sites.__main__ import main  # noqa: E402  (needs the path above)

sys.exit(main(sys.argv[1:]))
