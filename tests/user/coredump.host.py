#!/usr/bin/env python3
# vmrun: --timeout 240
"""Core files that tools of the host read: readelf, and gdb-multiarch where it
is installed.  The guest writes them to a disk; cases by name."""
import os
import re
import shutil
import subprocess
import sys

import hostcases
from hostcases import Failed, tool

READELF = "riscv64-linux-gnu-readelf"


def dump(tmp, how, limit="unlimited"):
    """Let a program die in the guest, with its core file on a disk of ext2."""
    disk = os.path.join(tmp, "disk")
    with open(disk, "wb") as f:
        f.truncate(256 << 20)
    tool("mke2fs", "-q", "-F", disk)
    script = ("mkdir /m && mount -t ext2 /dev/vda /m && cd /m && "
              f"ulimit -c {limit} && /t/coredump {how}; "
              "echo status $?; cd / && umount /m")
    r = subprocess.run(
        [hostcases.VMRUN, "--timeout", "120", "--mem", "192M", "--disk", disk,
         "--add", hostcases.program("coredump") + ":/t/coredump",
         "--", "/bin/sh", "-c", script],
        capture_output=True, text=True, check=False)
    if "(core dumped)" not in r.stdout + r.stderr:
        raise Failed("no core file: " + r.stdout + r.stderr[-1500:])
    tool("e2fsck", "-fn", disk)
    core = os.path.join(tmp, "core")
    tool("debugfs", "-R", f"dump core {core}", disk)
    return core, r.stdout


def segments(core):
    """(address, bytes in the file, bytes in memory, flags) of each."""
    text = tool(READELF, "-lW", core).decode()
    return [(int(m[1], 16), int(m[2], 16), int(m[3], 16), m[4].strip())
            for m in re.finditer(
                r"LOAD +0x[0-9a-f]+ (0x[0-9a-f]+) 0x[0-9a-f]+ "
                r"(0x[0-9a-f]+) (0x[0-9a-f]+) ([RWE ]+)0x", text)]


def expect(what, text, *patterns):
    for p in patterns:
        if not re.search(p, text):
            raise Failed(f"{what}: no {p!r} in\n{text[-3000:]}")


def gdb(core, *commands):
    """What gdb prints; None: it is not installed."""
    if shutil.which("gdb-multiarch") is None:
        return None
    args = ["gdb-multiarch", "-nx", "-batch"]
    for c in commands:
        args += ["-ex", c]
    return tool(*args, hostcases.program("coredump"), core).decode()


def case_readelf(tmp):
    """Headers, notes and segments; nothing to complain about."""
    core, out = dump(tmp, "crash")
    expect("status", out, r"status 139")
    r = subprocess.run([READELF, "-hlnW", core], capture_output=True,
                       text=True, check=True)
    if "arning" in r.stdout + r.stderr or "rror" in r.stderr:
        raise Failed(r.stdout + r.stderr)
    expect("readelf", r.stdout, r"Type: +CORE", r"Machine: +RISC-V",
           r"NT_PRSTATUS", r"NT_PRPSINFO", r"NT_SIGINFO", r"NT_AUXV",
           r"NT_FPREGSET|NT_PRFPREG")
    segs = segments(core)
    if sum(a <= 0x2000000000 < a + n for a, n, _, _ in segs) != 1:
        raise Failed(f"the pattern is not in one segment: {segs}")
    if any("E" in f for _, _, _, f in segs):
        raise Failed(f"text is in the file: {segs}")
    with open(core, "rb") as f:
        # the program has the string in its text, which is not there either
        if b"nobody is to read this" in f.read():
            raise Failed("memory of MADV_DONTDUMP is in the file")


def case_gdb(tmp):
    """Registers, memory, and where it died."""
    core, _ = dump(tmp, "crash")
    out = gdb(core, "info registers pc s10 sp", "p $fs0", "x/4xb 0x2000000000",
              "x/s 0x2300000000", "x/2dw 0x2100000000", "bt", "info auxv",
              "x/i $pc", "p $_siginfo.si_signo")
    if out is None:
        print("# gdb-multiarch is not installed: skipped")
        return
    expect("gdb", out, r"SIGSEGV", r"s10 +0x1234567890", r"2\.5",
           r"0x2000000000:\s+0x01\s+0x08\s+0x0f\s+0x16", r'"closed"',
           r"0x2100000000:\s+0\s+0", r"#0 .*", r"AT_ENTRY",
           r"sd\s+s10,0\(", r"= 11")


def case_threads(tmp):
    """All threads, with their registers."""
    core, _ = dump(tmp, "threads")
    out = gdb(core, "info threads", "thread apply all p/x $s11")
    if out is None:
        print("# gdb-multiarch is not installed: skipped")
        return
    expect("gdb", out, r"0x5eed001", r"0x5eed002", r"0x5eed003")
    if len(re.findall(r"LWP \d+", out.split("Thread ")[0])) < 4:
        raise Failed("not four threads:\n" + out)


def case_limit(tmp):
    """ulimit -c counts 512 bytes; what is left is a core file."""
    core, _ = dump(tmp, "abort", "200")
    size = os.path.getsize(core)
    if not 4096 < size <= 200 * 512:
        raise Failed(f"{size} bytes")
    expect("readelf", tool(READELF, "-hn", core).decode(), r"CORE",
           r"NT_PRSTATUS")


if __name__ == "__main__":
    hostcases.build("coredump")
    hostcases.run_cases(sys.modules[__name__], sys.argv[1:])
