"""The faults. Each undoes itself by close() or at the end of a `with`, and says Unavailable where the machine lacks a
facility. Files of nodes are changed in place, as a bad disk would; networks and mounts are the harness's own."""

import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import subprocess
import time

from cluster import NODE_COUNT

CLONE_NEWNET = 0x40000000
SHUTDOWN_IOCTL = 0x8004587D  # _IOR('X', 125, u32): EXT4_IOC_SHUTDOWN, XFS_IOC_GOINGDOWN
SHUTDOWN_NO_LOG_FLUSH = 2


class Unavailable(Exception):
    """This machine cannot do that."""


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Unavailable(f"{program} is not installed")
    if os.geteuid() != 0:
        raise Unavailable("needs root")


def command(*argv):
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(argv)}: {done.stderr.strip()[-200:]}")
    return done.stdout


# ---- files


def flip(path, offset):
    """Inverts one bit in place."""
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 0x10]))


# ---- processes


class Injection:
    """strace on all threads of a process, which makes system calls fail, late, or deadly.

    what: as after `-e inject=`, for example "fdatasync,fsync:error=EIO" or "renameat2:signal=KILL:when=3"."""

    def __init__(self, program, what):
        need("strace")
        calls = what.split(":", 1)[0]
        self._strace = subprocess.Popen(
            ["strace", "-f", "-q", "-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={what}",
             "-p", str(program.process.pid)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )
        try:
            self._wait_attached(program)
        except BaseException:
            self.close()
            raise

    def _wait_attached(self, program):
        """Until strace is attached, or has done its work: the process may end at the first call that it meets."""
        deadline = time.monotonic() + 10
        while program.running() and time.monotonic() < deadline:
            if self._strace.poll() is not None:
                time.sleep(0.2)  # it may have ended because the process did, which is noticed a little later
                if program.running():
                    raise Unavailable(f"strace: {self._strace.stderr.read().decode()[-200:]}")
                return
            with open(f"/proc/{program.process.pid}/status") as status:
                if f"TracerPid:\t{self._strace.pid}" in status.read():
                    return
            time.sleep(0.02)
        if program.running():
            raise Unavailable("strace did not attach within 10 s")

    def close(self):
        if self._strace.poll() is None:
            self._strace.send_signal(signal.SIGINT)  # detaches
        self._strace.wait()
        self._strace.stderr.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


# ---- disks


class Disk:
    """A filesystem of its own below a data directory. kind: "tmpfs", or "ext4" in a file on a loop device."""

    def __init__(self, kind, size_mib, directory):
        need("mount", "umount", *(["mkfs.ext4"] if kind == "ext4" else []))
        self.kind, self.size_mib = kind, size_mib
        self.image = os.path.join(directory, f"disk-{id(self):x}.img")
        self.path = None
        if kind == "ext4":
            with open(self.image, "wb") as image:
                image.truncate(size_mib << 20)
            command("mkfs.ext4", "-q", "-m", "0", self.image)

    def attach(self, path):
        """Mounts it; what the directory held (nothing) is hidden."""
        self.path = path
        if self.kind == "tmpfs":
            command("mount", "-t", "tmpfs", "-o", f"size={self.size_mib}m", "tercet-test", path)
        else:
            command("mount", "-o", "loop", self.image, path)

    def cut_power(self):
        """From now on nothing reaches the disk, the journal's unwritten tail included."""
        fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(fd, SHUTDOWN_IOCTL, SHUTDOWN_NO_LOG_FLUSH.to_bytes(4, "little"))
        except OSError as error:
            raise Unavailable(f"shutdown ioctl: {error}") from error
        finally:
            os.close(fd)

    def remount(self):
        """What a machine does when power is back. All processes that used it must have ended."""
        command("umount", self.path)
        self.attach(self.path)

    def free_bytes(self):
        info = os.statvfs(self.path)
        return info.f_bavail * info.f_frsize

    def fill(self, leave_bytes=0):
        """Takes the free space with a file of ours, returns the function that gives it back. Others write meanwhile:
        when they were faster, what is left is looked at again."""
        ballast = os.path.join(self.path, "harness-ballast")
        for _ in range(100):
            info = os.statvfs(self.path)
            with open(ballast, "wb") as file, contextlib.suppress(OSError):
                os.posix_fallocate(file.fileno(), 0, max(4096, info.f_bavail * info.f_frsize - leave_bytes))
                return lambda: os.unlink(ballast)
        raise Unavailable(f"{self.path} cannot be filled")

    def close(self):
        if self.path:
            subprocess.run(["umount", "-l", self.path], capture_output=True)
            self.path = None
        if os.path.exists(self.image):
            os.unlink(self.image)


# ---- networks


class Network:
    """This process's main thread moves into a network namespace of its own, in which the gateway and the clients live;
    each node gets another one, joined to it by a veth pair. close() moves back."""

    def __init__(self):
        need("ip", "iptables", "unshare", "nsenter")
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self._holders = []
        if self._libc.unshare(CLONE_NEWNET) != 0:
            os.close(self._home)
            raise Unavailable(f"unshare: {os.strerror(ctypes.get_errno())}")
        try:
            command("ip", "link", "set", "lo", "up")
            with open("/proc/sys/net/ipv4/ip_forward", "w") as forward:
                forward.write("1")
            for number in range(1, NODE_COUNT + 1):
                self._join(number)
        except (OSError, Unavailable) as error:
            self.close()
            raise Unavailable(str(error)) from error

    def _join(self, number):
        holder = subprocess.Popen(["unshare", "-n", "sleep", "infinity"])
        self._holders.append(holder)
        home = os.readlink("/proc/thread-self/ns/net")
        deadline = time.monotonic() + 10
        while os.readlink(f"/proc/{holder.pid}/ns/net") == home and time.monotonic() < deadline:
            time.sleep(0.01)
        command("ip", "link", "add", f"veth{number}", "type", "veth", "peer", "name", "eth0", "netns", str(holder.pid))
        command("ip", "address", "add", f"10.77.{number}.1/24", "dev", f"veth{number}")
        command("ip", "link", "set", f"veth{number}", "up")
        inside = self.command(number)
        command(*inside, "ip", "link", "set", "lo", "up")
        command(*inside, "ip", "address", "add", f"{self.address(number)}/24", "dev", "eth0")
        command(*inside, "ip", "link", "set", "eth0", "up")
        command(*inside, "ip", "route", "add", "default", "via", f"10.77.{number}.1")

    @staticmethod
    def address(number):
        return f"10.77.{number}.2"

    def command(self, number):
        """What to put before a command that shall run where the node lives."""
        return ["nsenter", "-t", str(self._holders[number - 1].pid), "-n"]

    def cut(self, number, how):
        """how: "drop" both ways, "to" or "from" the node only, or "reset" (every packet is answered with RST)."""
        inside = [*self.command(number), "iptables", "-A", "INPUT", "-i", "eth0"]
        outside = ["iptables", "-A", "INPUT", "-i", f"veth{number}"]
        if how == "reset":
            command(*inside, "-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset")
            command(*outside, "-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset")
        if how in ("drop", "to"):
            command(*inside, "-j", "DROP")
        if how in ("drop", "from"):
            command(*outside, "-j", "DROP")

    def mend(self):
        command("iptables", "-F")
        for number in range(1, NODE_COUNT + 1):
            command(*self.command(number), "iptables", "-F")

    def close(self):
        for holder in self._holders:
            holder.kill()
            holder.wait()
        self._holders = []
        fd, self._home = self._home, None
        if fd is not None:
            self._libc.setns(fd, CLONE_NEWNET)
            os.close(fd)
