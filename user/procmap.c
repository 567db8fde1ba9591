/*
 * procmap: the address space of processes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <uvm_bsd.h>

#include "box.h"

static void
print_prot(uint32_t prot)
{
	printf(" %c%c%c", prot & PROT_READ ? 'r' : '-',
	    prot & PROT_WRITE ? 'w' : '-', prot & PROT_EXEC ? 'x' : '-');
}

static const char *
type_name(const struct uvm_mapinfo *m)
{
	static const char *const names[] = { "?", "anon", "file", "device",
		"aobj", "submap", "hole" };

	if (m->type >= sizeof(names) / sizeof(names[0]))
		return names[0];
	return names[m->type];
}

static void
print_entry(const struct uvm_mapinfo *m)
{
	static const char *const inherit[] = { "share", "copy", "none",
		"zero" };
	static const char *const advice[] = { "norm", "rand", "seq" };

	printf("%010llx-%010llx %8llx %8llu %8llu %8llu",
	    (unsigned long long)m->start, (unsigned long long)m->end,
	    (unsigned long long)m->offset,
	    (unsigned long long)(m->end - m->start) / 1024,
	    (unsigned long long)m->resident * 4,
	    (unsigned long long)m->swapped * 4);
	print_prot(m->prot);
	print_prot(m->maxprot);
	printf(" %-5s %-4s %4u %c%c%c %s%s%.*s\n", inherit[m->inherit >> 4 & 3],
	    m->advice < 3 ? advice[m->advice] : "?", m->wired,
	    m->flags & UVM_MI_F_COPYONW ? 'c' : '-',
	    m->flags & UVM_MI_F_NEEDSCOPY ? 'n' : '-',
	    m->flags & UVM_MI_F_IMMUTABLE ? 'i' : '-', type_name(m),
	    m->name[0] != '\0' ? " " : "", (int)sizeof(m->name), m->name);
}

static int
show(int pid)
{
	int name[3] = { CTL_VM, VM_UVM_MAPINFO, pid };
	unsigned long long size = 0, resident = 0, anon = 0, swapped = 0;
	struct uvm_mapinfo *m;
	void *data;
	ssize_t len;

	len = get_vm_array(name, 3, &data);
	if (len < 0) {
		complain("%d", pid);
		return -1;
	}
	m = data;
	puts(
	    "start      end          offset  sizeKiB   rssKiB  swapKiB prot max"
	    " inh   adv  wire cni type");
	for (size_t i = 0; i < (size_t)len / sizeof(*m); i++) {
		print_entry(&m[i]);
		size += m[i].end - m[i].start;
		resident += m[i].resident;
		anon += m[i].anon;
		swapped += m[i].swapped;
	}
	printf("total: %llu KiB mapped, %llu KiB resident, %llu KiB anon, "
	       "%llu KiB swapped\n",
	    size / 1024, resident * 4, anon * 4, swapped * 4);
	free(data);
	return 0;
}

int
procmap_main(int argc, char **argv)
{
	int status = 0;

	if (argc < 2)
		return show(getppid()) != 0;
	for (int i = 1; i < argc; i++) {
		unsigned long pid;

		if (parse_ulong(argv[i], &pid) != 0 || pid > INT32_MAX)
			usage();
		if (argc > 2)
			printf("%s%lu:\n", i > 1 ? "\n" : "", pid);
		if (show((int)pid) != 0)
			status = 1;
	}
	return status;
}
