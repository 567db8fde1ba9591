#!/usr/bin/env python3
# vmrun: --timeout 120
"""The shell on the terminal, as somebody types: echo, editing, ^C, ^D, jobs."""
import os
import re
import selectors
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.realpath(__file__))))
VMRUN = os.path.join(ROOT, "scripts/vmrun")


class Session:
    """A shell in the guest, with what it has printed so far."""

    def __init__(self):
        self.proc = subprocess.Popen(
            [VMRUN, "--stdin", "--timeout", "100", "--", "/bin/sh", "-i"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.seen = b""
        self.sel = selectors.DefaultSelector()
        self.sel.register(self.proc.stdout, selectors.EVENT_READ)

    def type(self, text):
        self.proc.stdin.write(text)
        self.proc.stdin.flush()

    def expect(self, pattern, seconds=20):
        """Wait for the pattern, and forget everything up to its end."""
        end = time.monotonic() + seconds
        while True:
            m = re.search(pattern, self.seen)
            if m:
                self.seen = self.seen[m.end():]
                return m
            left = end - time.monotonic()
            if left <= 0 or not self.sel.select(left):
                self.give_up(pattern)
            data = os.read(self.proc.stdout.fileno(), 4096)
            if not data:
                self.give_up(pattern)
            self.seen += data

    def give_up(self, pattern):
        print(f"expected {pattern!r}, have {self.seen!r}")
        self.proc.kill()
        print(self.proc.stderr.read()[-2000:].decode(errors="replace"))
        sys.exit(1)


def main():
    s = Session()
    s.expect(rb"# ")
    s.type(b"echo one$((1+1))three\n")
    s.expect(rb"echo one\$\(\(1\+1\)\)three\r?\n")      # the echo
    s.expect(rb"one2three\r?\n# ")
    # erase a character, kill a line
    s.type(b"echo abX\x7fc\n")
    s.expect(rb"abc\r?\n# ")
    s.type(b"false garbage\x15echo clean\n")
    s.expect(rb"\nclean\r?\n# ")
    # ^C ends the job in the foreground, not the shell
    s.type(b"sleep 1000\n")
    time.sleep(1)
    s.type(b"\x03")
    s.expect(rb"# ")
    s.type(b"echo status $?\n")
    s.expect(rb"\nstatus 130\r?\n# ")
    # ^C at the prompt drops the line
    s.type(b"echo not this")
    time.sleep(0.5)
    s.type(b"\x03")
    s.expect(rb"# ")
    s.type(b"echo but this\n")
    s.expect(rb"\nbut this\r?\n# ")
    # a pipeline dies as a whole; a loop of builtins stops
    s.type(b"sleep 1000 | cat | cat\n")
    time.sleep(1)
    s.type(b"\x03")
    s.expect(rb"# ")
    s.type(b"while true; do true; done\n")
    time.sleep(1)
    s.type(b"\x03")
    s.expect(rb"# ")
    # ^D: end of input for cat, and then for the shell
    s.type(b"cat\n")
    time.sleep(0.5)
    s.type(b"line for cat\n")
    s.expect(rb"line for cat\r?\nline for cat\r?\n")
    s.type(b"\x04")
    s.expect(rb"# ")
    # background jobs go on, and wait waits for them
    s.type(b"sleep 1 & wait; echo waited $?\n")
    s.expect(rb"waited 0\r?\n# ")
    s.type(b"(exit 5)\n")
    s.expect(rb"# ")
    s.type(b"\x04")
    if s.proc.wait(30) != 5:
        print(f"exit status {s.proc.returncode}, expected 5")
        sys.exit(1)


if __name__ == "__main__":
    main()
