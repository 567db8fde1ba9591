/* The same steps through each view of the interface. */
#ifndef _TESTS_KERN_KT_VIEWS_H_
#define _TESTS_KERN_KT_VIEWS_H_

#include <sys/param.h>

/*
 * Reserve three pages of zero-filled memory, touch two, free them; map, protect
 * and unmap a range.
 * => TRUE: every call did what its view promises
 */
bool views_steps_58(void);
bool views_steps_miros(void);
bool views_steps_nb7(void);

#define VIEW_PAGES   3
#define VIEW_TOUCHED 2

static inline bool
views_touch(vaddr_t va)
{
	for (int i = 0; i < VIEW_TOUCHED; i++) {
		volatile long *p = (volatile long *)(va + ptoa(i));

		if (*p != 0)
			return false;
		*p = i + 1;
	}
	return true;
}

#endif
