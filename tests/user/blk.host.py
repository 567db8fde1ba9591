#!/usr/bin/env python3
# vmrun: --timeout 900
"""Disks, from both sides: programs of the guest read and write, the host looks
at the image.  Legacy and modern transport, every ring feature on and off,
partition tables, injected errors, read-only disks, a resize, and the kernel's
own tests on a real device.

    blk.host.py [CASE...]
"""
import binascii
import json
import os
import random
import re
import shlex
import socket
import struct
import subprocess
import sys
import time
import uuid

from hostcases import ROOT, VMRUN, Failed, build, program, run_cases, tool

PROG = program("blk")
TESTBOX = program("testbox")
KTEST = os.path.join(ROOT, "build/Image-test")
MIB = 1 << 20
SEED = random.randrange(1 << 30)
LEGACY = "-global virtio-mmio.force-legacy=true"


def command(args, guest, qemu=(), smp=4):
    cmd = [VMRUN, "--timeout", "200", "--smp", str(smp),
           "--add", PROG + ":/bin/blk", *args]
    for q in qemu:
        cmd += ["--qemu", q]
    return cmd + ["--", *guest]


def run(args, guest, qemu=(), smp=4, status=0):
    """Output and log of a guest command, which must end with the status."""
    cmd = command(args, guest, qemu, smp)
    r = subprocess.run(cmd, stdin=subprocess.DEVNULL, capture_output=True,
                       text=True, errors="replace", check=False)
    if r.returncode != status:
        raise Failed(f"status {r.returncode}, expected {status}\n"
                     f"{shlex.join(cmd)}\n{r.stdout[-2000:]}"
                     f"{r.stderr[-3000:]}")
    return r.stdout, r.stderr


def expect(what, text):
    if not re.search(what, text):
        raise Failed(f"{what!r} not found in\n{text[-3000:]}")


def same(got, want, what):
    if got != want:
        raise Failed(f"{what}: {got!r}, expected {want!r}")


def image(path, size, data=None):
    with open(path, "wb") as f:
        f.write(random.Random(SEED).randbytes(size) if data is None else data)
        f.truncate(size)
    return path


def fnv(path):
    h = 0xcbf29ce484222325
    with open(path, "rb") as f:
        for b in f.read():
            h = (h ^ b) * 0x100000001b3 & 0xffffffffffffffff
    return f"{h:016x}\n"


def drive(path, device="", options="", name="d0"):
    """A disk with properties vmrun has no option for."""
    return [f"-drive file={path},format=raw,if=none,id={name}{options}",
            f"-device virtio-blk-device,drive={name}{device}"]


# -- Cases ----------------------------------------------------------------------

def transfers(tmp, qemu, device="", what="model", smp=4, log=""):
    path = image(tmp + "/t", MIB)
    out, err = run([], ["/bin/blk", what, "/dev/vda", str(SEED)],
                   [*qemu, *drive(path, device)], smp)
    same(out, fnv(path), f"hash of {what} with {qemu} {device}")
    expect(log, err)


def case_info(tmp):
    """What programs are told about a disk."""
    path = image(tmp + "/i", 4 * MIB + 512)
    run(["--disk", path], ["/bin/blk", "info", "/dev/vda", str(4 * MIB + 512)])
    path = image(tmp + "/i", 4 * MIB)
    run([], ["/bin/blk", "info", "/dev/vda", str(4 * MIB)],
        [LEGACY, *drive(path)])


def case_modern(tmp):
    transfers(tmp, [], log=r"vda: 1024 KiB, blocks of 512 bytes, "
              r"virtio7 modern, flush, discard, write-zeroes, indirect, "
              r"1 queue of 64 requests")
    transfers(tmp, [], what="many")


def case_legacy(tmp):
    transfers(tmp, [LEGACY], log="virtio7 legacy")
    transfers(tmp, [LEGACY], what="many")


def case_features(tmp):
    """Every ring feature off, odd geometries, several queues, tiny queues."""
    transfers(tmp, [], ",indirect_desc=off")
    transfers(tmp, [LEGACY], ",event_idx=off,indirect_desc=off")
    transfers(tmp, [], ",event_idx=off", what="many")
    transfers(tmp, [], ",logical_block_size=4096,physical_block_size=4096",
              log="blocks of 4096 bytes")
    for extra in ([], [LEGACY]):
        run([], ["/bin/blk", "topology", "/dev/vda", "1024", "4096", "65536"],
            [*extra, *drive(image(tmp + "/t", MIB), ",logical_block_size=1024,"
                            "physical_block_size=4096,opt_io_size=65536")])
    transfers(tmp, [], ",num-queues=4", what="many", log="4 queues of 64")
    transfers(tmp, [], ",queue-size=4,seg-max-adjust=on")
    transfers(tmp, [], ",discard=off,write-zeroes=off",
              log="modern, flush, indirect")


def case_polled(tmp):
    """A device whose interrupt nobody can hear: the tree says so."""
    dtb = tmp + "/dtb"
    subprocess.run(["qemu-system-riscv64", "-machine", f"virt,dumpdtb={dtb}",
                    "-smp", "2", "-m", "128M"], check=True,
                   capture_output=True)
    r = subprocess.run(["dtc", "-q", "-q", "-O", "dts", dtb],
                       check=True, capture_output=True, text=True)
    text = re.sub(r"(virtio_mmio@[^}]*?)interrupts = <[^>]*>;", r"\1",
                  r.stdout)
    subprocess.run(["dtc", "-q", "-q", "-O", "dtb", "-o", dtb],
                   input=text, text=True, check=True)
    transfers(tmp, [f"-dtb {dtb}"], smp=2, log="virtio7: no interrupt, polled")


def case_leaks(tmp):
    """Memory comes and goes under transfers; all is back afterwards."""
    path = image(tmp + "/l", MIB)
    names = ["model", "race", "wipe"]
    with open(tmp + "/list", "w", encoding="ascii") as f:
        for what in names:
            f.write(f"{what}\t120\t/bin/blk\t{what}\t/dev/vda\t{SEED}\n")
    with open(tmp + "/l", "r+b") as f:
        f.truncate(2 * MIB)
    out, _ = run(["--disk", path, "--add", TESTBOX + ":/bin/testbox",
                  "--add", tmp + "/list:/list"], ["/bin/testbox", "/list"])
    same(len(re.findall("^ok", out, re.M)), len(names), "tests passed\n" + out)


def case_order(tmp):
    """The first disk is vda, swap disks come behind; a read-only one."""
    a, b = image(tmp + "/a", MIB), image(tmp + "/b", 2 * MIB)
    _, err = run(["--disk", a, "--disk", b + ":ro", "--swap", "3M"],
                 ["/bin/blk", "readonly", "/dev/vdb"])
    expect("vda: 1024 KiB", err)
    expect("vdb: 2048 KiB.*, read-only", err)
    expect("vdc: 3072 KiB", err)
    same(open(b, "rb").read(), random.Random(SEED).randbytes(2 * MIB),
         "read-only image")


def gpt(blocks, parts, bs=512):
    """A disk with a GUID partition table: (first, last) for each partition."""
    mbr = bytearray(bs)
    mbr[446:462] = struct.pack("<B3xB3xII", 0, 0xee, 1, blocks - 1)
    mbr[510:512] = b"\x55\xaa"
    kind = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4").bytes_le
    entries = b"".join(
        struct.pack("<16s16sQQQ72s", kind, uuid.uuid4().bytes_le, first, last,
                    0, b"") if last else bytes(128)
        for first, last in parts).ljust(128 * 128, b"\0")
    span = len(entries) // bs

    def header(at, other, table):
        h = struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0,
                        at, other, 2 + span, blocks - 2 - span,
                        uuid.uuid4().bytes_le, table, 128, 128,
                        binascii.crc32(entries))
        crc = struct.pack("<I", binascii.crc32(h))
        return (h[:16] + crc + h[20:]).ljust(bs, b"\0")
    disk = bytearray(blocks * bs)
    disk[:bs] = mbr
    disk[bs:2 * bs] = header(1, blocks - 1, 2)
    disk[2 * bs:2 * bs + len(entries)] = entries
    disk[-bs - len(entries):-bs] = entries
    disk[-bs:] = header(blocks - 1, 1, blocks - 1 - span)
    return disk


def case_gpt(tmp):
    size = 4 * MIB
    parts = [(100, 199), (0, 0), (2048, 4095)]
    path = image(tmp + "/g", size, gpt(size // 512, parts))
    out, err = run(["--disk", path],
                   ["/bin/sh", "-c", "blk mark /dev/vda3 hello; "
                    "blk rescan /dev/vda && blk info /dev/vda1 51200"])
    expect("vda1: GPT, 50 KiB at 50 KiB", err)
    expect("vda3: GPT, 1024 KiB at 1024 KiB", err)
    with open(path, "rb") as f:
        f.seek(2048 * 512)
        same(f.read(12), bytes(5) + b"hello\0\0", "bytes on partition 3")
    # blocks of 4 KiB, and a damaged primary header
    disk = gpt(1024, [(50, 59)], 4096)
    disk[4096 + 20] ^= 1
    path = image(tmp + "/g", size, disk)
    out, err = run([], ["/bin/blk", "info", "/dev/vda1", "40960"],
                   drive(path, ",logical_block_size=4096,"
                         "physical_block_size=4096"))
    expect("vda: GPT header with a wrong checksum; backup used", err)
    expect("vda1: GPT, 40 KiB at 200 KiB", err)
    # both damaged: the disk is there, partitions are not
    disk[-4096 + 20] ^= 1
    path = image(tmp + "/g", size, disk)
    out, err = run([], ["/bin/sh", "-c", "test ! -e /dev/vda1 && "
                        "blk model /dev/vda 1"],
                   drive(path, ",logical_block_size=4096,"
                         "physical_block_size=4096"))
    expect("vda: GPT header with a wrong checksum\n", err)


def case_mbr(tmp):
    size = 4 * MIB
    disk = bytearray(size)
    entry = struct.Struct("<B3xB3xII")

    def table(at, *entries):
        for n, e in enumerate(entries):
            disk[at + 446 + 16 * n:at + 462 + 16 * n] = entry.pack(*e)
        disk[at + 510:at + 512] = b"\x55\xaa"
    table(0, (0x80, 0x83, 64, 100), (0, 5, 1000, 2000))
    table(1000 * 512, (0, 0x82, 24, 512), (0, 5, 1000, 1000))
    table(2000 * 512, (0, 0x83, 8, 80))
    path = image(tmp + "/m", size, disk)
    _, err = run(["--disk", path], ["/bin/blk", "mark", "/dev/vda6", "six"])
    for line in ("vda1: MBR, 50 KiB at 32 KiB", "vda5: MBR, 256 KiB at 512",
                 "vda6: MBR, 40 KiB at 1004 KiB"):
        expect(line, err)
    with open(path, "rb") as f:
        f.seek(2008 * 512)
        same(f.read(9), bytes(5) + b"six\0", "bytes on partition 6")
    table(0, (0x80, 0x83, 64, 10000))
    _, err = run(["--disk", image(tmp + "/m", size, disk)], ["/bin/true"])
    expect("vda: partition 1 is not on the disk", err)


def case_errors(tmp):
    """QEMU fails writes to sector 4096 and reads of sector 2048."""
    path = image(tmp + "/e", 4 * MIB)
    conf = tmp + "/blk.conf"
    with open(conf, "w", encoding="ascii") as f:
        for event, sector in (("write_aio", 4096), ("read_aio", 2048)):
            f.write(f'[inject-error]\nevent = "{event}"\nerrno = "5"\n'
                    f'sector = "{sector}"\nonce = "off"\n')
    for extra in ([], [LEGACY]):
        out, err = run(["--mem", "64M"], ["/bin/blk", "errors", "/dev/vda"], [
            *extra,
            f"-drive driver=raw,file.driver=blkdebug,file.config={conf},"
            f"file.image.driver=file,file.image.filename={path},if=none,"
            "id=d0,cache.direct=off",
            "-device virtio-blk-device,drive=d0,werror=report,rerror=report"])
        same(out, f"read {2048 * 512}\nwrite {4096 * 512}\n"
             "part 5\npart 5\n", "errors seen")


class Qmp:
    """A machine that runs, and a line to its monitor."""

    def __init__(self, path, cmd):
        self.proc = subprocess.Popen(
            cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace")
        end = time.monotonic() + 60
        self.sock = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.sock.connect(path)
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)
        self.file = self.sock.makefile("rw")
        self.file.readline()
        self.ask("qmp_capabilities")

    def ask(self, name, **args):
        json.dump({"execute": name, "arguments": args}, self.file)
        self.file.write("\n")
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline())
            if "event" not in answer:
                return answer

    def until(self, what):
        """Read the output up to a line that matches."""
        text = ""
        for line in self.proc.stdout:
            text += line
            if re.search(what, line):
                return
        raise Failed(f"{what!r} not found in\n{text[-3000:]}")


def case_resize(tmp):
    path = image(tmp + "/r", MIB)
    for legacy in ([], [LEGACY]):
        sock = tmp + "/qmp"
        q = Qmp(sock, command(
            [], ["/bin/sh", "-c", "echo ready; while ! blk info /dev/vda "
                 f"{3 * MIB} 2>/dev/null; do sleep 1; done; echo grown"],
            [*legacy, *drive(path), f"-qmp unix:{sock},server=on,wait=off"]))
        q.until("^ready")
        same(q.ask("block_resize", device="d0", size=3 * MIB),
             {"return": {}}, "block_resize")
        q.until("^grown")
        same(q.proc.wait(), 0, "status")
        os.truncate(path, MIB)
        os.unlink(sock)


def case_direct(tmp):
    """Aligned transfers are one request each, of which QEMU keeps count;
    besides them there is the one for the partition table."""
    path, sock = image(tmp + "/d", MIB), tmp + "/qmp"
    q = Qmp(sock, command([], ["/bin/blk", "direct", "/dev/vda"],
                          [*drive(path),
                           f"-qmp unix:{sock},server=on,wait=off"]))
    q.until("^done")
    stats = q.ask("query-blockstats")["return"][0]["stats"]
    same((stats["rd_operations"], stats["wr_operations"]), (11, 10),
         "reads and writes")
    same(q.proc.wait(), 0, "status")


def case_rng(tmp):
    """The entropy device answers, and what it gives differs."""
    del tmp
    rng = ["-object rng-random,filename=/dev/urandom,id=r0",
           "-device virtio-rng-device,rng=r0"]
    for extra in ([], [LEGACY]):
        _, err = run([], ["/bin/sleep", "1"], [*extra, *rng])
        expect(r"virtio7: entropy, \d+ bytes, again every 60 s", err)


def case_kernel(tmp):
    """The kernel's tests with a disk that mkswap made: many requests, resets,
    a device that lies."""
    path = image(tmp + "/k", 8 * MIB)
    tool("mkswap", "-L", "a label", path)
    args = ["--kernel", KTEST, "--disk", path, *["--disk", "8M"] * 3,
            "--append", f"ktest=blk_*,bad_* mkswap=1 seed={SEED}"]
    for extra, verdict in (
            ([], "7 passed, 0 failed, 0 skipped"),
            ([LEGACY],
             "6 passed, 0 failed, 1 skipped")):
        _, err = run(args, ["ktest"], extra)
        expect(verdict, err)
        expect("virtio6: virtio-blk at 0x10007000: used index beyond what "
               "was sent; taken out", err)
        expect("virtio5: virtio-blk at 0x10006000: interrupts without end; "
               "taken out", err)


def main():
    build("blk", "testbox")
    run_cases(sys.modules[__name__], sys.argv[1:], f", seed {SEED}")


if __name__ == "__main__":
    main()
