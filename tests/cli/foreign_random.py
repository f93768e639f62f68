#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 600
"""Random rules of Sigma and Falco: the slow evaluators against reel."""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(os.path.dirname(HERE), "reference", "random_foreign.py")
sys.exit(subprocess.run([sys.executable, PROGRAM, "--seed", "1", "--rounds", "15", *sys.argv[1:]]).returncode)
