/* System parameters; what nearly every kernel file includes first. */
#ifndef _SYS_PARAM_H_
#define _SYS_PARAM_H_

#include <sys/types.h>
#include <machine/param.h> /* PAGE_SHIFT, USPACE, MAXCPUS */

#define PAGE_SIZE     (1UL << PAGE_SHIFT)
#define PAGE_MASK     (PAGE_SIZE - 1)
#define round_page(x) (((x) + PAGE_MASK) & ~PAGE_MASK)
#define trunc_page(x) ((x) & ~PAGE_MASK)
#define atop(x)       ((x) >> PAGE_SHIFT) /* bytes to pages */
#define ptoa(x)       ((paddr_t)(x) << PAGE_SHIFT) /* pages to bytes */

#define MAXBSIZE      (64 * 1024) /* largest single I/O, bytes */
#define MAXPATHLEN    1024
#define MAXCOMLEN     16

#define FSHIFT        11
#define FSCALE        (1 << FSHIFT)

/* Sleep priorities; PCATCH lets a signal end the sleep. */
#define PSWP    0
#define PVM     4
#define PRIBIO  16
#define PVFS    20
#define PZERO   22
#define PWAIT   32
#define PPAUSE  40
#define PUSER   50
#define PRIMASK 0x0ff
#define PCATCH  0x100

#endif
