/*
 * The applets of the box: APPLET(name, function, usage).  Each lives in the
 * file of its name.  To be included with APPLET defined; sorted by name.
 */
APPLET("[", test, "expression ]")
APPLET("cat", cat, "[-u] [file ...]")
APPLET("cp", cp, "[-r] source ... target")
APPLET("dd", dd,
    "[if=file] [of=file] [bs=n] [count=n] [skip=n] [seek=n] [conv=notrunc]")
APPLET("df", df, "[-hikPT] [file ...]")
APPLET("echo", echo, "[-n] [string ...]")
APPLET("false", false, "")
APPLET("find", find,
    "[-HLP] [path ...] [expression]: ! ( ) -a -o; -name -iname -path pattern, "
    "-type bcdflps, -size n[cwbkMG], -newer file, -perm [-]mode, -links n, "
    "-inum n, -[amc]time n, -[amc]min n, -empty; -print, -print0, -prune, "
    "-delete, -exec command ... ; or {} +; -depth, -xdev, -maxdepth n, "
    "-mindepth n")
APPLET("free", free, "")
APPLET("grep", grep,
    "[-EFHLchilnoqrsvwx] [-m lines] [pattern | -e pattern | -f file ...] "
    "[file ...]")
APPLET("head", head, "[-qv] [-n lines | -lines | -c bytes] [file ...]")
APPLET("hexdump", hexdump, "[-C] [-n length] [-s skip] [file ...]")
APPLET("init", init, "[command [argument ...]]")
APPLET("ipcrm", ipcrm, "[-m id] [-M key] ...")
APPLET("ipcs", ipcs, "")
APPLET("kill", kill, "[-signal] pid ... | -l [number ...]")
APPLET("ln", ln, "[-fns] target ... name")
APPLET("ls", ls, "[-1adilR] [file ...]")
APPLET("md5sum", md5sum, "[-c] [file ...]")
APPLET("memhog", memhog, "[-t seconds] [-n procs] size[K|M|G]")
APPLET("mkdir", mkdir, "[-p] [-m mode] directory ...")
APPLET("mount", mount, "[-r] [-t type] [-o options] [device] [directory]")
APPLET("mv", mv, "[-f] source ... target")
APPLET("poweroff", poweroff, "")
APPLET("procmap", procmap, "[pid ...]")
APPLET("ps", ps, "[-l]")
APPLET("reboot", reboot, "")
APPLET("rm", rm, "[-rf] file ...")
APPLET("rmdir", rmdir, "[-p] directory ...")
APPLET("sh", sh, "[-ceilx] [command | file [argument ...]]")
APPLET("sleep", sleep, "seconds ...")
APPLET("stat", stat, "[-Lf] [-c format] file ...")
APPLET("swapctl", swapctl,
    "-l | -s | -a [-p priority] device | -c -p priority device | -d device")
APPLET("swapoff", swapoff, "-a | device ...")
APPLET("swapon", swapon, "[-p priority] device ...")
APPLET("sync", sync, "[-df] [file ...]")
APPLET("sysctl", sysctl, "[-n] [name[=value] ...]")
APPLET("test", test, "expression")
APPLET("time", time, "command [argument ...]")
APPLET("touch", touch,
    "[-achm] [-r file | -d @seconds | -d YYYY-MM-DD[ hh:mm[:ss]] | "
    "-t [[CC]YY]MMDDhhmm[.ss]] file ...")
APPLET("true", true, "")
APPLET("umount", umount, "[-fl] directory ...")
APPLET("uname", uname, "[-amnrsv]")
APPLET("uptime", uptime, "")
APPLET("vmstat", vmstat, "-s | [-t] [wait [count]]")
APPLET("wc", wc, "[-cmlw] [file ...]")
