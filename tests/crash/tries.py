# SPDX-License-Identifier: BSD-2-Clause
"""Tells what was tried and what it cost, for tables made from runs.

With REEL_TRIES=FILE each result is appended there as a line of JSON; it is a comment of the test's
output in any case:

	fault	what was done to it		promise	section of format/FORMAT.md that says what may go
	where	writer, recorder, ext4 ...	tries	how often
	broken	tries that broke the promise	lost	events that went, as the promise allows

and whatever else the test has to say of it.
"""

import json
import os


def tell(fault, where, promise, tries, broken, lost, **more):
    line = json.dumps({"fault": fault, "where": where, "promise": promise, "tries": tries,
                       "broken": broken, "lost": lost, **more})
    print("# tries " + line, flush=True)
    path = os.environ.get("REEL_TRIES")
    if path:
        with open(path, "a", encoding="utf-8") as f:
            f.write(line + "\n")
