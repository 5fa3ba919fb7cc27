"""The broken builds of tests/faults/run --broken, with a fixed seed, as one test."""

import os
import sys

RUN = os.path.join(os.path.dirname(os.path.realpath(__file__)), "run")

os.execv(sys.executable, [sys.executable, RUN, "--broken", "--seed", "20261122"])
