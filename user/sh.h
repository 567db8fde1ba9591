/*
 * The shell's insides.  sh.c reads and drives, sh_parse.c makes a tree of
 * nodes, sh_exec.c walks it, sh_expand.c turns words into arguments,
 * sh_var.c keeps variables, sh_builtin.c the commands that run inside.
 *
 * The shell is one thread; its state is the global `sh', which needs no lock.
 */
#ifndef SH_H
#define SH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Memory of one parsed command, freed in one go. */
struct arena {
	struct chunk *chunks;
	bool keep; /* a function lives in it */
};

void *arena_alloc(struct arena *a, size_t size);
void arena_free(struct arena *a);

/* A growing string. */
struct buf {
	char *s;
	size_t len, cap;
};

void buf_add(struct buf *b, const char *s, size_t len);
void buf_putc(struct buf *b, char c);

/*
 * The string so far, ended by a NUL.
 * => owned by the buffer
 */
char *buf_str(struct buf *b);
void buf_free(struct buf *b);

/* A list of strings, NULL-terminated as execve wants it. */
struct args {
	char **v;
	int n, cap;
};

void args_add(struct args *a, char *s); /* takes ownership of s */
void args_free(struct args *a);

struct word {
	char *text; /* as written, quotes and all */
	struct word *next;
};

enum redir_kind { R_IN, R_OUT, R_APPEND, R_RDWR, R_DUP };

struct redir {
	enum redir_kind kind;
	int fd;
	char *target;
	struct redir *next;
};

enum node_kind {
	N_SIMPLE, /* assigns, words, redirs */
	N_PIPE, /* a | b */
	N_AND, /* a && b */
	N_OR, /* a || b */
	N_SEQ, /* a ; b */
	N_NOT, /* ! a */
	N_BACKGROUND, /* a & */
	N_SUBSHELL, /* ( a ) */
	N_GROUP, /* { a } */
	N_IF, /* a: condition, b: then, c: else */
	N_WHILE, /* a: condition, b: body */
	N_UNTIL, /* the same */
	N_FOR, /* words[0] in words[1...]; b: body */
	N_CASE, /* words[0]; items in a, linked by c */
	N_ITEM, /* words: patterns; b: body; c: next item */
	N_FUNC, /* words[0]; b: body */
};

struct node {
	enum node_kind kind;
	struct node *a, *b, *c;
	struct word *assigns, *words;
	struct redir *redirs;
	bool has_in; /* N_FOR: with a list of words */
};

/* Where commands are read from. */
struct source {
	struct buf text;
	size_t pos;
	int fd; /* read on from here; -1: text is all */
	bool interactive; /* prompt before reading */
	bool eof;
};

/*
 * The next character, 0 at the end; the one after n others.
 */
int source_peek(struct source *s, size_t n);

/*
 * Parse one complete command, up to the end of its line.
 * => 1 and a node (NULL for an empty line), 0 at the end of input,
 *    -1 and a message on a syntax error
 */
int parse_command(struct source *s, struct arena *a, struct node **out);

/* Why lists are being left. */
enum leaving {
	LEAVE_NOT,
	LEAVE_BREAK,
	LEAVE_CONTINUE,
	LEAVE_RETURN,
	LEAVE_LINE
};

struct shell {
	int status; /* $? */
	int substituted; /* status of the last $(...) in this command, or 0 */
	pid_t pid; /* $$ */
	pid_t last_bg; /* $! */
	const char *name; /* $0 */
	char **params; /* $1 ... */
	int nparams;
	bool interactive;
	bool job_control; /* process groups for jobs */
	bool in_child; /* forked: may exit instead of returning */
	bool errexit, xtrace;
	int no_errexit; /* depth of conditions being evaluated */
	int loops; /* depth of loops being run */
	enum leaving leaving;
	int leave_depth; /* loops to leave still */
	struct arena *arena; /* of the command being run */
};

extern struct shell sh;
extern volatile int sh_interrupted; /* set by SIGINT at the prompt */

/*
 * Read and run all commands of a source.
 */
void run_source(struct source *s);
void run_string(const char *text);

/*
 * Run a script file with the parameters as they are.
 * => 0, or -1 with errno when it cannot be read
 */
int run_file(const char *path);

/*
 * Walk a tree.
 * => the exit status, which is in sh.status too
 */
int exec_node(struct node *n);

/*
 * Fork for a shell that goes on in the child.
 * => as fork(); -1 with a message
 */
pid_t fork_shell(void);

/*
 * Wait for a child.
 * => its status as $? shows it
 */
int wait_for(pid_t pid);
void note_background(pid_t pid);
int wait_background(pid_t pid); /* pid 0: all; 127: not a child */
void reap_background(void);

/* Give the terminal to a process group, if there is job control. */
void give_terminal(pid_t pgid);

/* Signals of a child that is about to run a command. */
void reset_signals(bool background);

void define_function(const char *name, struct node *body);
struct node *find_function(const char *name);
bool forget_function(const char *name);

/*
 * Expansion: words to arguments; one word to one string; to a pattern.
 * => the caller frees the result
 */
void expand_words(const struct word *w, struct args *out);
char *expand_string(const char *word);
char *expand_pattern(const char *word);

/* Does the string match the pattern (*, ?, [set], \c)? */
bool pattern_match(const char *pattern, const char *s);

/* Variables; values are owned by the table. */
const char *var_get(const char *name);
void var_set(const char *name, const char *value);
void var_export(const char *name);
void var_unset(const char *name);
void var_print(bool exported_only);
void var_import(char **environment);
char **var_environ(void); /* fresh; entries are the table's */
bool is_name(const char *s, size_t len);

/*
 * Evaluate an arithmetic expression.
 * => 0, or -1 and a message
 */
int arith(const char *expr, long *out);

typedef int builtin_fn(int argc, char **argv);

/*
 * => NULL when the shell has no such command
 */
builtin_fn *find_builtin(const char *name);

#endif /* !SH_H */
