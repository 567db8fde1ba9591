#!/usr/bin/env python3
# vmrun: --timeout 900
"""The writer daemon: the host makes disks, and looks at them when the guest was
switched off, or has written more than it has memory.

    writer.host.py [CASE...]
"""
import shlex
import subprocess
import sys

from hostcases import (VMRUN, Failed, become_subreaper, build, kill_all,
                       program, run_cases, tool)

PROG = program("writer")


def make(tmp, size):
    disk = tmp + "/disk"
    tool("mke2fs", "-q", "-F", "-t", "ext2", "-b", "4096", disk, size)
    return disk


def command(disk, args, mem, smp, *options):
    return [VMRUN, "--timeout", "280", "--smp", str(smp), "--mem", mem,
            "--disk", disk, *options, "--add", PROG + ":/bin/writer", "--",
            "/bin/writer", *args]


def run(disk, args, mem, smp, *options):
    cmd = command(disk, args, mem, smp, *options)
    r = subprocess.run(cmd, stdin=subprocess.DEVNULL, capture_output=True,
                       text=True, errors="replace", check=False)
    if r.returncode != 0:
        raise Failed(f"status {r.returncode}\n{shlex.join(cmd)}\n"
                     f"{r.stdout[-2000:]}{r.stderr[-3000:]}")
    print(f"# {smp} harts: {r.stdout.strip()}")


def run_and_cut(disk, arg, smp):
    """The power goes when the program says that all is safe."""
    with subprocess.Popen(command(disk, [arg], "64M", smp),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE,
                          start_new_session=True) as p:
        line = p.stdout.readline()
        kill_all(p)
        log = p.stderr.read().decode(errors="replace")
    if line.strip() != b"safe":
        raise Failed(f"{smp} harts: says {line}\n{log[-3000:]}")
    tool("e2fsck", "-fy", disk, ok=(0, 1))


def case_each(tmp):
    """What was written with O_SYNC, RWF_DSYNC and so on is there."""
    for smp in (1, 2, 4):
        disk = make(tmp, "24M")
        run_and_cut(disk, "each", smp)
        for name in ("o_sync", "o_dsync", "rwf_sync", "rwf_dsync"):
            text = tool("debugfs", "-R", "cat " + name, disk)
            if text != b"this is safe\n":
                raise Failed(f"{smp} harts: {name} holds {text}")


def case_age(tmp):
    """Nobody syncs, and the power goes: names and data are there."""
    for smp in (1, 2, 4):
        disk = make(tmp, "24M")
        run_and_cut(disk, "age", smp)
        if tool("debugfs", "-R", "cat dir/file", disk) != b"nobody asked\n":
            raise Failed(f"{smp} harts: the file is not there")
        if len(tool("debugfs", "-R", "cat mapped", disk).strip(b"\0")) < 260000:
            raise Failed(f"{smp} harts: what was stored is not there")


def case_big(tmp):
    """Four times the memory, and the others get some."""
    for smp in (1, 2, 4):
        disk = make(tmp, "160M")
        run(disk, ["big", "128"], "32M", smp)
        tool("e2fsck", "-fn", disk)


def case_half(tmp):
    """More than memory, half of it in a file."""
    for smp in (1, 2, 4):
        disk = make(tmp, "32M")
        run(disk, ["half", "12", "12", "600"], "24M", smp, "--swap", "64M")
        tool("e2fsck", "-fn", disk)


def case_text(tmp):
    """The same, beside a program that sleeps: its text has a minimum, too."""
    for smp in (1, 2, 4):
        disk = make(tmp, "64M")
        run(disk, ["text", "20", "20"], "36M", smp, "--swap", "128M")
        tool("e2fsck", "-fn", disk)


def case_advice(tmp):
    """madvise, mincore, MAP_POPULATE."""
    for smp in (1, 4):
        disk = make(tmp, "24M")
        run(disk, ["advice"], "64M", smp)
        tool("e2fsck", "-fn", disk)


if __name__ == "__main__":
    build("writer")
    become_subreaper()
    run_cases(sys.modules["__main__"], sys.argv[1:])
