# User programs and the base initramfs.  Included by the top Makefile, which
# sets B (build folder), CROSS (tool prefix) and Q (@ unless V is set).
B     ?= build
CROSS ?= riscv64-linux-gnu-

USER_CC     := $(CROSS)gcc
USER_CFLAGS := -std=gnu11 -Os -g -Wall -Wextra -Werror -D_GNU_SOURCE \
	-ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables \
	-idirafter include
USER_LDFLAGS := -static -Wl,--gc-sections

BOX_SRCS := $(filter-out user/vmbench.c,$(wildcard user/*.c))
BOX_OBJS := $(BOX_SRCS:user/%.c=$B/user/obj/%.o)

$B/user/obj/%.o: user/%.c user/user.mk
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(USER_CC) $(USER_CFLAGS) -MMD -MP -c -o $@ $<

$B/user/box: $(BOX_OBJS)
	@echo "  LD      $@"
	$(Q)$(USER_CC) $(USER_LDFLAGS) -o $@.debug $(BOX_OBJS)
	$(Q)$(CROSS)strip -o $@ $@.debug

# The benchmark keeps the flags the reference figures were taken with.
$B/user/vmbench: user/vmbench.c user/user.mk
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(USER_CC) -std=gnu11 -O2 -Wall -Wextra -Werror -static -o $@ $<

$B/user/swapcost $B/user/filebench: $B/user/%: bench/%.c bench/spinner.h \
    user/user.mk
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(USER_CC) -std=gnu11 -O2 -Wall -Wextra -Werror -static -D_GNU_SOURCE \
	    -idirafter include -o $@ $<

$B/initramfs.cpio: $B/user/box user/applets.h scripts/mkinitramfs
	@echo "  CPIO    $@"
	$(Q)scripts/mkinitramfs --box $B/user/box --output $@

-include $(BOX_OBJS:.o=.d)
