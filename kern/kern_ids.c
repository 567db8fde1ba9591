/*
 * User and group ids.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/proc.h>
#include <sys/syscall.h>

int
sys_getuid(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	*ret = p->p_p->ps_cred->cr_ruid;
	return 0;
}

int
sys_geteuid(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	*ret = p->p_p->ps_cred->cr_uid;
	return 0;
}

int
sys_getgid(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	*ret = p->p_p->ps_cred->cr_rgid;
	return 0;
}

int
sys_getegid(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	*ret = p->p_p->ps_cred->cr_gid;
	return 0;
}
