#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 600
"""The examples of replay/POLICIES.md, in reel."""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(os.path.dirname(HERE), "reference", "examples.py")
sys.exit(subprocess.run([sys.executable, PROGRAM, "--engine", *sys.argv[1:]]).returncode)
