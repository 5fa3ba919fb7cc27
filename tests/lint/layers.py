#!/usr/bin/python3
"""The layers of the tree: which folder may include which, and which library belongs to one folder alone.

    layers.py [ROOT]       prints what is not allowed, FILE:LINE: REASON, and exits 1 when there is anything"""

import os
import re
import sys

FOLDERS = ("base", "compat", "gateway", "meta", "storage", "tools")
ALLOWED = {
    "base": ("base",),
    "compat": ("base", "compat"),
    "meta": ("base", "meta"),
    "storage": ("base", "storage"),
    "gateway": ("base", "compat", "meta", "storage", "gateway"),
    "tools": ("base", "compat", "tools"),
}
# Within a layer: files below the first never include files below the second.
APART = (
    ("storage/node/", "storage/cluster/"),
    ("storage/cluster/", "storage/node/"),
    ("gateway/", "storage/node/"),
    ("gateway/files/", "gateway/s3/"),
)
# Headers of other people's libraries, and where alone they may be included.
OWNERS = (
    (re.compile(r"rocksdb/"), re.compile(r"base/rocks")),
    (re.compile(r"h2o"), re.compile(r"base/")),
    (re.compile(r"curl/"), re.compile(r"base/")),
    (re.compile(r"libxml/"), re.compile(r"compat/")),
)
INCLUDE = re.compile(r'\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)')


# Other people's, fetched for the tests.
FETCHED = ("node_modules", "python_modules")


def files(root, folder, endings):
    for path, folders, names in os.walk(os.path.join(root, folder)):
        folders[:] = sorted(set(folders) - set(FETCHED))
        for name in sorted(names):
            if name.endswith(endings):
                yield os.path.relpath(os.path.join(path, name), root)


def sources(root):
    for folder in FOLDERS:
        yield from files(root, folder, (".c", ".h"))


def text(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def why_not(path, own, foreign):
    """Why the file may not include that; None when it may."""
    if foreign:
        for header, owner in OWNERS:
            if header.match(foreign) and not owner.match(path):
                return f"<{foreign}> is not for this folder"
        return None
    layer, other = path.split("/")[0], own.split("/")[0]
    if other not in ALLOWED[layer]:
        return f"{layer}/ may not include {own}"
    for one, apart in APART:
        if path.startswith(one) and own.startswith(apart):
            return f"{one} may not include {own}"
    return None


def findings(root):
    for path in sources(root):
        for number, line in enumerate(text(root, path).split("\n"), 1):
            match = INCLUDE.match(line)
            reason = why_not(path, *match.groups()) if match else None
            if reason:
                yield f"{path}:{number}: {reason}"


def report(find):
    """The program of a lint: prints what find(root) yields, and exits 1 when there is anything."""
    found = list(find(sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "../..")))
    print("\n".join(found))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    report(findings)
