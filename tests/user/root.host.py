#!/usr/bin/env python3
# vmrun: --timeout 900
"""The root on a disk: programs paged in from it, what is left when the machine
is switched off, or cut off, and what a board engineer reads when the root is
not there.

    root.host.py [CASE...]
"""
import os
import random
import subprocess
import sys
import time

from hostcases import (ROOT, VMRUN, Failed, become_subreaper, build, kill_all,
                       program, run_cases, tool)

CUTS = 4


def make(tmp, size="64M"):
    path = tmp + "/disk"
    tool(ROOT + "/scripts/mkinitramfs", "--ext2", size, "--box",
         ROOT + "/build/user/box", "--output", path,
         "--add", program("root") + ":/t/root",
         "--add", program("bigtext") + ":/t/bigtext",
         "--add", program("whole") + ":/t/whole")
    return path


def command(disk, args, *options):
    return [VMRUN, "--timeout", "120", "--root", disk, *options, "--", *args]


def run(disk, args, *options, ok=(0,)):
    """=> output and log"""
    r = subprocess.run(command(disk, args, *options), text=True,
                       stdin=subprocess.DEVNULL, capture_output=True,
                       errors="replace", check=False)
    if r.returncode not in ok:
        raise Failed(f"status {r.returncode}: {args}\n{r.stdout[-2000:]}"
                     f"{r.stderr[-3000:]}")
    return r.stdout, r.stderr


def need(text, *words):
    for w in words:
        if w not in text:
            raise Failed(f"does not say {w!r}:\n{text[-3000:]}")


def clean(disk):
    tool("e2fsck", "-fn", disk)


def case_text(tmp):
    """Paged in on demand, shared, read once; on 1, 2 and 4 harts."""
    for smp in ("1", "2", "4"):
        disk = make(tmp)
        out, _ = run(disk, ["/t/root", "text"], "--smp", smp)
        print(f"# {smp} harts: " + "; ".join(out.splitlines()))
        clean(disk)


def case_poweroff(tmp):
    """Files open, mapped, unlinked and being written: clean all the same."""
    for smp in ("1", "4"):
        disk = make(tmp)
        # a program that switches off by itself gives no exit status
        _, log = run(disk, ["/t/root", "leave"], "--smp", smp, ok=(70,))
        need(log, "reboot: power off")
        if "panic" in log or "not left clean" in log:
            raise Failed(log[-3000:])
        clean(disk)
        run(disk, ["/t/root", "verify"], "--smp", smp)
        clean(disk)
        if b"new" not in tool("debugfs", "-R", "ls /tmp", disk):
            raise Failed("a root that was left clean was read-only")


def case_reboot(tmp):
    """The shell's poweroff and reboot."""
    for what in ("poweroff", "reboot"):
        disk = make(tmp)
        run(disk, ["/bin/sh", "-c", f"echo kept > /tmp/f; {what}"],
            ok=(70,))
        clean(disk)
        if tool("debugfs", "-R", "cat /tmp/f", disk) != b"kept\n":
            raise Failed(f"{what}: the file is not there")


def cut_once(disk, stop):
    """=> the number of the last file that was said to be safe"""
    with subprocess.Popen(command(disk, ["/t/root", "cut"], "--smp", "4"),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL,
                          start_new_session=True) as p:
        last = -1
        for line in p.stdout:
            last = int(line)
            if last >= stop:
                break
        time.sleep(random.random() / 50)
        kill_all(p)
        for line in p.stdout:
            last = int(line) if line.endswith(b"\n") else last
    if last < stop:
        raise Failed("ended by itself")
    return last


def case_cut(tmp):
    """Cut off: repaired by e2fsck, what was synced is there; before that it is
    mounted read-only, and says what to do."""
    for n in range(CUTS):
        disk = make(tmp)
        last = cut_once(disk, random.randrange(5, 60))
        out, log = run(disk, ["/bin/sh", "-c",
                              "echo x > /tmp/no; mount; "
                              "/bin/mount -o remount,rw /"], ok=(1,))
        need(log, "mounted read-only: repair it with e2fsck -fy")
        need(out, "type ext2 (ro", "Read-only file system")
        tool("e2fsck", "-fy", disk, ok=(0, 1))
        clean(disk)
        run(disk, ["/t/root", "verifycut", str(last)])
        clean(disk)
        print(f"# cut {n}: after file {last}")


def boot(tmp, append, *options, ok=(0,), args=("/bin/true",)):
    """With an initramfs, and a disk that the boot arguments may name."""
    r = subprocess.run([VMRUN, "--timeout", "60", *options, "--append",
                        append, "--", *args], stdin=subprocess.DEVNULL,
                       capture_output=True, text=True, errors="replace",
                       check=False)
    if r.returncode not in ok:
        raise Failed(f"status {r.returncode}: {append}\n{r.stderr[-3000:]}")
    return r.stderr


def case_missing(tmp):
    """No such disk, nothing on it, an unknown type, in use."""
    disk = make(tmp)
    need(boot(tmp, "root=vdb1", "--disk", disk, ok=(70,)),
         "root: there is no disk vdb1: boot with root= one of vda",
         "panic: no root on vdb1")
    need(boot(tmp, "root=vda", "--disk", "8M", ok=(70,)),
         "root: vda has no ext2", "panic: no root on vda")
    need(boot(tmp, "root=vda rootfstype=ext4", "--disk", disk, ok=(70,)),
         "root: rootfstype=ext4 is not known: give one of ext2")
    need(boot(tmp, "root=/dev/vda", "--disk", disk), "root: vda, ext2")
    need(boot(tmp, "root=vda ro", "--disk", disk), "root: vda, ext2, read-only")
    need(boot(tmp, "root=vda", "--disk", disk + ":ro"),
         "the disk is write-protected", "root: vda, ext2, read-only")
    clean(disk)


def case_fallback(tmp):
    """Nobody gave a command: a shell from the initramfs."""
    exe = ["qemu-system-riscv64", "-machine", "virt", "-m", "128M",
           "-nographic", "-bios", "default", "-no-reboot", "-kernel",
           ROOT + "/build/Image", "-initrd", ROOT + "/build/initramfs.cpio",
           "-append", "root=vda1"]
    with subprocess.Popen(exe, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as p:
        seen = b""
        try:
            while b"\n# " not in seen and len(seen) < 100000:
                byte = os.read(p.stdout.fileno(), 4096)
                if not byte:
                    raise Failed(seen.decode(errors="replace"))
                seen += byte
            p.stdin.write(b"poweroff\n")
            p.stdin.flush()
            seen += p.stdout.read()
        finally:
            p.kill()
    need(seen.decode(errors="replace"), "root: there is no disk vda1",
         "root: the shell is that of the initrd, not of vda1",
         "reboot: power off")


if __name__ == "__main__":
    build("root", "bigtext", "whole")
    become_subreaper()
    run_cases(sys.modules["__main__"], sys.argv[1:])
