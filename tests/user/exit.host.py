#!/usr/bin/env python3
# vmrun: --timeout 180
"""What vmrun promises: output byte for byte, exit statuses, the panic, the
timeout, arguments as they were given."""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.realpath(__file__))))
VMRUN = os.path.join(ROOT, "scripts/vmrun")


def check(args, status, out=None, err=None):
    """Run vmrun and compare; out None: anything."""
    r = subprocess.run([VMRUN, "--timeout", "60", *args],
                       stdin=subprocess.DEVNULL, capture_output=True,
                       check=False)
    ok = r.returncode == status and out in (None, r.stdout) and \
        (err is None or err in r.stderr)
    if not ok:
        print(f"vmrun {args}: status {r.returncode}, expected {status}; "
              f"output {r.stdout[-500:]!r}, expected {out!r}")
        sys.stdout.write(r.stderr[-3000:].decode(errors="replace"))
        sys.exit(1)


def main():
    check(["--", "/bin/echo", "hello"], 0, b"hello\n")
    check(["--", "/bin/sh", "-c", "exit 3"], 3, b"")
    check(["--", "/bin/sh", "-c", "kill -9 $$"], 128 + 9, b"")
    check(["--", "/bin/nothing"], 127)
    check(["--", "/etc/passwd"], 126)
    odd = ["", " ", "a b", "it's", 'say "x"', "back\\slash", "two\nlines",
           "$HOME", "-n", "tab\there", "--"]
    check(["--", "/bin/sh", "-c", 'for i in "$@"; do echo "<$i>"; done',
           "sh", *odd], 0, "".join(f"<{o}>\n" for o in odd).encode())
    # every byte value reaches the terminal, and stdout, unchanged
    everything = bytes(range(256))
    with open(f"/tmp/vmrun-bytes.{os.getpid()}", "wb") as f:
        f.write(everything)
    try:
        check(["--add", f"{f.name}:/bytes", "--", "/bin/sh", "-c",
               "cat /bytes"], 0, everything.replace(b"\n", b"\n"))
    finally:
        os.unlink(f.name)
    check(["--timeout", "6", "--", "/bin/sleep", "1000"], 124, b"")
    # init must not end: when it does, the kernel panics and says so
    check(["--append", "init=/bin/true", "--", "x"], 70, None, b"panic:")


if __name__ == "__main__":
    main()
