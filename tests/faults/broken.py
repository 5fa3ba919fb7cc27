"""Deliberately broken builds: each takes one guarantee away, and the harness must notice it.

broken/NAME.patch changes a copy of the sources, which lives with its build below build/broken, so that only what the
patch touches is compiled anew. Each build runs the one scenario that must catch it; the unpatched build must pass that
scenario with the same seed. A patch that no longer applies or compiles is a failure.
"""

import filecmp
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass

from runner import run_scenario

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.realpath(os.path.join(HERE, "..", ".."))
NOT_SOURCES = {"node_modules", "python_modules", "java_modules", "__pycache__"}
LEFT_OUT = NOT_SOURCES | {"build", "data", "secrets", ".git"}  # of the tree's root
TARGETS = "tercet-gateway tercet-node"


@dataclass(frozen=True)
class Build:
    name: str  # of the patch
    scenario: str
    found: str  # what the harness must report: a pattern for one of the failures


BUILDS = (
    Build("skip-sync", "power-loss", r"^lost: .*(cannot be read at the end|absent)"),
    Build("commit-before-chunks", "crash-slow-disks", r"^lost: .*cannot be read at the end"),
    Build("one-copy", "two-wiped", r"^lost: .*cannot be read at the end"),
    Build("no-checksum", "bit-flips", r"^mixed: .*damaged byte"),
    Build("gc-ignores-readers", "slow-readers", r"^slow reader of .*: \d+ bytes instead of"),
)


class Broken(Exception):
    """The check itself cannot be made: a patch or a build failed."""


def _copy_tree(source, target):
    """Makes target the same as source; what is the same already keeps its time of change."""
    os.makedirs(target, exist_ok=True)
    wanted = set(os.listdir(source)) - (LEFT_OUT if source == ROOT else NOT_SOURCES)
    for name in set(os.listdir(target)) - wanted:
        path = os.path.join(target, name)
        shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
    for name in wanted:
        old, new = os.path.join(source, name), os.path.join(target, name)
        if os.path.isdir(old):
            _copy_tree(old, new)
        elif not (os.path.exists(new) and filecmp.cmp(old, new, shallow=False)):
            shutil.copy(old, new)


class Workshop:
    """The copy of the sources and its build."""

    def __init__(self):
        self.folder = os.environ.get("TERCET_BROKEN", os.path.join(ROOT, "build", "broken"))
        self.sources = os.path.join(self.folder, "src")
        self.build = os.path.join(self.folder, "build")

    def make(self, patch=None):
        """Builds both programs from the sources as they are, or with the patch."""
        _copy_tree(ROOT, self.sources)
        if patch:
            path = os.path.join(HERE, "broken", f"{patch}.patch")
            words = ["patch", "-p1", "-s", "-F0", "-d", self.sources, "-i", path, "--no-backup-if-mismatch", "-r-"]
            self._command(f"{patch}.patch does not apply any more", words)
        words = [os.path.join(self.sources, "tests", "lib", "build"), self.build, TARGETS, "-DCMAKE_BUILD_TYPE=Debug"]
        self._command(f"the build {patch or 'without a patch'} failed", words)

    @staticmethod
    def _command(problem, words):
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            raise Broken(f"{problem}:\n{(done.stdout + done.stderr)[-2000:]}")

    def run(self, build, seed):
        os.environ["TERCET_BUILD"] = self.build
        return run_scenario(build.scenario, seed)


def _judge_broken(build, result):
    """(passed, what is to be said)."""
    if result.skipped and not result.failures:
        return True, f"skipped: {result.skipped}"
    caught = [failure for failure in result.failures if re.search(build.found, failure, re.MULTILINE)]
    if caught:
        return True, f"caught by {build.scenario}, {len(result.failures)} failures: {caught[0][:150]}"
    return False, f"NOT CAUGHT by {build.scenario}: {result.failures or 'no failure'}"


def _judge_sound(build, result):
    if result.failures:
        return False, f"FAILED without a patch in {build.scenario}: {result.failures[0]}"
    return True, f"skipped: {result.skipped}" if result.skipped else f"ok in {build.scenario}"


def _say(name, begun, text):
    print(f"{name:24} {time.monotonic() - begun:5.0f} s  {text}", flush=True)


def check(seed, names=None):
    """Runs all (or the named) builds and prints what became of each. Returns whether every one was caught."""
    workshop, good = Workshop(), True
    chosen = [build for build in BUILDS if not names or build.name in names]
    for build in chosen:
        begun = time.monotonic()
        try:
            workshop.make(build.name)
            passed, text = _judge_broken(build, workshop.run(build, seed))
        except Broken as problem:
            passed, text = False, str(problem)
        good = good and passed
        _say(build.name, begun, text)
    begun = time.monotonic()
    try:
        workshop.make()
    except Broken as problem:
        _say("sound", begun, str(problem))
        return False
    for build in chosen:
        begun = time.monotonic()
        passed, text = _judge_sound(build, workshop.run(build, seed))
        good = good and passed
        _say("sound", begun, text)
    return good
