# One kernel image, its initramfs and its tests.  `make help` lists the verbs.
B	?= build
CROSS	?= riscv64-linux-gnu-
CC	:= $(CROSS)gcc
LD	:= $(CROSS)ld
OBJCOPY	:= $(CROSS)objcopy
NM	:= $(CROSS)nm
MEM	?= 256M
SMP	?= 2
BOARD	?= virt
DEBUG	?= 0
Q	:= $(if $(V),,@)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += -rR

WARN	:= -Wall -Wextra -Werror -Wundef -Wshadow -Wstrict-prototypes \
	   -Wmissing-prototypes -Wpointer-arith -Wno-unused-parameter
DEFS	:= -D_KERNEL -DDIAGNOSTIC -DKTRACE -DKGDB
ifneq ($(DEBUG),0)
DEFS	+= -DDEBUG -DFAULT_INJECT
endif
KINC	:= -Iinclude -Iarch/riscv/include -I.
KFLAGS	:= -std=gnu11 -O2 -g -ffreestanding -fno-builtin -nostdinc \
	   -isystem $(shell $(CC) -print-file-name=include 2>/dev/null) \
	   -march=rv64imafdc_zicsr_zifencei -mabi=lp64 -mcmodel=medany \
	   -mstrict-align -mno-relax -msmall-data-limit=0 \
	   -fno-pie -fno-pic -fno-common -fno-strict-aliasing \
	   -fno-tree-loop-distribute-patterns -fno-jump-tables \
	   -fno-stack-protector -fno-asynchronous-unwind-tables \
	   -fno-omit-frame-pointer -ffunction-sections -fdata-sections \
	   $(KINC) $(DEFS) $(WARN) $(KEXTRA)

KDIRS	:= arch/riscv kern uvm pmap/sv39 fs fs/ext2 drivers/uart drivers/virtio lib
KSRC	:= $(sort $(foreach d,$(KDIRS),$(wildcard $d/*.c $d/*.S)))
KOBJ	:= $(patsubst %,$(B)/obj/%.o,$(basename $(KSRC)))
# The kernel's own tests make an image of their own: build/Image-test.
# conform_host.c is for the machine that builds.
TSRC	:= $(sort $(wildcard tests/kern/*.c tests/audit/*.c \
	   pmap/sv39/audit/*.c) \
	   $(filter-out %/conform_host.c,$(wildcard tests/conform/*.c)))
TOBJ	:= $(patsubst %,$(B)/obj/%.o,$(basename $(TSRC)))

.PHONY: all kernel run disk test test-host test-guest test-mutants bench bench-linux report debug \
	help clean lint format deps-run deps-test

all: $(B)/Image $(B)/kernel.elf $(B)/initramfs.cpio

include user/user.mk
include tests/host/host.mk
include tests/views/views.mk
include tests/sim/sim.mk

# -- Kernel --------------------------------------------------------------------

# A change of flags rebuilds everything.
$(B)/obj/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(KFLAGS)' | cmp -s - $@ || echo '$(CC) $(KFLAGS)' > $@
FORCE:

$(B)/obj/%.o: %.c $(B)/obj/flags
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(KFLAGS) $(VERSIONDEF) -MMD -MP -c -o $@ $<
$(B)/obj/kern/init_main.o: VERSIONDEF = \
    -DVERSION='"$(shell git describe --always 2>/dev/null || echo unknown)"'

$(B)/obj/%.o: %.S $(B)/obj/flags
	@mkdir -p $(@D)
	@echo "  AS      $<"
	$(Q)$(CC) $(KFLAGS) -D__ASSEMBLER__ -MMD -MP -c -o $@ $<

# Linked twice: the symbol table of the first link becomes part of the second.
# $(1): kernel or kernel-test, $(2): objects
define kernel_link
$(B)/$(1).elf: $(2) arch/riscv/kernel.ld scripts/mksyms
	@echo "  LD      $$@"
	$(Q)scripts/mksyms --empty > $(B)/obj/$(1)-syms0.S
	$(Q)$(CC) $(KFLAGS) -c -o $(B)/obj/$(1)-syms0.o $(B)/obj/$(1)-syms0.S
	$(Q)$(LD) $(KLDFLAGS) -o $(B)/obj/$(1)0.elf $(2) $(B)/obj/$(1)-syms0.o
	$(Q)$(NM) -n $(B)/obj/$(1)0.elf | scripts/mksyms > $(B)/obj/$(1)-syms1.S
	$(Q)$(CC) $(KFLAGS) -c -o $(B)/obj/$(1)-syms1.o $(B)/obj/$(1)-syms1.S
	$(Q)$(LD) $(KLDFLAGS) -o $$@ $(2) $(B)/obj/$(1)-syms1.o
endef
KLDFLAGS := -nostdlib --gc-sections --no-relax -z max-page-size=4096 \
	    -T arch/riscv/kernel.ld
$(eval $(call kernel_link,kernel,$(KOBJ)))
$(eval $(call kernel_link,kernel-test,$(KOBJ) $(TOBJ)))

$(B)/Image: $(B)/kernel.elf
$(B)/Image-test: $(B)/kernel-test.elf
$(B)/Image $(B)/Image-test:
	$(Q)$(OBJCOPY) -O binary $< $@
	@ls -l $@ | awk '{ print "  IMAGE   $@  " $$5 " bytes" }'

kernel: $(B)/Image

-include $(KOBJ:.o=.d) $(TOBJ:.o=.d)

# -- Running --------------------------------------------------------------------

# Installed first, so that the toolchain is there when this make looks for it.
deps-run:
	@scripts/install-deps run
deps-test:
	@scripts/install-deps test

QEMU	:= qemu-system-riscv64
QEMUARGS = -machine $(BOARD) -smp $(SMP) -m $(MEM) -nographic -bios default \
	   -kernel $(B)/Image -initrd $(B)/initramfs.cpio \
	   $(if $(BOOTARGS),-append '$(BOOTARGS)') $(if $(DISK),$(call \
	   drive,disk,$(DISK),)) $(if $(SWAP),$(call \
	   drive,swap,$(SWAPFILE),$(comma)cache=unsafe)) $(if $(ROOT),$(call \
	   drive,root,$(ROOTFILE),)) $(QEMUEXTRA)
# With SWAP the kernel is told to page to that disk, and with ROOT to use that
# one as its root, unless APPEND says where.
BOOTARGS = $(strip $(if $(SWAP),$(if $(filter swap=%,$(APPEND)),,$(if \
	   $(DISK),swap=vdb,swap=vda))) $(if $(ROOT),$(if $(filter \
	   root=%,$(APPEND)),,root=$(ROOTDEV))) $(APPEND))
# $(1) name, $(2) file, $(3) options: the first is vda in the guest
drive	= -drive file=$(2),format=raw,if=none,id=$(1)$(3) \
	  -device virtio-blk-device,drive=$(1),serial=$(1)
comma	:= ,
# SWAP is a size or a file.
SWAPFILE = $(or $(wildcard $(SWAP)),$(B)/swap.img)
# ROOT is "disk", which is kept from run to run, or a file; the last disk.
ROOTFILE = $(if $(filter disk,$(ROOT)),$(B)/disk.img,$(ROOT))
ROOTDEV  = $(if $(DISK),$(if $(SWAP),vdc,vdb),$(if $(SWAP),vdb,vda))
DISKSIZE ?= 256M

# What is on it is somebody's: it is made once, and again by `make disk' only.
$(B)/disk.img: | $(B)/user/box
	@echo "  DISK    $@"
	$(Q)scripts/mkinitramfs --ext2 $(DISKSIZE) --box $(B)/user/box --output $@
disk: deps-run
	@rm -f $(B)/disk.img
	@$(MAKE) --no-print-directory $(B)/disk.img

run: deps-run
	@$(MAKE) --no-print-directory all $(if $(filter disk,$(ROOT)),$(B)/disk.img)
	@$(if $(filter disk,$(ROOT)),[ ! $(B)/user/box -nt $(B)/disk.img ] || \
	    echo "$(B)/disk.img has older programs: make disk makes it anew.")
	@$(if $(ROOT),PATH=$$PATH:/sbin:/usr/sbin e2fsck -y $(ROOTFILE); \
	    [ $$? -lt 4 ])
	@$(if $(SWAP),[ $(SWAPFILE) = '$(SWAP)' ] || { \
	    truncate -s 0 $(SWAPFILE) && truncate -s $(SWAP) $(SWAPFILE); })
	@echo "Booting $(BOARD): $(SMP) harts, $(MEM).  Ctrl-A X leaves."
	@$(QEMU) $(QEMUARGS)

# Halted before the first instruction; gdb attaches by itself.
debug: deps-test
	@$(MAKE) --no-print-directory all
	@scripts/debug $(B) $(QEMU) $(QEMUARGS)

# -- Testing ---------------------------------------------------------------------

test: deps-test
	@$(MAKE) --no-print-directory all $(B)/Image-test
	@scripts/test-all

test-guest: deps-test
	@$(MAKE) --no-print-directory all $(B)/Image-test
	@scripts/testrun $(if $(T),--name $(T)) $(if $(SEED),--seed $(SEED)) \
	    $(if $(ROOT),--root 256M)

# Do the tools notice defects on purpose? [T=GLOBS] [SEED=n] [BUDGET=s] [DEEP=n]
test-mutants: deps-test
	@$(MAKE) --no-print-directory $(B)/sim/sim-sv39
	@scripts/mutants $(if $(T),--name '$(T)') $(if $(SEED),--seed $(SEED)) \
	    $(if $(BUDGET),--budget $(BUDGET)) $(if $(DEEP),--deep $(DEEP))

bench: deps-run
	@$(MAKE) --no-print-directory all $(B)/user/vmbench $(B)/user/swapcost $(B)/user/filebench
	@scripts/bench $(BENCHARGS)

bench-linux: deps-run
	@$(MAKE) --no-print-directory all $(B)/user/vmbench $(B)/user/swapcost $(B)/user/filebench
	@scripts/bench --linux $(BENCHARGS)

# Memory pressure, plotted: build/report.html [REPORTARGS='--mem 48M --procs 2']
report: deps-run
	@$(MAKE) --no-print-directory all
	@scripts/report $(REPORTARGS)

lint:
	@scripts/lint

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

clean:
	rm -rf $(B)

help:
	@echo "make             kernel (build/Image, build/kernel.elf) and initramfs"
	@echo "make run         boot to a shell [MEM=256M] [SMP=2] [APPEND='aslr=0']"
	@echo "                 [DISK=FILE] [SWAP=512M|FILE: paged to]"
	@echo "                 [ROOT=disk|FILE: root on build/disk.img, which is kept]"
	@echo "make disk        that image anew [DISKSIZE=256M]"
	@echo "make test        every test; last line: N passed, N failed, N skipped"
	@echo "make test-host   tests on this machine, under ASan and UBSan [T=name] [SEED=n]"
	@echo "make test-guest  tests in the booted kernel [T=name] [SEED=n] [ROOT=disk]"
	@echo "make test-mutants  defects on purpose: which are noticed [T=GLOB] [BUDGET=s]"
	@echo "make fuzz        libFuzzer on the readers [FUZZ_TIME=10]"
	@echo "make sim         one random program in the simulator [SEED=n] [STEPS=m]"
	@echo "make sim-soak    new ones on all cores [TIME=10m]"
	@echo "make sim-same    both compilers' builds execute the same [SEED=n] [COUNT=400]"
	@echo "make sim-ktest   the kernel's tests in the simulator [T=name] [SEED=n]"
	@echo "make sim-coverage  lines and branches of uvm/ and pmap/sv39 it reaches"
	@echo "make bench       instructions per operation, beside baseline and Linux"
	@echo "                 [BENCHARGS=--swap: paging, by the clock and by the page]"
	@echo "                 [BENCHARGS=--file: files on a disk, the same way]"
	@echo "make bench-linux the same, with Debian's Linux measured in the same run"
	@echo "make report      memory pressure plotted over time: build/report.html"
	@echo "make debug       boot halted, attach gdb"
	@echo "make lint        include rules, formatting, names"
	@echo "make clean       remove build/"
	@echo "scripts/vmrun -- CMD ARGS   boot, run one command, exit with its status"
