"""Faults from within a process: libraries of tests/faults/preload that are loaded before it and steered through a shared
page. `words` is what to put before the program's command."""

import mmap
import os
import struct

from faults import command, need

HERE = os.path.dirname(os.path.realpath(__file__))


def _library(directory, name):
    """Compiles it, once per directory."""
    need("cc")
    library = os.path.join(directory, f"{name}.so")
    if not os.path.exists(library):
        source = os.path.join(HERE, "preload", f"{name}.c")
        command("cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl")
    return library


class _Preload:
    def __init__(self, directory, library, variable, name, page_bytes):
        path = os.path.join(directory, f"{library}-{name}")
        with open(path, "wb") as file:
            file.truncate(page_bytes)
        with open(path, "r+b") as file:
            self._page = mmap.mmap(file.fileno(), page_bytes)
        # AddressSanitizer wants to be the first library; it works behind this one all the same.
        self.words = ["env", f"LD_PRELOAD={_library(directory, library)}", f"{variable}={path}",
                      "ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0"]


class Clock(_Preload):
    """The wall clock of one process, which can be stepped while it runs; its monotonic clock is left alone."""

    def __init__(self, directory, name):
        super().__init__(directory, "clock", "HARNESS_CLOCK", name, 8)

    def step(self, seconds):
        """Sets how far the clock is ahead; negative: behind."""
        self._page[:] = seconds.to_bytes(8, "little", signed=True)


class Failpoint(_Preload):
    """Ends one process at a chosen step of its work, or slows that step down, or makes the file system refuse an entry; the
    first process, where several share it."""

    _CONTROL = struct.Struct("<IIiIi16s128s")  # struct control of failpoints.c

    def __init__(self, directory, name):
        super().__init__(directory, "failpoints", "HARNESS_FAILPOINT", name, self._CONTROL.size)

    def _arm(self, call, place, after=False, countdown=1, delay_ms=0, error=0):
        self.disarm()
        fields = (0, after, countdown, delay_ms, error, call.encode(), place.encode())
        self._page[:] = self._CONTROL.pack(*fields)
        self._page[0] = 1

    def kill_at(self, call, place, after, countdown):
        """SIGKILL at the countdown-th match, before or after it is done."""
        self._arm(call, place, after, countdown)

    def delay(self, call, place, milliseconds):
        self._arm(call, place, delay_ms=milliseconds)

    def refuse(self, place, error):
        """Looking up, opening, moving and deleting what has such a path fails with this errno."""
        self._arm("entry", place, error=error)

    def disarm(self):
        self._page[0] = 0
