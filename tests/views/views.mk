# The three views of the interface (UVM-API.md 4): every function has exactly
# the type its manual page prints, all views link into one kernel, and two
# views in one unit are refused.  Included by the top Makefile.

VIEW_SRC	:= $(filter-out %/both.c,$(wildcard tests/views/*.c))
VIEW_OBJ	:= $(patsubst %.c,$(B)/obj/%.o,$(VIEW_SRC))

.PHONY: test-views
test-views: $(B)/views.elf $(B)/views.refused
	@echo "ok - views: $(words $(VIEW_SRC)) units compile and link"

# Without --gc-sections, so that every reference counts.
$(B)/views.elf: $(VIEW_OBJ) $(B)/kernel.elf
	@echo "  LD      $@"
	$(Q)$(LD) -nostdlib --no-relax -z max-page-size=4096 \
	    -T arch/riscv/kernel.ld -o $@ $(KOBJ) $(B)/obj/kernel-syms1.o $(VIEW_OBJ)

$(B)/views.refused: tests/views/both.c $(B)/obj/flags
	@echo "  CC      $< (must fail)"
	$(Q)if $(CC) $(KFLAGS) -c -o /dev/null $< 2> $@; then \
	    echo "$<: two views were accepted"; rm -f $@; exit 1; fi
	$(Q)grep -q 'pick one UVM view' $@ || { cat $@; rm -f $@; exit 1; }
