#!/usr/bin/env python3
# vmrun: --timeout 240
"""Where a program's memory lies: boot option aslr=SEED gives the same places
again, another seed others, aslr=0 always the same ones, no option random
ones."""
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.realpath(__file__))))
VMRUN = os.path.join(ROOT, "scripts/vmrun")
CC = os.environ.get("CROSS", "riscv64-linux-gnu-") + "gcc"
WHERE = ["text", "brk", "mmap", "stack", "sigcode"]
# Position-independent without a C library: not every cross compiler has the
# start-up file for that.
PROGRAM = r"""
#include <uvm_bsd.h>

static struct uvm_mapinfo mi[64];

static long
call(long n, long a, long b, long c, long d, long e, long f)
{
	register long a7 __asm__("a7") = n, a0 __asm__("a0") = a;
	register long a1 __asm__("a1") = b, a2 __asm__("a2") = c;
	register long a3 __asm__("a3") = d, a4 __asm__("a4") = e;
	register long a5 __asm__("a5") = f;

	__asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3),
	    "r"(a4), "r"(a5), "r"(a7) : "memory");
	return a0;
}

static void
print(unsigned long v)
{
	char text[17];

	for (int i = 15; i >= 0; i--, v >>= 4)
		text[i] = (char)((v & 15) + ((v & 15) < 10 ? '0' : 'a' - 10));
	text[16] = '\n';
	call(64, 1, (long)text, 17, 0, 0, 0);
}

void
_start(void)
{
	int name[] = { CTL_VM, VM_UVM_MAPINFO, 0 };
	unsigned long len = sizeof(mi);

	print((unsigned long)_start);
	print((unsigned long)call(214, 0, 0, 0, 0, 0, 0)); /* brk */
	print((unsigned long)call(222, 0, 4096, 1, 0x22, -1, 0)); /* mmap */
	print((unsigned long)&name);
	call(SYS_bsd_sysctl, (long)name, 3, (long)mi, (long)&len, 0, 0);
	print(mi[len / sizeof(mi[0]) - 1].start);
	call(93, 0, 0, 0, 0, 0, 0);
}
"""


def fail(text):
    print(text)
    sys.exit(1)


def layout(program, option):
    """=> {what: address} of a fresh boot"""
    cmd = [VMRUN, "--timeout", "60", "--smp", "1", "--add",
           f"{program}:/bin/where"]
    if option is not None:
        cmd += ["--append", f"aslr={option}"]
    r = subprocess.run([*cmd, "--", "/bin/where"], stdin=subprocess.DEVNULL,
                       capture_output=True, check=False)
    if r.returncode != 0:
        sys.stdout.write(r.stderr[-3000:].decode(errors="replace"))
        fail(f"aslr={option}: status {r.returncode}")
    return dict(zip(WHERE, [int(a, 16) for a in r.stdout.split()],
                    strict=True))


def differ(a, b, what):
    same = [w for w in WHERE if a[w] == b[w]]
    if same:
        fail(f"{what}: {', '.join(same)} at the same address")


def equal(a, b, what):
    if a != b:
        fail(f"{what}: {a} and {b}")


def main():
    with tempfile.TemporaryDirectory() as tmp:
        program = os.path.join(tmp, "where")
        subprocess.run([CC, "-O1", "-static-pie", "-fPIE", "-nostdlib",
                        "-ffreestanding", "-Wl,--no-dynamic-linker",
                        "-x", "c", "-", "-idirafter", os.path.join(ROOT, "include"), "-o",
                        program], input=PROGRAM.encode(), check=True)
        seven, eight = layout(program, 7), layout(program, 8)
        none = layout(program, 0)
        equal(seven, layout(program, 7), "seed 7 twice")
        differ(seven, eight, "seeds 7 and 8")
        equal(none, layout(program, 0), "aslr=0 twice")
        differ(none, seven, "without and with")
        if none["mmap"] % (1 << 30) != 0:
            fail(f"aslr=0: mmap begins at {none['mmap']:#x}")
        # two may be equal by chance: there are some hundred places
        boots = [layout(program, None) for _ in range(4)]
        for what in WHERE:
            if len({boot[what] for boot in boots}) == 1:
                fail(f"four boots: {what} at the same address")
    print("ok")


if __name__ == "__main__":
    main()
