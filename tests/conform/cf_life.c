/* Address spaces: making, using, leaving and destroying them. */
#include "conform.h"

KTEST(conform_create_is_empty)
{
	struct pmap *pm = pmap_create();
	struct conf_user cu;

	KT_REQUIRE(pm != NULL);
	KT_EQ(pmap_resident_count(pm), 0);
	KT_EQ(pmap_wired_count(pm), 0);
	conf_use(&cu, pm);
	for (vaddr_t va = 0; va < VM_MAXUSER_ADDRESS; va += GB1 + MB2) {
		KT_CHECK(!pmap_extract(pm, va, NULL));
		KT_EQ(conf_peek(pm, va), ~0UL);
	}
	conf_unuse(&cu);
	pmap_destroy(pm);
}

KTEST(conform_reference_counts)
{
	struct conf f;

	conf_setup(&f);
	conf_fill(f.pg[0], 5);
	CONF_ENTER(&f, 0, 0, RW, 0);
	pmap_reference(f.pm);
	pmap_reference(f.pm);
	pmap_destroy(f.pm);
	pmap_destroy(f.pm);
	KT_EQ(conf_peek(f.pm, AT(0)), 5);
	KT_EQ(conf_store(f.pm, AT(0), 6), 0);
	KT_EQ(pmap_resident_count(f.pm), 1);
	conf_teardown(&f);
}

KTEST(conform_activate_makes_it_current)
{
	struct conf a, b;
	struct conf_user cu;

	conf_setup(&a);
	conf_setup(&b);
	kt_pin(ncpus - 1);
	conf_use(&cu, a.pm);
	KT_CHECK(curcpu()->ci_curpmap == a.pm);
	pmap_activate(curproc); /* again */
	KT_CHECK(curcpu()->ci_curpmap == a.pm);
	conf_unuse(&cu);
	KT_CHECK(curcpu()->ci_curpmap != a.pm);
	conf_use(&cu, b.pm);
	KT_CHECK(curcpu()->ci_curpmap == b.pm);
	pmap_destroy(pmap_create()); /* another one in passing */
	KT_CHECK(curcpu()->ci_curpmap == b.pm);
	conf_unuse(&cu);
	kt_unpin();
	conf_teardown(&b);
	conf_teardown(&a);
}

/* The same address means another page in each; no fence between switches. */
KTEST(conform_address_spaces_are_apart)
{
	enum { N = 5 };
	struct conf f[N];

	for (int i = 0; i < N; i++) {
		conf_setup(&f[i]);
		conf_fill(f[i].pg[0], 100 + i);
		CONF_ENTER(&f[i], 0, 0, i & 1 ? PROT_READ : RW, PROT_READ);
	}
	for (int round = 0; round < 200; round++) {
		int i = (int)(kt_random() % N);

		KT_EQ(conf_peek(f[i].pm, AT(0)), 100 + i);
		KT_EQ(conf_store(f[i].pm, AT(0), 100 + i), i & 1 ? EFAULT : 0);
	}
	for (int i = 0; i < N; i++)
		conf_teardown(&f[i]);
}

/* -- The kernel's half -------------------------------------------------------------- */

struct kernel_half {
	struct pmap *pm;
	vaddr_t va; /* kernel mapping made after pm */
	uint64_t want;
};

static void
look_at_kernel(void *arg)
{
	struct kernel_half *k = arg;
	struct conf_user cu;

	conf_use(&cu, k->pm);
	KT_EQ(conf_peek(pmap_kernel(), k->va), k->want);
	KT_EQ(conf_peek(k->pm, k->va), ~0UL); /* not a program's */
	conf_unuse(&cu);
}

/* Kernel mappings made and removed later are so in every address space. */
KTEST(conform_kernel_half_is_shared)
{
	struct kernel_half k = { .pm = pmap_create(), .want = 0x1234 };
	struct vm_page *pg = conf_page();

	k.va = uvm_km_kmemalloc(kernel_map, NULL, PAGE_SIZE, UVM_KMF_VALLOC);
	KT_REQUIRE(k.va != 0);
	conf_fill(pg, k.want);
	for (int round = 0; round < 3; round++) {
		pmap_kenter_pa(k.va, VM_PAGE_TO_PHYS(pg), PROT_READ);
		pmap_update(pmap_kernel());
		k.want = 0x1234;
		conf_on_each_hart(look_at_kernel, &k);
		pmap_kremove(k.va, PAGE_SIZE);
		pmap_update(pmap_kernel());
		k.want = ~0UL;
		conf_on_each_hart(look_at_kernel, &k);
	}
	uvm_km_free(kernel_map, k.va, PAGE_SIZE);
	conf_free_page(pg);
	pmap_destroy(k.pm);
}

KTEST(conform_kernel_is_closed_to_programs)
{
	static volatile uint64_t secret = 1;
	const vaddr_t va[] = { (vaddr_t)&secret, KDMAP_BASE,
		VM_MIN_KERNEL_ADDRESS, VM_MAX_KERNEL_ADDRESS, 1UL << 62,
		VM_MAXUSER_ADDRESS, (vaddr_t)conf_access & ~7UL };
	struct pmap *pm = pmap_create();
	struct conf_user cu;
	uint64_t v;

	conf_use(&cu, pm);
	for (size_t i = 0; i < nitems(va); i++) {
		KT_EQ(conf_load(pm, va[i] & ~7UL, &v), EFAULT);
		KT_EQ(conf_store(pm, va[i] & ~7UL, 2), EFAULT);
		KT_EQ(conf_fetch(pm, va[i] & ~7UL, &v), EFAULT);
	}
	conf_unuse(&cu);
	KT_EQ(secret, 1);
	pmap_destroy(pm);
}

/* -- Numbers of address spaces --------------------------------------------------------- */

/*
 * One after the other, more than any machine has numbers for them: none sees
 * what another left behind, on any hart.
 */
static void
one_after_the_other(void *arg)
{
	const int rounds = *(const int *)arg;
	struct conf_user cu;
	struct conf f;
	struct pmap *pm;

	conf_setup(&f);
	for (int i = 0; i < CONF_NPG; i++)
		conf_fill(f.pg[i], 200 + i);
	for (int i = 0; i < rounds; i++) {
		int n = i % CONF_NPG, before = (i + CONF_NPG - 1) % CONF_NPG;

		pm = pmap_create();
		conf_use(&cu, pm);
		KT_EQ(conf_peek(pm, AT(before)), ~0UL);
		KT_EQ(pmap_enter(
			  pm, AT(n), VM_PAGE_TO_PHYS(f.pg[n]), RW, PROT_READ),
		    0);
		KT_EQ(conf_peek(pm, AT(n)), 200 + n);
		pmap_remove(pm, AT(n), AT(n + 1));
		KT_EQ(pmap_enter(pm, AT(before), VM_PAGE_TO_PHYS(f.pg[n]),
			  PROT_READ, PROT_READ),
		    0);
		KT_EQ(conf_peek(pm, AT(before)), 200 + n);
		conf_unuse(&cu);
		conf_destroy(pm);
	}
	conf_teardown(&f);
}

KTEST(conform_numbers_are_reused_in_turn)
{
	int rounds = 5000;

	one_after_the_other(&rounds);
}

KTEST(conform_numbers_are_reused_on_all_harts)
{
	int rounds = 1500;

	kt_parallel(2 * (int)ncpus, one_after_the_other, &rounds, 0);
}

/* Many at once: those without a number of their own are apart too. */
KTEST(conform_more_pmaps_than_numbers)
{
	/* three pages for each: root and two tables */
	const long n = MIN(4500, uvm_free_count() / 8);
	struct pmap **pm;
	struct conf f;
	long i;

	pm = kmem_alloc(n * sizeof(*pm), PR_WAITOK);
	conf_setup(&f);
	for (i = 0; i < CONF_NPG; i++)
		conf_fill(f.pg[i], 300 + i);
	for (i = 0; i < n; i++) {
		pm[i] = pmap_create();
		KT_EQ(pmap_enter(pm[i], AT(0),
			  VM_PAGE_TO_PHYS(f.pg[i % CONF_NPG]),
			  i & 8 ? PROT_READ : RW, PROT_READ),
		    0);
		KT_EQ(conf_peek(pm[i], AT(0)), 300 + i % CONF_NPG);
	}
	for (int round = 0; round < 3000; round++) {
		i = (long)(kt_random() % (uint64_t)n);
		KT_EQ(conf_peek(pm[i], AT(0)), 300 + i % CONF_NPG);
		KT_EQ(conf_store(pm[i], AT(0) + 8, 1), i & 8 ? EFAULT : 0);
		/* the newest ones likely share a number */
		i = n - 1 - (long)(kt_random() % 64);
		i = MAX(i, 0);
		KT_EQ(conf_peek(pm[i], AT(0)), 300 + i % CONF_NPG);
	}
	for (i = 0; i < n; i++)
		conf_destroy(pm[i]);
	conf_teardown(&f);
	kmem_free(pm, n * sizeof(*pm));
}

/* -- Destroying what harts may still have in hand ----------------------------------------- */

static void
visit(void *arg)
{
	struct conf *f = arg;
	struct conf_user cu;

	conf_use(&cu, f->pm);
	KT_EQ(conf_peek(f->pm, AT(0)), 77);
	/* a kernel thread may go on with it: it is not deactivated here */
	atomic_or(&curproc->p_flag, P_KTHREAD);
	curproc->p_vmspace = cu.cu_old;
}

KTEST(conform_destroy_while_borrowed)
{
	struct vm_page *junk[32];
	struct conf f;

	for (int round = 0; round < 10; round++) {
		conf_setup(&f);
		conf_fill(f.pg[0], 77);
		CONF_ENTER(&f, 0, 0, PROT_READ, PROT_READ);
		conf_on_each_hart(visit, &f);
		conf_teardown(&f);
		/* what were tables gets other contents; harts go on */
		for (size_t i = 0; i < nitems(junk); i++) {
			junk[i] = conf_page();
			conf_fill(junk[i], ~0UL);
		}
		kt_parallel((int)ncpus, (void (*)(void *))conf_pause, NULL, 0);
		for (size_t i = 0; i < nitems(junk); i++)
			conf_free_page(junk[i]);
	}
}

/* -- Hooks that may do nothing --------------------------------------------------------------- */

KTEST(conform_hooks_change_nothing)
{
	struct conf a, b;
	struct conf_user cu;

	conf_setup(&a);
	conf_setup(&b);
	conf_fill(a.pg[0], 1);
	conf_fill(b.pg[0], 2);
	CONF_ENTER(&a, 0, 0, RW, PMAP_WIRED);
	CONF_ENTER(&b, 0, 0, PROT_READ, 0);
	pmap_fork(a.pm, b.pm);
	conf_use(&cu, b.pm);
	pmap_remove_holes(&cu.cu_vm);
	KT_EQ(conf_peek(b.pm, AT(0)), 2);
	KT_EQ(conf_store(b.pm, AT(0), 1), EFAULT);
	conf_unuse(&cu);
	KT_EQ(conf_peek(a.pm, AT(0)), 1);
	KT_EQ(pmap_resident_count(a.pm), 1);
	KT_EQ(pmap_wired_count(a.pm), 1);
	KT_EQ(pmap_wired_count(b.pm), 0);
	pmap_update(a.pm);
	pmap_update(pmap_kernel());
	conf_teardown(&b);
	conf_teardown(&a);
}

KTEST(conform_prefer_never_lowers)
{
	for (int i = 0; i < 1000; i++) {
		vaddr_t va = trunc_page(kt_random() % VM_MAXUSER_ADDRESS);
		voff_t hint = (voff_t)trunc_page(kt_random() >> 8);
		vaddr_t got = pmap_prefer(hint, va);

		KT_CHECK(got >= va && (got & PAGE_MASK) == 0);
		KT_EQ(pmap_prefer(hint, got), got);
	}
}

/* Whatever it copies, it gives no right to write a page that is shared. */
KTEST(conform_copy_grants_nothing)
{
	struct conf a, b;
	vm_prot_t prot;

	conf_setup(&a);
	conf_setup(&b);
	for (int i = 0; i < 4; i++) {
		conf_fill(a.pg[i], 400 + i);
		CONF_ENTER(&a, i, i, PROT_READ, 0);
	}
	CONF_ENTER(&b, 2, 0, PROT_READ, 0);
	pmap_copy(b.pm, a.pm, AT(1), ptoa(4), AT(0));
	pmap_update(b.pm);
	for (int i = 0; i < 4; i++) {
		KT_EQ(conf_peek(a.pm, AT(i)), 400 + i);
		if (pmap_probe(b.pm, AT(1 + i), &prot)) {
			KT_EQ(prot & PROT_WRITE, 0);
			KT_CHECK(conf_maps(b.pm, AT(1 + i), a.pg[i]) ||
			    conf_maps(b.pm, AT(1 + i), b.pg[0]));
		}
		KT_EQ(conf_store(b.pm, AT(1 + i), 1), EFAULT);
		KT_EQ(conf_get(a.pg[i], 0), 400 + i);
	}
	conf_teardown(&b);
	conf_teardown(&a);
}
