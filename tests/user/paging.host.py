#!/usr/bin/env python3
# vmrun: --timeout 2400
"""Paging, from both sides: loads larger than memory, disks that fail (QEMU's
blkdebug), swap and memory full, and what the host finds in the image.

    paging.host.py [--long] [CASE...]

--long: more rounds and more data.
"""
import os
import re
import shlex
import struct
import subprocess
import sys
import time

from hostcases import VMRUN, Failed, build, program, run_cases, tool

PROG = program("paging")
MIB, PAGE = 1 << 20, 4096
EIO = 5
LONG = False


def run(args, guest, smp=1, mem="32M"):
    """Output and log of a load, which must succeed."""
    cmd = [VMRUN, "--timeout", "600", "--smp", str(smp), "--mem", mem,
           "--add", PROG + ":/bin/paging", *args, "--", "/bin/paging",
           *[str(g) for g in guest]]
    r = subprocess.run(cmd, stdin=subprocess.DEVNULL, capture_output=True,
                       text=True, errors="replace", check=False)
    if r.returncode != 0:
        raise Failed(f"status {r.returncode}\n{shlex.join(cmd)}\n"
                     f"{r.stdout[-2000:]}{r.stderr[-3000:]}")
    return r.stdout, r.stderr


def check(what, holds, text=""):
    if not holds:
        raise Failed(f"does not hold: {what}\n{text[-3000:]}")


def numbers(out):
    """What the load reports: ok, bus, killed, retired, out, writes, in."""
    m = re.search(r"^ok (\d+) bus (\d+) killed (\d+) retired (-?\d+) "
                  r"out (\d+) writes (\d+) in (\d+)$", out, re.M)
    if not m:
        raise Failed(f"no report in\n{out[-2000:]}")
    return dict(zip(("ok", "bus", "killed", "retired", "out", "writes", "in"),
                    map(int, m.groups())))


def image(path, size):
    with open(path, "wb") as f:
        f.truncate(size)
    return path


# -- Disks that fail -----------------------------------------------------------

def inject(event, iotype=None, state=None, sector=None, once=False):
    lines = ["[inject-error]", f'event = "{event}"', f'errno = "{EIO}"',
             f'once = "{"on" if once else "off"}"']
    for name, value in (("iotype", iotype), ("state", state),
                        ("sector", sector)):
        if value is not None:
            lines.append(f'{name} = "{value}"')
    return "\n".join(lines) + "\n"


def step(event, state):
    return (f'[set-state]\nevent = "{event}"\nstate = "{state}"\n'
            f'new_state = "{state + 1}"\n')


def some_fail(event, iotype, which, count):
    """Of the first `count' requests, those that `which' says fail."""
    rules = []
    for n in range(1, count + 1):
        if which(n):
            rules.append(inject(event, iotype, n, once=True))
        rules.append(step(event, n))
    return "".join(rules)


def region_fails(event, iotype, first, pages):
    """A region of the disk cannot be read, or written."""
    return "".join(inject(event, iotype, sector=p * 8)
                   for p in range(first, first + pages))


def gone_after(event, count):
    """Nothing works any more after so many requests."""
    return "".join(step(event, n) for n in range(1, count + 1)) + \
        inject(event, state=count + 1)


def bad_disk(tmp, size, rules):
    path, conf = image(tmp + "/bad", size), tmp + "/blk.conf"
    with open(conf, "w", encoding="ascii") as f:
        f.write(rules)
    return ["--append", "swap=vda", "--qemu",
            f"-drive driver=raw,file.driver=blkdebug,file.config={conf},"
            f"file.image.driver=file,file.image.filename={path},if=none,"
            "id=d0,cache.direct=off,cache.no-flush=on", "--qemu",
            "-device virtio-blk-device,drive=d0,werror=report,rerror=report"]


# -- Cases ----------------------------------------------------------------------

def case_eight(tmp):
    """Eight times the memory, on 1 and 4 harts, alone and four at once."""
    del tmp
    for smp, procs in ((1, 1), (4, 4)):
        # several harts wait for each other, and for a host with less of them
        size = 256 if LONG or smp == 1 else 64
        out, _ = run(["--swap", "400M"], ["work", size // procs, procs], smp)
        n = numbers(out)
        # what 32 MiB of memory do not hold has to be somewhere
        check(f"16 pages per write, but for the last: {n}",
              n["out"] >= 15 * n["writes"] and
              n["out"] >= (size - 32) * 256)


def case_fork(tmp):
    """Twice the memory, shared by parent and child, which change it."""
    del tmp
    for smp in (1, 4) if LONG else (1, 2):
        run(["--swap", "192M"], ["fork", 64], smp)


def case_write_errors(tmp):
    """Writes fail now and then: nothing is lost, slots are not used again."""
    rules = some_fail("write_aio", "write", lambda n: n % 7 == 0, 1500)
    out, err = run(bad_disk(tmp, 128 * MIB, rules), ["work", 24, 2], 2)
    n = numbers(out)
    check("all live, slots retired", n["ok"] == 2 and n["retired"] >= 16,
          out + err)


def case_write_region(tmp):
    """A region cannot be written: its slots are retired, and no others."""
    rules = region_fails("write_aio", "write", 1000, 40)
    out, err = run(bad_disk(tmp, 128 * MIB, rules), ["work", 24, 2], 2)
    n = numbers(out)
    # those that share a request with a bad one may be tried alone or retired
    check("all live, the region retired",
          n["ok"] == 2 and 40 <= n["retired"] <= 40 + 2 * 15, out + err)


def case_read_errors(tmp):
    """Reads fail: who needed the page gets SIGBUS, the others go on, and what
    is read alone after a cluster that failed is not lost.
    """
    rules = some_fail("read_aio", "read", lambda n: n in (60, 61, 400), 500)
    out, err = run(bad_disk(tmp, 128 * MIB, rules), ["lossy", 40, 6, "now"])
    n = numbers(out)
    check("some die, each of a page", 1 <= n["bus"] <= 3 and
          n["ok"] == 6 - n["bus"] and n["retired"] == n["bus"], out + err)


def case_read_page(tmp):
    """Three pages cannot be read: who needs one gets SIGBUS, nobody else."""
    rules = "".join(region_fails("read_aio", "read", page, 1)
                    for page in (700, 1500, 3100))
    out, err = run(bad_disk(tmp, 128 * MIB, rules), ["lossy", 14, 6], 2)
    n = numbers(out)
    # a slot may also be given up before anybody reads it
    check("one dies of one page", 1 <= n["bus"] <= 3 and
          n["ok"] == 6 - n["bus"], out + err)
    check("its slot is not used again", n["retired"] >= n["bus"], out + err)


def case_gone(tmp):
    """The disk does not answer any more: the kernel goes on without it."""
    rules = gone_after("write_aio", 400)
    out, err = run(bad_disk(tmp, 128 * MIB, rules), ["lossy", 16, 4], 2)
    n = numbers(out)
    # whether somebody asks for a lost page before memory is short is chance
    check("some ended by SIGBUS or because memory was short, not all",
          1 <= n["bus"] + n["killed"] == 4 - n["ok"] and n["killed"] < 4,
          out + err)


def case_hogs(tmp):
    """Memory and swap are full eight times; each time one hog dies, with a
    message, and a new shell answers within two seconds of the machine's time,
    which is instructions, whatever else the host does.
    """
    del tmp
    out, err = run(["--swap", "48M", "--qemu", "-icount shift=1,sleep=on"],
                   ["hogs", 8])
    pids = re.findall(r"^hog (\d+)$", out, re.M)
    killed = re.findall(r"oom: killed pid (\d+) \(paging\): (\d+) KiB "
                        r"resident, (\d+) KiB swapped", err)
    check("each of eight is killed once, and named",
          sorted(pids) == sorted(k[0] for k in killed) and len(pids) == 8,
          out + err)
    check("nobody else is killed", len(re.findall("oom: killed", err)) == 8,
          err)
    check("the first had something in swap", int(killed[0][2]) > 0, err)
    m = re.search(r"asked (\d+) worst (\d+) ms", out)
    check("the shell answered in time", m and int(m[1]) > 8 and
          int(m[2]) <= 2000, out)


def case_marker(tmp):
    """What programs had in memory is not to be found on the disk."""
    path, text = image(tmp + "/swap", 96 * MIB), "TheQuickBrownFoxIsSecret"
    out, _ = run(["--swap", path], ["marker", 48, text])
    check("paged", numbers(out)["out"] > 16 * MIB // PAGE)
    with open(path, "rb") as f:
        data = f.read()
    check("no marker on disk", data.find(text[:8].encode()) < 0)
    written = sum(any(data[i:i + 64]) for i in range(0, len(data), PAGE))
    check(f"{written} pages written", written > 16 * MIB // PAGE)
    check("pages of the same text differ", len(
        {data[i:i + 16] for i in range(0, len(data), PAGE)}) >= written)


def mkswap(path, size, bad):
    """An image that mkswap made, with pages on its list of bad ones."""
    image(path, size)
    tool("mkswap", "-L", "paging", path)
    with open(path, "r+b") as f:
        f.seek(1024)
        version, last, nbad = struct.unpack("<III", f.read(12))
        check("mkswap's header", (version, last, nbad) ==
              (1, size // PAGE - 1, 0))
        f.seek(1032)
        f.write(struct.pack("<I", len(bad)))
        f.seek(1536)
        f.write(struct.pack(f"<{len(bad)}I", *bad))
        for page in bad:
            f.seek(page * PAGE)
            f.write(f"bad {page} ".encode() * 256)


def case_mkswap(tmp):
    """Bad pages of mkswap's list are not written, nor is the header; all
    others are used when the device is full.
    """
    size, bad, path = 8 * MIB, [1, 7, 8, 9, 500, 1024, 2047], tmp + "/swap"
    mkswap(path, size, bad)
    with open(path, "rb") as f:
        before = f.read()
    out, err = run(["--swap", path], ["full", 9])
    slots = size // PAGE - 1 - len(bad)
    check(f"{slots} slots, all used",
          f"slots {slots} used {slots}\n" in out, out + err)
    with open(path, "rb") as f:
        after = f.read()
    for page in range(size // PAGE):
        same = before[page * PAGE:page * PAGE + PAGE] == \
            after[page * PAGE:page * PAGE + PAGE]
        check(f"page {page} {'written' if not same else 'as it was'}",
              same == (page == 0 or page in bad))


def main():
    global LONG
    names = sys.argv[1:]
    if "--long" in names:
        names.remove("--long")
        LONG = True
    build("paging")
    run_cases(sys.modules[__name__], names)


if __name__ == "__main__":
    main()
