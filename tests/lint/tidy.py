#!/usr/bin/python3
"""clang-tidy finds nothing in the programs of what .clang-tidy names.

    tidy.py [ROOT]      reads them with the flags of the build TERCET_BUILD, prints what is wrong, FILE:LINE: REASON,
                        and exits 1 when there is anything"""

import concurrent.futures
import os
import re
import subprocess

import layers

FILES_A_RUN = 8


def run(root, paths, arguments):
    command = ["clang-tidy", "--quiet", *paths, *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    found = re.findall(r"^(?:\S*/)?((?:%s)/\S+:\d+):\d+: (?:warning|error): (.*)$" % "|".join(layers.FOLDERS), done.stdout,
                       re.MULTILINE)
    if done.returncode and not found:
        return [f"{paths[0]}:1: clang-tidy ended with {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}"]
    return [f"{place}: {reason}" for place, reason in found]


def findings(root, arguments=None):
    arguments = ["-p", os.environ["TERCET_BUILD"]] if arguments is None else arguments
    paths = [path for folder in layers.FOLDERS for path in layers.files(root, folder, (".c",))]
    groups = [paths[at:at + FILES_A_RUN] for at in range(0, len(paths), FILES_A_RUN)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(lambda group: run(root, group, arguments), groups):
            yield from found


if __name__ == "__main__":
    layers.report(findings)
