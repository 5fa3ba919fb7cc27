#!/usr/bin/python3
"""Each header compiles alone, so that nobody has to know what to include before it. One of the tests may want cmocka's.

    headers.py [ROOT]       compiles them as the build TERCET_BUILD compiles its files, prints what is wrong,
                            FILE:LINE: REASON, and exits 1 when there is anything"""

import concurrent.futures
import json
import os
import re
import shlex
import subprocess

import layers

PRELUDE = ("stdarg.h", "stddef.h", "setjmp.h", "stdint.h", "cmocka.h")
UNUSED = ("-Wno-unused-function", "-Wno-unused-variable")


def build_flags():
    """Of directories and definitions: what any file of the build has. One that is not the same everywhere is a file's own."""
    with open(os.path.join(os.environ["TERCET_BUILD"], "compile_commands.json"), encoding="utf-8") as file:
        words = {word: None for entry in json.load(file) for word in shlex.split(entry["command"])}
    flags = [word for word in words if re.match(r"-(I|D|std=)", word)]
    names = [word.split("=")[0] for word in flags]
    return [word for word, name in zip(flags, names) if not name.startswith("-D") or names.count(name) == 1]


def compile_alone(root, path, flags):
    prelude = [word for name in PRELUDE for word in ("-include", name)] if path.startswith("tests/") else []
    command = ["cc", "-fsyntax-only", "-Wall", "-Werror", *UNUSED, *flags, f"-I{root}", *prelude, "-include", path, "-xc",
               "/dev/null"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    errors = [line for line in done.stderr.split("\n") if re.search(r":\d+:.*\berror: ", line)]
    return errors[:1] if errors else [f"{path}:1: {done.stderr.strip()}"] if done.returncode else []


def findings(root, flags=None):
    flags = build_flags() if flags is None else flags
    paths = [path for folder in layers.FOLDERS + ("tests",) for path in layers.files(root, folder, (".h",))]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(lambda path: compile_alone(root, path, flags), paths):
            yield from found


if __name__ == "__main__":
    layers.report(findings)
