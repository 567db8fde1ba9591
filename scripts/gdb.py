"""gdb commands and printers for the kernel (make debug)."""
import gdb


def tailq(head, field):
    """Elements of a TAILQ."""
    at = head["tqh_first"]
    while at:
        yield at
        at = at[field]["tqe_next"]


def llist(head, field):
    """Elements of a LIST."""
    at = head["lh_first"]
    while at:
        yield at
        at = at[field]["le_next"]


def value(name):
    return gdb.parse_and_eval(name)


class Uvmexp(gdb.Command):
    """uvmexp: every counter, summed over the harts."""

    def __init__(self):
        super().__init__("uvmexp", gdb.COMMAND_DATA)

    def invoke(self, arg, from_tty):
        base, n = value("uvmexp"), int(value("ncpus"))
        harts = [value(f"cpu_info_store[{i}].ci_uvmexp") for i in range(n)]
        for f in base.type.fields():
            share = sum(int(h[f.name]) for h in harts)
            print(f"{f.name:20} global {int(base[f.name]):10} harts {share:10}")


class Threads(gdb.Command):
    """threads: every thread, its state and what it sleeps on."""

    STATES = {1: "new", 2: "run", 3: "sleep", 4: "stop", 5: "dead", 6: "cpu"}

    def __init__(self):
        super().__init__("threads", gdb.COMMAND_DATA)

    def invoke(self, arg, from_tty):
        for pr in llist(value("allprocess"), "ps_list"):
            for p in tailq(pr["ps_threads"], "p_thr_link"):
                wmesg = p["p_wmesg"].string() if p["p_wchan"] else ""
                state = self.STATES.get(int(p["p_stat"]), "?")
                print(f"{int(pr['ps_pid']):5} {int(p['p_tid']):5} "
                      f"{state:6} {p['p_comm'].string():16} {wmesg}")


class Maps(gdb.Command):
    """maps PID: entries of a process's map; without PID the kernel's."""

    def __init__(self):
        super().__init__("maps", gdb.COMMAND_DATA)

    def find(self, arg):
        if not arg:
            return value("kernel_map").dereference()
        for pr in llist(value("allprocess"), "ps_list"):
            if int(pr["ps_pid"]) == int(arg):
                return pr["ps_vmspace"]["vm_map"]
        raise gdb.GdbError(f"no process {arg}")

    def invoke(self, arg, from_tty):
        m = self.find(arg)
        e, head = m["vm_head"]["me_next"], m["vm_head"].address
        while e != head:
            prot = int(e["protection"])
            rights = "".join(c if prot & b else "-"
                             for c, b in (("r", 1), ("w", 2), ("x", 4)))
            print(f"{int(e['start']):#018x}-{int(e['end']):#018x} {rights} "
                  f"etype {int(e['etype']):#x} amap {e['aref']['ar_amap']} "
                  f"object {e['object']['uvm_obj']}")
            e = e["me_next"]


class PagePrinter:
    """struct vm_page: address, owner, flags in words."""

    FLAGS = ((0x1, "busy"), (0x2, "wanted"), (0x4, "tabled"), (0x8, "clean"),
             (0x20, "released"), (0x40, "fake"), (0x100, "zero"),
             (0x10000, "free"), (0x20000, "inactive"), (0x40000, "active"),
             (0x80000, "magazine"), (0x100000, "anon"), (0x200000, "aobj"))

    def __init__(self, v):
        self.v = v

    def to_string(self):
        flags = int(self.v["pg_flags"])
        words = ",".join(w for b, w in self.FLAGS if flags & b)
        return (f"page {int(self.v['pg_ppn']) << 12:#x} [{words}] "
                f"object {self.v['uobject']} anon {self.v['uanon']} "
                f"wired {int(self.v['wire_count'])}")


def lookup(v):
    t = v.type.strip_typedefs()
    return PagePrinter(v) if t.tag == "vm_page" else None


gdb.pretty_printers.append(lookup)
Uvmexp()
Threads()
Maps()
