#!/usr/bin/env python3
# vmrun: --timeout 600
"""ext2 from both sides: the guest uses disks the host made, the host's e2fsck
and debugfs look at what it leaves, after the machine was switched off, too.

    ext2.host.py [CASE...]
    ext2.host.py --cuts 300 [--seed N]      # that many power cuts, in no hurry

A power cut is QEMU killed.  What it gives on a disk between two flushes is what
QEMU had written by then, in that order; orders that differ are tried on the
host (make test-host T=ext2_power_cuts) and in the simulator.
"""
import argparse
import os
import random
import struct
import subprocess
import sys
import tempfile
import time

from hostcases import (VMRUN, Failed, become_subreaper, build, kill_all,
                       program, run_cases, tool)

PROG = program("ext2")
CUTS = 6                        # of each kind


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
            *disk, "--add", PROG + ":/bin/ext2", "--", "/bin/ext2", *args]


def run(disk, *args, **kw):
    r = subprocess.run(command(["--disk", disk], args, **kw), stdin=subprocess.DEVNULL,
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


def case_shared(tmp):
    """One file, stored to by two processes on two harts, and written to by a
    third, all at once: one content, after a remount and for the host too."""
    for options in (["-b", "1024"], ["-b", "4096"]):
        disk = make(tmp, *options)
        run(disk, "shared", smp=4)
        tool("e2fsck", "-fn", disk)
        want = struct.pack("<65536Q", *((i + 1) * 2654435761 + 30
                                        for i in range(65536)))
        if contents(disk, "shared") != want:
            raise Failed(f"{options}: the host reads other bytes")


def case_half(tmp):
    """A page that gets some of its blocks only, as the disk is full."""
    disk = make(tmp, "-b", "1024")
    run(disk, "half")
    tool("e2fsck", "-fn", disk)


def slow_disk(disk, what, rate):
    """Options of vmrun for a disk that does so many a second of what, "read" or
    "write", so that most of the time the guest is in the middle of some."""
    return ["--qemu", f"-drive file={disk},format=raw,if=none,id=slow,"
            f"throttling.iops-{what}={rate} "
            "-device virtio-blk-device,drive=slow"]


def case_readers(tmp):
    """More readers at once than the file system has requests of its own."""
    disk = make(tmp, "-b", "1024")
    r = subprocess.run(command(slow_disk(disk, "read", 200), ["readers"]),
                       stdin=subprocess.DEVNULL, capture_output=True,
                       text=True, errors="replace", check=False)
    if r.returncode != 0:
        raise Failed(f"status {r.returncode}\n{r.stderr[-3000:]}")
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


def cut(cmd, stop, delay):
    """Let the guest run until it has said the number stop, and a moment more.
    => the last number seen
    """
    with subprocess.Popen(cmd, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          start_new_session=True) as p:
        last = -1
        for line in p.stdout:
            last = int(line)
            if last >= stop:
                break
        time.sleep(delay)
        kill_all(p)
        log = p.stderr.read()
    if last < stop:
        raise Failed(f"ended\n{log.decode(errors='replace')[-2000:]}")
    return last


def case_cut(tmp):
    """The machine stops at some moment; e2fsck repairs, nothing is lost."""
    for _ in range(CUTS):
        disk = make(tmp, "-b", random.choice(["1024", "4096"]))
        last = cut(command(["--disk", disk], ["cut"]),
                   random.randrange(3, 120), random.random() / 100)
        tool("e2fsck", "-fy", disk, ok=(0, 1))
        tool("e2fsck", "-fn", disk)
        check_cut(disk, last)


# -- A random tree: the guest's operations, done here in memory ----------------

class File:
    """What was written; gone: without a name for a while, or changed."""

    def __init__(self):
        self.data = bytearray()


class Tree:
    """Directories are dicts, in tests/user/ext2.c's tree_op() the same."""

    def __init__(self, seed):
        self.rnd, self.root = seed, {}

    def below(self, n):
        self.rnd = (self.rnd * 1103515245 + 12345) & 0xffffffff
        return (self.rnd >> 16) % n

    def a_dir(self):
        return ("d0", "d1", "d0/s", "d1/s")[self.below(4)]

    def a_path(self):
        where = self.below(7)
        if where == 0:
            return self.a_dir()
        top = self.a_dir() + "/" if where < 5 else ""
        return top + f"n{self.below(12)}"

    def find(self, path):
        """=> directory or None, name, what is there or None"""
        *dirs, name = path.split("/")
        d = self.root
        for n in dirs:
            d = d.get(n) if isinstance(d, dict) else None
        if not isinstance(d, dict):
            return None, name, None
        return d, name, d.get(name)

    def op(self):
        """=> file whose contents changed, and exchanges: (directory, object)
        that has a third name there for a moment; None: neither"""
        kind = self.below(14)
        a, b = self.a_path(), self.a_path()
        if kind < 4:
            return self.file(a, kind), None
        if kind == 4:
            self.remove(a, File)
        elif kind < 7:
            self.rename(a, b)
        elif kind == 7:
            self.link(a, b)
        elif kind < 10:
            return None, self.exchange(a, b)
        elif kind == 10:
            d, name, there = self.find(self.a_dir())
            if d is not None and there is None:
                d[name] = {}
        elif kind == 11:
            self.remove(a, dict)
        else:
            self.below(3)
        return None, None

    def file(self, path, kind):
        seed, n, at = self.below(1 << 15), 1 + self.below(12000), \
            self.below(30000)
        d, name, f = self.find(path)
        if d is None or isinstance(f, dict) or (f is None and kind >= 2):
            return None
        if f is None:
            f = d[name] = File()
        end = at + n if kind < 2 else at
        if kind >= 2:
            del f.data[end:]
        f.data.extend(bytes(max(0, end - len(f.data))))
        if kind < 2:
            f.data[at:end] = (b"%08x" % seed * (n // 8 + 1))[:n]
        return f

    def remove(self, path, kind):
        d, name, there = self.find(path)
        if isinstance(there, kind) and (kind is File or not there):
            del d[name]

    def link(self, a, b):
        f = self.find(a)[2]
        d, name, there = self.find(b)
        if isinstance(f, File) and d is not None and there is None:
            d[name] = f

    def rename(self, a, b):
        d, name, f = self.find(a)
        to, new, there = self.find(b)
        if f is None or to is None or f is there:
            return
        if isinstance(f, dict) and (b + "/").startswith(a + "/"):
            return
        if there is not None and (type(f) is not type(there) or
                                  (isinstance(there, dict) and there)):
            return
        del d[name]
        to[new] = f

    def exchange(self, a, b):
        d, name, f = self.find(a)
        to, new, there = self.find(b)
        if f is None or there is None or f is there or \
                (isinstance(f, dict) and (b + "/").startswith(a + "/")) or \
                (isinstance(there, dict) and (a + "/").startswith(b + "/")):
            return None
        d[name], to[new] = there, f
        return d, f

    def edges(self, top=None):
        """Of everything: (id, object, directory, name)."""
        top = self.root if top is None else top
        for name, x in top.items():
            yield id(x), x, top, name
            if isinstance(x, dict):
                yield from self.edges(x)


class Allowed:
    """What may be on the disk when the batch was going on: all that was there
    before it and did not change in it, by names that it had meanwhile.
    """

    def __init__(self, seed, batch):
        self.tree = t = Tree(seed)
        for _ in range(batch):
            for _ in range(4 + t.below(24)):
                t.op()
        before = {i: x for i, x, _, _ in t.edges()}
        content = {i: bytes(x.data) for i, x in before.items()
                   if isinstance(x, File)}
        self.names, self.keep = {}, [before]   # keep: an id is used once
        self.note()
        must, changed = set(before), set()
        for _ in range(4 + t.below(24)):
            f, third = t.op()
            changed.add(id(f))
            if third is not None:
                self.names[id(third[1])].add((id(third[0]), None))
            must &= {i for i, _, _, _ in t.edges()}
            self.note()
        self.must = {i: before[i] for i in must - changed}
        self.content = content

    def note(self):
        for i, x, d, name in self.tree.edges():
            self.keep.append(x)
            self.names.setdefault(i, set()).add((id(d), name))

    def places(self, i, out, seen=()):
        """Where on the host's copy of the disk it may be."""
        if i == id(self.tree.root):
            return {out}
        found = set()
        for d, name in self.names[i] if i not in seen else ():
            for top in self.places(d, out, (*seen, i)):
                if name is not None:
                    found.add(f"{top}/{name}")
                elif os.path.isdir(top):
                    found |= {f"{top}/{n}" for n in os.listdir(top)
                              if n.startswith(".exchange.")}
        return found

    def check(self, out):
        for i, x in self.must.items():
            places = self.places(i, out)
            if isinstance(x, dict):
                ok = any(os.path.isdir(p) for p in places)
            else:
                ok = any(has(p, self.content[i]) for p in places)
            if not ok:
                raise Failed(f"lost: {'directory' if isinstance(x, dict) else 'file'} "
                             f"that should be one of {sorted(places)}")


def has(path, content):
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as f:
        return f.read() == content


OLD = b"\xee"                   # what free blocks hold when the guest begins


def check_old(out):
    for top, _, names in os.walk(out):
        for name in names:
            with open(os.path.join(top, name), "rb") as f:
                if OLD * 8 in f.read():
                    raise Failed(f"{top}/{name} shows what its blocks held")


def make_old(tmp, *options):
    disk = tmp + "/disk"
    with open(disk, "wb") as f:
        f.write(OLD * (12 << 20))
    tool("mke2fs", "-q", "-F", "-t", "ext2", "-E", "nodiscard", *options, disk)
    return disk


def tree_cut(tmp, seed):
    """=> the batch that was cut, and whether e2fsck had to do anything"""
    r = random.Random(seed)
    disk = make_old(tmp, "-b", r.choice(["1024", "4096"]))
    last = cut(command(slow_disk(disk, "write", 400), ["tree", str(seed)]),
               r.randrange(0, 12), r.random())
    repaired = b"WAS MODIFIED" in tool("e2fsck", "-fy", disk, ok=(0, 1))
    tool("e2fsck", "-fn", disk)
    with tempfile.TemporaryDirectory(dir=tmp) as out:
        tool("debugfs", "-R", f"rdump / {out}", disk)
        with open(out + "/mark", encoding="ascii") as f:
            batch = int(f.read())
        if batch < last:
            raise Failed(f"batch {last} was synced, the mark says {batch}")
        check_old(out)
        Allowed(seed, batch).check(out)
    return batch, repaired


def case_tree(tmp, cuts=CUTS, seed=None):
    """Random operations on a tree; what was synced is there, with a name it
    had, and no file shows what a free block held."""
    seed = random.randrange(1 << 30) if seed is None else seed
    for n in range(seed, seed + cuts):
        try:
            batch, repaired = tree_cut(tmp, n)
        except Failed as e:
            os.rename(tmp + "/disk", f"/tmp/ext2-cut-{n}.img")
            raise Failed(f"--cuts 1 --seed {n}; the disk: "
                         f"/tmp/ext2-cut-{n}.img\n{e}") from e
        print(f"# seed {n}: cut in batch {batch}"
              f"{', repaired' if repaired else ''}", flush=True)


if __name__ == "__main__":
    a = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    a.add_argument("--cuts", type=int, help="of the case tree, and only that")
    a.add_argument("--seed", type=int, help="its first seed")
    a.add_argument("case", nargs="*")
    a = a.parse_args()
    build("ext2")
    become_subreaper()
    if a.cuts is not None:
        with tempfile.TemporaryDirectory(prefix="case") as folder:
            case_tree(folder, a.cuts, a.seed)
        print(f"{a.cuts} cuts, nothing lost")
    else:
        run_cases(sys.modules["__main__"], a.case)
