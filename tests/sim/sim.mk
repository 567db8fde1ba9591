# The kernel as a process of the build machine; included by the top Makefile.
# tests/sim/README.md is the guide.
#
#	build/sim/sim-sv39		the Sv39 pmap on the adversarial MMU
#	build/sim/sim-ref		the reference pmap
#	build/sim/sim-*-asan		the same under ASan and UBSan
#	build/sim/sim-*-clang		clang's builds: must give the same hashes
#	build/sim/sim-sv39-cov		counts lines and branches (make sim-coverage)

# Kernel sources: everything but the machine's own and the first program.
SIM_KERN	:= $(filter-out kern/init_main.c, \
		   $(wildcard kern/*.c uvm/*.c lib/*.c fs/*.c fs/ext2/*.c))
SIM_SV39	:= $(filter-out pmap/sv39/pmap_hw.c pmap/sv39/pmap_boot.c, \
		   $(wildcard pmap/sv39/*.c)) $(wildcard pmap/host/mmu_*.c)
SIM_REF		:= $(wildcard pmap/host/pmap_ref*.c)
# What knows of Sv39's own state.
SIM_SV39 	+= tests/kern/kt_pmap.c $(wildcard pmap/sv39/audit/*.c)
SIM_MACHINE	:= $(filter-out tests/sim/host/host.c, \
		   $(wildcard tests/sim/host/*.c))
SIM_TESTS	:= $(filter-out tests/kern/kt_arch.c tests/kern/kt_pmap.c \
		   tests/kern/kt_virtio.c \
		   tests/conform/conform_guest.c, $(wildcard \
		   tests/kern/*.c tests/audit/*.c tests/conform/*.c))
SIM_PROG	:= $(wildcard tests/sim/prog*.c tests/sim/oracle*.c)
SIM_HOSTED	:= tests/sim/host/host.c $(wildcard tests/sim/main.c \
		   tests/sim/shrink*.c)

SIM_WARN	:= -std=gnu11 -g -fno-omit-frame-pointer -Wall -Wextra \
		   -Werror -Wno-unused-parameter
SIM_KFLAGS	= $(SIM_WARN) -ffreestanding -fno-builtin -nostdinc \
		  -isystem $(shell $(1) -print-file-name=include) \
		  -Itests/sim/include -Iinclude -Iarch/riscv/include -I. \
		  -fno-pie -fno-common -fno-strict-aliasing \
		  -DHOST_SIM -DFAULT_INJECT -D_KERNEL -DKGDB -DKTRACE \
		  -DSV39_UPPER=32UL
SIM_HFLAGS	:= $(SIM_WARN) -D_GNU_SOURCE -fno-pie -I. -Itests/sim
SIM_CHECKS	:= -DSIM_MUTANTS -DDIAGNOSTIC -DDEBUG
SIM_SAN		:= -fsanitize=address,undefined -fno-sanitize-recover=all

# The machine's memset() and memcpy() tell the MMU what they write; its zeroing
# of pages does, whatever a pmap zeroes with.
%/pmap/sv39/pmap.o %/pmap/host/pmap_ref.o: SIM_RENAME := \
	-Dpmap_zero_page=pmap_hw_zero_page \
	-Dpmap_pageidlezero=pmap_hw_pageidlezero
# When a pmap may not know yet that a page is modified.
%/pmap/sv39/pmap_pv.o: SIM_RENAME := -Dpmap_clear_modify=pmap_hw_clear_modify \
	-Dpmap_pages_clear_modify=pmap_hw_pages_clear_modify
%/lib/string.o: SIM_RENAME := -Dmemset=string_memset -Dmemcpy=string_memcpy

# $(1) name, $(2) compiler, $(3) flags, $(4) the pmap's sources, $(5) defines
define sim_variant
SIM_OBJ_$(1)	:= $$(patsubst %.c,$(B)/sim/$(1)/%.o,$$(SIM_KERN) $$(SIM_MACHINE) \
		   $$(SIM_TESTS) $$(SIM_PROG) $(4))
SIM_HOBJ_$(1)	:= $$(patsubst %.c,$(B)/sim/$(1)/%.host.o,$$(SIM_HOSTED)) \
		   $(B)/sim/$(1)/tests/sim/host/switch.o
$(B)/sim/$(1)/%.host.o: %.c tests/sim/sim.mk
	@mkdir -p $$(@D)
	$$(Q)$(2) $$(SIM_HFLAGS) $(3) -MMD -MP -c -o $$@ $$<
$(B)/sim/$(1)/%.o: %.S
	@mkdir -p $$(@D)
	$$(Q)$(2) -c -o $$@ $$<
$(B)/sim/$(1)/%.o: %.c tests/sim/sim.mk
	@mkdir -p $$(@D)
	$$(Q)$(2) $$(call SIM_KFLAGS,$(2)) $$(SIM_RENAME) $(5) $(3) -MMD -MP -c -o $$@ $$<
# One object, of which libc sees only the names in exports: the kernel has a
# printf of its own.
$(B)/sim/$(1)/kernel.o: $$(SIM_OBJ_$(1)) tests/sim/exports
	@echo "  SIM     $$@"
	$$(Q)ld -r -o $$@.all $$(SIM_OBJ_$(1))
	$$(Q)objcopy --wildcard --keep-global-symbols=tests/sim/exports $$@.all $$@
	$$(Q)rm -f $$@.all
$(B)/sim/sim-$(1): $(B)/sim/$(1)/kernel.o $$(SIM_HOBJ_$(1))
	$$(Q)$(2) -no-pie $(3) -o $$@ $$^
-include $$(SIM_OBJ_$(1):.o=.d) $$(SIM_HOBJ_$(1):.o=.d)
endef

$(eval $(call sim_variant,sv39,$(HOSTCC),-O2 $(SIM_CHECKS),$(SIM_SV39),))
$(eval $(call sim_variant,ref,$(HOSTCC),-O2 $(SIM_CHECKS),$(SIM_REF),-DPMAP_REF))
$(eval $(call sim_variant,sv39-asan,$(HOSTCC),-O1 $(SIM_CHECKS) $(SIM_SAN),$(SIM_SV39),))
$(eval $(call sim_variant,ref-asan,$(HOSTCC),-O1 $(SIM_CHECKS) $(SIM_SAN),$(SIM_REF),-DPMAP_REF))
$(eval $(call sim_variant,sv39-clang,$(HOSTCLANG),-O2 $(SIM_CHECKS),$(SIM_SV39),))
$(eval $(call sim_variant,ref-clang,$(HOSTCLANG),-O2 $(SIM_CHECKS),$(SIM_REF),-DPMAP_REF))
$(eval $(call sim_variant,sv39-cov,$(HOSTCC),-O0 --coverage -DSIM_COVERAGE -DDEBUG,$(SIM_SV39),))

# -- Verbs -----------------------------------------------------------------------

STEPS	?= 5000
SIM_PMAP ?= sv39

.PHONY: sim sim-soak sim-same sim-ktest test-sim sim-coverage
# One seed again, exactly.
sim: $(B)/sim/sim-$(SIM_PMAP)
	$(Q)$< --seed $(or $(SEED),1) --steps $(STEPS)

# New seeds on all cores, both pmaps in turn.
sim-soak: $(B)/sim/sim-ref $(B)/sim/sim-sv39
	$(Q)scripts/sim-soak --variants ref,sv39 --time '$(or $(TIME),10m)' --steps $(STEPS) $(if $(SEED),--seed $(SEED))

# Do both compilers' builds execute the same?  Both pmaps.
sim-same: $(B)/sim/sim-ref $(B)/sim/sim-ref-clang $(B)/sim/sim-sv39 \
	  $(B)/sim/sim-sv39-clang
	$(Q)scripts/sim-soak --variants '' --same ref,ref-clang --same sv39,sv39-clang --seed $(or $(SEED),1) --same-count $(or $(COUNT),400) --steps $(STEPS)

sim-ktest: $(B)/sim/sim-ref $(B)/sim/sim-sv39
	$(Q)scripts/sim-ktest $(if $(T),--name '$(T)') $(if $(SEED),--seed $(SEED))

# What `make test' runs: kept scripts, then always the same programs, also under
# the sanitizers, and some by both compilers.  New ones are make sim-soak's.
test-sim: $(B)/sim/sim-ref $(B)/sim/sim-sv39 $(B)/sim/sim-sv39-asan \
	  $(B)/sim/sim-sv39-clang
	$(Q)scripts/sim-soak --golden --same sv39,sv39-clang --seed $(or $(SEED),1) --count $(or $(COUNT),300) --steps 1000

# Three runs: the kernel's tests on both kinds of A and D bits, and programs.
SIM_COV		:= $(B)/sim/sim-sv39-cov
sim-coverage: $(SIM_COV)
	$(Q)scripts/sim-coverage --jobs 2 --missing $(B)/sim/coverage.txt \
	    --run "$(SIM_COV) --ktest all --seed 3" \
	    --run "$(SIM_COV) --ktest all --seed 4 --set ad=3 --set harts=2" \
	    --run "$(SIM_COV) --seeds 1-120 --steps 1000 --no-shrink"
