"""Scenarios in which much is under way, against the Release build: the bounds of memory are not those of the sanitizers."""

import os
import sys

RUN = os.path.join(os.path.dirname(os.path.realpath(__file__)), "run")
SCENARIOS = ["stop-node", "slow-uploads", "wiped-while-repairing"]

os.execv(sys.executable, [sys.executable, RUN, "--seed", "20261122", "--scenario", *SCENARIOS])
