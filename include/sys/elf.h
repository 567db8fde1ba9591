/* ELF: executables, as the generic and the RISC-V specification define them. */
#ifndef _SYS_ELF_H_
#define _SYS_ELF_H_

#include <sys/types.h>

#define ELF_MAG0              0x7f
#define ELFCLASS64            2
#define ELFDATA2LSB           1
#define EV_CURRENT            1
#define ET_EXEC               2
#define ET_DYN                3
#define ET_CORE               4
#define EM_RISCV              243

#define PT_NULL               0
#define PT_LOAD               1
#define PT_DYNAMIC            2
#define PT_INTERP             3
#define PT_NOTE               4
#define PT_PHDR               6

#define EF_RISCV_RVC          0x1
#define EF_RISCV_FLOAT_DOUBLE 0x4

#define PF_X                  1
#define PF_W                  2
#define PF_R                  4

/* Members as in the file; no locks. Fields [c]: of whoever made the copy. */
struct elf64_ehdr {
	uint8_t e_ident[16]; /* magic, class, data, version */
	uint16_t e_type;
	uint16_t e_machine;
	uint32_t e_version;
	uint64_t e_entry;
	uint64_t e_phoff;
	uint64_t e_shoff;
	uint32_t e_flags;
	uint16_t e_ehsize;
	uint16_t e_phentsize;
	uint16_t e_phnum;
	uint16_t e_shentsize;
	uint16_t e_shnum;
	uint16_t e_shstrndx;
};
CTASSERT(sizeof(struct elf64_ehdr) == 64);

/* Fields [c]: of whoever made the copy. */
struct elf64_phdr {
	uint32_t p_type;
	uint32_t p_flags;
	uint64_t p_offset;
	uint64_t p_vaddr;
	uint64_t p_paddr;
	uint64_t p_filesz;
	uint64_t p_memsz;
	uint64_t p_align;
};
CTASSERT(sizeof(struct elf64_phdr) == 56);

/* Auxiliary vector. */
#define AT_NULL   0
#define AT_PHDR   3
#define AT_PHENT  4
#define AT_PHNUM  5
#define AT_PAGESZ 6
#define AT_BASE   7
#define AT_FLAGS  8
#define AT_ENTRY  9
#define AT_UID    11
#define AT_EUID   12
#define AT_GID    13
#define AT_EGID   14
#define AT_HWCAP  16
#define AT_CLKTCK 17
#define AT_SECURE 23
#define AT_RANDOM 25
#define AT_EXECFN 31

#endif
