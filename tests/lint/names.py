#!/usr/bin/python3
"""A name means one thing in all programs: a public function is declared in one header and defined in one file, and no two
structs, unions or enums have the same name.

    names.py [ROOT]       prints what has two meanings, FILE:LINE: REASON, and exits 1 when there is anything"""

import re

import layers

# The formatter has what is not within anything else begin in the first column. Not for uniqueness: what is static.
TYPE = re.compile(r"(?:struct|union|enum) (\w+) \{")
FUNCTION = re.compile(r"(?!static\b|typedef\b|extern\b|return\b|else\b)(?:[a-z_]\w*[ *]+)+\**(\w+)\(")


def meanings(path, text):
    """(kind, name, line) of what the file gives a meaning to."""
    for number, line in enumerate(text.split("\n"), 1):
        match = TYPE.match(line)
        if match:
            yield "type", match.group(1), number
        match = FUNCTION.match(line)
        if match and match.group(1) != "main":
            yield "declaration" if path.endswith(".h") else "function", match.group(1), number


def findings(root):
    first = {}
    for path in layers.sources(root):
        for kind, name, number in meanings(path, layers.text(root, path)):
            other = first.setdefault((kind, name), f"{path}:{number}")
            if other != f"{path}:{number}":
                yield f"{path}:{number}: {name} is at {other}, too"


if __name__ == "__main__":
    layers.report(findings)
