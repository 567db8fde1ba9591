#!/usr/bin/env python3
# vmrun: --timeout 600
"""ext2 from both sides: the guest uses disks the host made, the host's e2fsck
and debugfs look at what it leaves, after the machine was switched off, too.

    ext2.host.py [CASE...]
"""
import os
import random
import subprocess
import sys
import time

from hostcases import VMRUN, Failed, build, program, run_cases, tool

PROG = program("ext2")
CUTS = 12


def make(tmp, *options, size="24M"):
    tree = tmp + "/tree/host"
    os.makedirs(tree, exist_ok=True)
    with open(tree + "/file", "w", encoding="ascii") as f:
        f.write("from the host\n" * 1000)
    path = tmp + "/disk"
    tool("mke2fs", "-q", "-F", "-t", "ext2", *options, "-d", tmp + "/tree",
         path, size)
    return path


def command(disk, args, mem="128M", smp=4):
    return [VMRUN, "--timeout", "200", "--smp", str(smp), "--mem", mem,
            "--disk", disk, "--add", PROG + ":/bin/ext2", "--",
            "/bin/ext2", *args]


def run(disk, *args, **kw):
    r = subprocess.run(command(disk, args, **kw), stdin=subprocess.DEVNULL,
                       capture_output=True, text=True, errors="replace",
                       check=False)
    if r.returncode != 0:
        raise Failed(f"status {r.returncode}\n{r.stdout[-2000:]}"
                     f"{r.stderr[-3000:]}")


def contents(disk, name):
    return tool("debugfs", "-R", f"cat {name}", disk)


def fill(seed, n):
    out = bytearray()
    for _ in range(n):
        seed = (seed * 1103515245 + 12345) & 0xffffffff
        out.append(seed >> 16 & 0xff)
    return bytes(out)


def case_uses(tmp):
    """Each block size, large inodes and small, revision 0."""
    for options in (["-b", "1024"], ["-b", "2048", "-I", "128"],
                    ["-b", "4096"], ["-r", "0", "-b", "1024"],
                    ["-b", "1024", "-g", "2048", "-O",
                     "^sparse_super,^resize_inode"]):
        disk = make(tmp, *options)
        run(disk)
        tool("e2fsck", "-fn", disk)
        big = contents(disk, "big")
        want = b"".join(fill(at + 1, 65536)
                        for at in range(0, 3 << 20, 65536)) + \
            fill((3 << 20) + 1, 777)
        if big != want:
            raise Failed(f"{options}: the host reads other bytes")


def case_storm(tmp):
    """Many processes at once, with memory and without."""
    for options, mem in ((["-b", "1024"], "128M"), (["-b", "4096"], "24M")):
        disk = make(tmp, *options)
        run(disk, "storm", mem=mem)
        tool("e2fsck", "-fn", disk)


def case_cold(tmp):
    """Many read files at once of which not even the indirect blocks are in
    memory.
    """
    for options, smp in ((["-b", "1024"], 1), (["-b", "4096"], 4)):
        disk = make(tmp, *options, size="40M")
        run(disk, "cold", mem="64M", smp=smp)
        tool("e2fsck", "-fn", disk)


def check_cut(disk, last):
    """What was said to be safe is there: that, or what came next."""
    for slot in range(40):
        made = [i for i in range(max(0, last - 39), last + 1)
                if i % 40 == slot]
        if not made:
            continue
        got = contents(disk, f"cut{slot}")
        if got not in (fill(made[-1], 20000), fill(made[-1] + 40, 20000)):
            which = [i for i in range(slot, last + 2000, 40)
                     if fill(i, 20000) == got]
            raise Failed(f"cut{slot} of {last} has {len(got)} other bytes, "
                         f"those of {which}")


def runs(group):
    """Is a process of the group alive, other than as a zombie?"""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                state, _, pgrp = f.read().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(pgrp) == group and state != "Z":
            return True
    return False


def case_cut(tmp):
    """The machine stops at some moment; e2fsck repairs, nothing is lost."""
    for n in range(CUTS):
        disk = make(tmp, "-b", random.choice(["1024", "4096"]))
        with subprocess.Popen(command(disk, ["cut"]), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              start_new_session=True) as p:
            last, stop = -1, random.randrange(3, 120)
            for line in p.stdout:
                last = int(line)
                if last >= stop:
                    break
            time.sleep(random.random() / 100)
            os.killpg(p.pid, 9)
            log = p.stderr.read()
            while runs(p.pid):  # it may be writing still
                time.sleep(0.01)
        if last < stop:
            raise Failed(f"{n}: ended\n{log.decode(errors='replace')[-2000:]}")
        tool("e2fsck", "-fy", disk, ok=(0, 1))
        tool("e2fsck", "-fn", disk)
        check_cut(disk, last)


if __name__ == "__main__":
    build("ext2")
    run_cases(sys.modules["__main__"], sys.argv[1:])
