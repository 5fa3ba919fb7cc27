#!/usr/bin/python3
"""What is public has a user: a function that a file of the programs exports is called or pointed to by another of their
files, or by its own and by a test. What tests alone use is listed here, with the reason.

    public.py [ROOT]       looks into the objects of the build TERCET_BUILD, prints what is public without need,
                           FILE: REASON, and exits 1 when there is anything"""

import json
import os
import re
import shlex
import subprocess

import layers

# File -> (functions that no program uses, why they are there).
FOR_TESTS = {
    "base/clock.c": ("clock_hold clock_release clock_skip_idle",
                     "tests move the clock, and read times of logs"),
    "base/context.c": ("context_swap", "in assembler; its own file calls it"),
    "compat/policy_public.c": ("policy_uses_key", "tags of objects, which are dear to find, are to come"),
    "compat/sigv4.c": ("sigv4_key_cache_init sigv4_key_cache_release",
                       "the gateway has one cache a thread, from zeros and for ever; tests have others"),
    "meta/store.c": ("store_iterator_last", "every implementation of the store has it"),
    "meta/settle.c": ("settle_waiting", "tests see that a thread waits before they go on"),
    "meta/store_memory.c": ("store_memory_crash store_memory_create store_memory_fail_reads store_memory_fail_syncs "
                            "store_memory_fail_writes store_memory_hide", "the store of tests"),
    "meta/store_rocks.c": ("store_rocks_database", "tests damage what is below the store"),
    "storage/node/chunk_delete.c": ("chunk_store_delete", "tests delete one chunk"),
    "storage/node/salvage.c": ("salvage_all", "tests do not wait for the thread"),
}
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def objects(build, root):
    """(source, object) of each file that is compiled."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        for entry in json.load(file):
            words = shlex.split(entry["command"])
            yield (os.path.relpath(os.path.realpath(entry["file"]), os.path.realpath(root)),
                   os.path.join(entry["directory"], words[words.index("-o") + 1]))


def symbols(paths):
    """Object -> (functions that it defines for others, names that it takes from others)."""
    found = {path: (set(), set()) for path in paths}
    text = subprocess.run(["nm", "-A", "-P", *paths], capture_output=True, text=True, check=True).stdout
    for line in text.split("\n"):
        words = line.split()
        if len(words) >= 3 and words[2] in "TU":
            found[words[0].rstrip(":")][words[2] == "U"].add(words[1])
    return found


def of_programs(source):
    return source.split("/")[0] in layers.FOLDERS


def why_not(root, source, name, tested):
    """Why the function, which no other file of the programs uses, should not be public; None when it may be."""
    code = COMMENT.sub("", layers.text(root, source))
    if name not in tested:
        return f"only this file uses {name}, which is not static"
    if len(re.findall(rf"\b{name}\b", code)) < 2:
        return f"tests alone use {name}"
    return None


def findings(root, build=None, for_tests=None):
    listed = {(path, name) for path, (names, _) in (FOR_TESTS if for_tests is None else for_tests).items()
              for name in names.split()}
    sources = {path: source for source, path in objects(build or os.environ["TERCET_BUILD"], root)}
    found = symbols([path for path in sources if os.path.exists(path)])
    used, tested = set(), set()
    for path, (_, taken) in found.items():
        (used if of_programs(sources[path]) else tested).update(taken)
    needless = {}
    for path, (defined, _) in found.items():
        for name in defined - used - {"main"} if of_programs(sources[path]) else ():
            needless[sources[path], name] = why_not(root, sources[path], name, tested)
    for (source, name), reason in sorted(needless.items()):
        if reason and (source, name) not in listed:
            yield f"{source}: {reason}"
    for source, name in sorted(pair for pair in listed if not needless.get(pair)):
        yield f"{source}: {name} need not be listed in public.py"


if __name__ == "__main__":
    layers.report(findings)
