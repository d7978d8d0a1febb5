"""Places that a push's caller and `recover` need, as plain text: importing pathlib for them takes longer than all that these
do. All places: places.py."""

ADDRESSES = "/etc/protected-sites/addresses"  # of backends given by name: files that Nginx includes; see addresses.py
STATE = "/var/lib/protected-sites"
QUEUE = f"{STATE}/queue"
VERDICTS = f"{STATE}/verdicts"
JOURNAL = f"{STATE}/journal.json"
LOCK = "/run/protected-sites.lock"
STARTING = "/run/protected-sites-starting.lock"  # held by the caller who starts the worker, until that has the other lock
WORKER = "protected-sites-worker.service"
