#!/usr/bin/python3 -IBS
"""Protected Sites: starts the program that manages a proxy host.

/usr/local/sbin/protected-sites is a link to this file, so that one rename switches to another version.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

from protected_sites.__main__ import main  # noqa: E402  (needs the path above)

sys.exit(main(sys.argv[1:]))
