#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 600
"""The vectors of Sigma and Falco: in reel."""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(os.path.dirname(HERE), "reference", "vectors.py")
sys.exit(subprocess.run([sys.executable, PROGRAM, "--engine", *sys.argv[1:]]).returncode)
