#!/usr/bin/python3
"""No function of the programs is longer than 60 lines, its signature and braces counted; no file of theirs is longer than
500 lines, and none of the tests is longer than 800.

    lengths.py [ROOT]       prints what is too long, FILE:LINE: REASON, and exits 1 when there is anything"""

import os
import sys

import layers

FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 500
TEST_LINES_MAX = 800


def functions(lines):
    """(first, last) line of each function, from 1: the formatter puts its braces into the first column."""
    opened = None
    for at, line in enumerate(lines):
        if line == "{":
            opened = at
        elif line == "}" and opened is not None:
            first = opened
            while first > 0 and lines[first - 1] and not lines[first - 1].startswith(("}", "#", "/*", " *")):
                first -= 1
            yield first + 1, at + 1
            opened = None


def too_long(path, lines, most):
    if len(lines) > most:
        yield f"{path}:1: a file of {len(lines)} lines, {most} are the most"


def findings(root):
    for path in layers.sources(root):
        lines = layers.text(root, path).splitlines()
        yield from too_long(path, lines, FILE_LINES_MAX)
        for first, last in functions(lines):
            if last - first + 1 > FUNCTION_LINES_MAX:
                yield f"{path}:{first}: a function of {last - first + 1} lines, {FUNCTION_LINES_MAX} are the most"
    for path in layers.files(root, "tests", (".c", ".h", ".py")):
        yield from too_long(path, layers.text(root, path).splitlines(), TEST_LINES_MAX)


if __name__ == "__main__":
    layers.report(findings)
