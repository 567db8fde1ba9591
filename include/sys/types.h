/* Basic types of the kernel (UVM-API.md 0.5). */
#ifndef _SYS_TYPES_H_
#define _SYS_TYPES_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/cdefs.h>

typedef unsigned long vaddr_t; /* virtual address, bytes */
typedef unsigned long vsize_t; /* size of a virtual range, bytes */
typedef unsigned long paddr_t; /* physical address, bytes */
typedef unsigned long psize_t; /* size of a physical range, bytes */
typedef unsigned long u_long;
typedef unsigned int u_int;
typedef unsigned char u_char;
typedef char *caddr_t;

#ifndef UVM_HOST_TYPES /* a host test may have libc's own */
typedef long ssize_t;
typedef int64_t off_t;
typedef int32_t pid_t;
typedef uint32_t uid_t;
typedef uint32_t gid_t;
typedef uint32_t mode_t;
typedef uint64_t dev_t;
typedef uint64_t ino_t;
typedef int64_t time_t;
#endif
typedef off_t voff_t; /* offset in a uvm_object, bytes */

typedef int boolean_t;
#define TRUE  1
#define FALSE 0

typedef int vm_prot_t; /* PROT_* mix */
typedef int vm_inherit_t; /* MAP_INHERIT_* */
typedef int vm_fault_t; /* VM_FAULT_* */
typedef int uvm_flag_t; /* UVM_MAPFLAG() word */

struct vm_map;
typedef struct vm_map *vm_map_t;
struct pmap;
typedef struct pmap *pmap_t;

#endif
