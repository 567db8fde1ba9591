"""What the tests that run on the host and boot guests have in common: programs
of the guest are compiled, cases are functions case_NAME(tmp), called with a
folder of their own.
"""
import ctypes
import importlib.machinery
import importlib.util
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.realpath(__file__))))
VMRUN = os.path.join(ROOT, "scripts/vmrun")


class Failed(Exception):
    """What a case expected does not hold."""


def tool(*cmd, ok=(0,)):
    """What a tool of the host prints; some of them are root's."""
    env = dict(os.environ, PATH=os.environ["PATH"] + ":/sbin:/usr/sbin")
    r = subprocess.run(cmd, capture_output=True, env=env, check=False)
    if r.returncode not in ok:
        raise Failed(f"status {r.returncode}: {shlex.join(cmd)}\n"
                     f"{r.stdout.decode(errors='replace')[-2000:]}"
                     f"{r.stderr.decode(errors='replace')[-1000:]}")
    return r.stdout


def program(name):
    """Where a program of tests/user lies once it is compiled."""
    return os.path.join(ROOT, "build/tests/user", name)


def build(*names):
    """Compile programs of tests/user as scripts/testrun does."""
    loader = importlib.machinery.SourceFileLoader(
        "testrun", os.path.join(ROOT, "scripts/testrun"))
    spec = importlib.util.spec_from_loader("testrun", loader)
    testrun = importlib.util.module_from_spec(spec)
    loader.exec_module(testrun)
    os.makedirs(testrun.OUT, exist_ok=True)
    for name in names:
        if not testrun.compile_one(name):
            sys.exit(f"{name} does not compile")


def become_subreaper():
    """Orphans become ours, and we see when they are gone."""
    if ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) != 0:
        raise Failed("PR_SET_CHILD_SUBREAPER")


def kill_all(p):
    """Kill p and its children, QEMU among them, and wait for the end of each.

    A process that is gone for waitpid() writes no more: that of a process with
    threads succeeds when the last of them has ended, while /proc shows a
    zombie as soon as the first has.
    """
    os.killpg(p.pid, signal.SIGKILL)
    p.wait()
    while True:
        try:
            os.waitpid(-p.pid, 0)
        except ChildProcessError:
            return


def run_cases(module, names, note=""):
    """Run the cases named, or all; exits.  note: beside what failed."""
    cases = {k[5:]: v for k, v in vars(module).items()
             if k.startswith("case_")}
    if not set(names) <= set(cases):
        sys.exit(module.__doc__ + "cases: " + " ".join(cases))
    failed = 0
    for name in names or cases:
        with tempfile.TemporaryDirectory(prefix="case") as tmp:
            begin = time.monotonic()
            try:
                cases[name](tmp)
                print(f"ok - {name}, {time.monotonic() - begin:.0f} s")
            except (Failed, subprocess.SubprocessError, OSError) as e:
                failed += 1
                print(f"not ok - {name}{note}\n{e}")
        sys.stdout.flush()
    sys.exit(failed != 0)
