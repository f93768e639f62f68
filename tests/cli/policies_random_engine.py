#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 600
"""Random policies: the slow interpreter against reel."""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(os.path.dirname(HERE), "reference", "random_policies.py")
sys.exit(subprocess.run([sys.executable, PROGRAM, "--engine", "--seed", "1", "--rounds", "30", *sys.argv[1:]]).returncode)
