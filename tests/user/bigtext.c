/*
 * A program of a few MiB, for root.c: 4 MiB of text, all of it functions that
 * return; initialized data that it changes, and memory that begins as zeros in
 * the middle of a page of the file.
 *
 *	bigtext touch N		calls N of its functions, far from each other
 *	bigtext hold N		the same, says so, and waits for a line
 *	bigtext args ...	prints its arguments
 */
#include "test.h"

#include <sched.h>

#define TEXT  ((size_t)4 << 20)
#define WORDS 20000

extern const char text_begin[], text_end[];
/* Nothing but "ret", 32 bits wide. */
__asm__(".text\n.balign 4096\n.globl text_begin, text_end\ntext_begin:\n"
	".fill 1048576, 4, 0x00008067\ntext_end:\n");

static uint64_t data[WORDS] = { 1, 2, 3, [WORDS - 1] = 4 };
static uint64_t zeros[WORDS];

static void
touch_text(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *fn =
		    text_begin + i * (TEXT / 4 / n) * 4 + i % 1024 * 4;

		((void (*)(void))(uintptr_t)fn)();
	}
}

/* As the file has it at every start, whatever another one did. */
static void
change_data(void)
{
	CHECK_EQ(data[0] + data[1] + data[2] + data[WORDS - 1], 10);
	for (size_t i = 3; i < WORDS - 1; i++)
		CHECK_EQ(data[i], 0);
	for (size_t i = 0; i < WORDS; i++)
		CHECK_EQ(zeros[i], 0);
	for (size_t i = 0; i < WORDS; i++)
		data[i] = zeros[i] = (uint64_t)getpid() + i;
	sched_yield();
	for (size_t i = 0; i < WORDS; i++)
		CHECK(data[i] == zeros[i] && data[i] == (uint64_t)getpid() + i);
}

int
main(int argc, char **argv)
{
	char c;

	CHECK(argc >= 3);
	CHECK_EQ(text_end - text_begin, TEXT);
	if (strcmp(argv[1], "args") == 0) {
		for (int i = 2; i < argc; i++)
			puts(argv[i]);
		return 0;
	}
	touch_text((size_t)atoi(argv[2]));
	change_data();
	if (strcmp(argv[1], "hold") == 0) {
		CHECK(write(1, "ready", 5) == 5);
		CHECK(read(0, &c, 1) >= 0);
	}
	return 0;
}
