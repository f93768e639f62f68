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


MARK = "# tries "


def append(line):
    path = os.environ.get("REEL_TRIES")
    if path:
        with open(path, "a", encoding="utf-8") as f:
            f.write(line + "\n")


def pass_on(text):
    """What was told where there is no such file, as in a guest."""
    for line in text.splitlines():
        if line.startswith(MARK):
            append(line[len(MARK):])


def tell(fault, where, promise, tries, broken, lost, **more):
    line = json.dumps({"fault": fault, "where": where, "promise": promise, "tries": tries,
                       "broken": broken, "lost": lost, **more})
    print(MARK + line, flush=True)
    append(line)
