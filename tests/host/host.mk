# Tests that run on the build machine; included by the top Makefile, which
# sets B.  README.md says how to add one.
#	make test-host [T=name] [SEED=n]	under gcc's sanitizers
#	make test-host-clang [T=name] [SEED=n]	the same under clang's
#	make fuzz [FUZZ_TIME=seconds] [F=name]	libFuzzer, each target that long

HOSTCC		?= gcc
HOSTCLANG	?= clang
DTC		?= dtc
FUZZ_TIME	?= 10

# Sources that need nothing of a kernel.  Add yours; a file that is not there
# yet is left out.
PURE_LIB	:= $(addprefix lib/, string.c format.c sort.c fdt.c \
		   fdt_platform.c chacha20.c cpio.c bootargs.c diskpart.c)
PURE_DRV	:= drivers/virtio/virtqueue.c
PURE_UVM	?= $(wildcard uvm/uvm_maptree.c uvm/uvm_buddy.c \
		   uvm/uvm_pagetree.c uvm/uvm_pdpolicy.c uvm/uvm_swapmap.c \
		   uvm/uvm_amap_slots.c uvm/uvm_amap_cover.c)
PURE_MMU	:= $(wildcard pmap/host/mmu_*.c)
# All of ext2 but its vnodes; ktest_ext2_env.c is the kernel below it.
PURE_EXT2	:= kern/vfs_mcache.c \
		   $(filter-out %/ext2_vnops.c %/ext2_vfsops.c %/ext2_io.c, \
		   $(wildcard fs/ext2/*.c))
PURE_SRCS	+= $(PURE_LIB) $(PURE_DRV) $(PURE_UVM) $(PURE_MMU) $(PURE_EXT2)

HOST_TESTS	:= $(wildcard tests/host/main.c tests/host/test_*.c \
		   tests/host/oracle_*.c)
HOST_KTESTS	:= $(wildcard tests/host/ktest_*.c)
HOST_FUZZ	:= $(patsubst tests/host/fuzz/fuzz_%.c,%, \
		   $(wildcard tests/host/fuzz/fuzz_*.c))
HOST_DTBS	:= $(patsubst dts/%.dts,$(B)/dts/%.dtb,$(wildcard dts/*.dts))

HOST_SAN	:= -fsanitize=address,undefined -fno-sanitize-recover=all
HOST_FLAGS	:= -std=gnu11 -O1 -g -fno-omit-frame-pointer \
		   -Wall -Wextra -Werror -Wno-unused-parameter \
		   -DDTB_DIR='"$(B)/dts"' -Itests/host
# Code under test, and ktest_*.c: the kernel's headers, no libc, and our own
# memcpy and the like under another name.
HOST_KFLAGS	= $(HOST_FLAGS) -ffreestanding -fno-builtin \
		   -nostdinc -isystem $(shell $(1) -print-file-name=include) \
		   -include tests/host/rename.h -Iinclude -Iarch/riscv/include \
		   -I. -DHOST_TEST -D_KERNEL -DDIAGNOSTIC -DDEBUG
# test_*.c: libc's headers; <lib/...> is found, <sys/...> is libc's.
HOST_UFLAGS	:= $(HOST_FLAGS) -D_GNU_SOURCE -DHOST_TEST -idirafter include

# $(1) compiler, $(2) directory, $(3) sanitizer flags, $(4) sources under test
define host_objects
$(2)/%.pure.o: %.c tests/host/host.mk
	@mkdir -p $$(@D)
	@echo "  HOSTCC  $$<"
	$$(Q)$(1) $$(call HOST_KFLAGS,$(1)) $$(if $$(findstring clang,$(1)),,\
	    -fno-tree-loop-distribute-patterns) $(3) -MMD -MP -c -o $$@ $$<
$(2)/%.test.o: %.c tests/host/host.mk
	@mkdir -p $$(@D)
	@echo "  HOSTCC  $$<"
	$$(Q)$(1) $$(HOST_UFLAGS) $(3) -MMD -MP -c -o $$@ $$<
# An archive: a source whose hooks no test provides yet is not linked.
$(2)/libpure.a: $(4:%.c=$(2)/%.pure.o)
	$$(Q)rm -f $$@ && ar rcs $$@ $$^
-include $$(shell find $(2) -name '*.d' 2>/dev/null)
endef

# $(1) compiler, $(2) directory
define host_binary
$(call host_objects,$(1),$(2),$(HOST_SAN),$(PURE_SRCS))
$(2)/run-tests: $(HOST_KTESTS:%.c=$(2)/%.pure.o) \
    $(HOST_TESTS:%.c=$(2)/%.test.o) $(2)/libpure.a
	@echo "  HOSTLD  $$@"
	$$(Q)$(1) $(HOST_SAN) -o $$@ $$^ -lfdt
endef

$(eval $(call host_binary,$(HOSTCC),$(B)/host))
$(eval $(call host_binary,$(HOSTCLANG),$(B)/host-clang))
$(eval $(call host_objects,$(HOSTCLANG),$(B)/fuzz,$(HOST_SAN) -fsanitize=fuzzer-no-link,$(PURE_LIB) $(PURE_DRV) $(PURE_EXT2) tests/host/ktest_ext2_env.c tests/host/ktest_ext2_walk.c))

# The nasty trees are meant to be wrong: warnings would only be noise.
$(B)/dts/%.dtb: dts/%.dts
	@mkdir -p $(@D)
	@echo "  DTC     $<"
	$(Q)$(DTC) -q -q -f -I dts -O dtb -o $@ $<

HOST_ARGS = $(if $(T),--name $(T)) $(if $(SEED),--seed $(SEED))

.PHONY: test-host test-host-clang fuzz
test-host: $(B)/host/run-tests $(HOST_DTBS)
	$(Q)$< --rerun test-host $(HOST_ARGS)

test-host-clang: $(B)/host-clang/run-tests $(HOST_DTBS)
	$(Q)$< --rerun test-host-clang $(HOST_ARGS)

$(B)/fuzz/fuzz_%: $(B)/fuzz/tests/host/fuzz/fuzz_%.test.o $(B)/fuzz/libpure.a
	@echo "  HOSTLD  $@"
	$(Q)$(HOSTCLANG) $(HOST_SAN) -fsanitize=fuzzer -o $@ $^

fuzz: $(addprefix fuzz-,$(or $(F),$(HOST_FUZZ)))
.PHONY: $(addprefix fuzz-,$(HOST_FUZZ))
$(addprefix fuzz-,$(HOST_FUZZ)): fuzz-%: $(B)/fuzz/fuzz_% $(HOST_DTBS)
	$(Q)tests/host/fuzz/run $(B)/fuzz $* $(FUZZ_TIME) $(B)/dts
.SECONDARY:
