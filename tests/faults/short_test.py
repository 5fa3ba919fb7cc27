"""A part of the short form of tests/faults/run, with a fixed seed, as one test: short_test.py K/N."""

import os
import sys

RUN = os.path.join(os.path.dirname(os.path.realpath(__file__)), "run")

os.execv(sys.executable, [sys.executable, RUN, "--short", "--seed", "20261122", "--part", sys.argv[1]])
