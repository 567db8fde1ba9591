/*
 * Commands to trees.
 *
 *	line:     list newline
 *	list:     and-or [(; | &) and-or] ...
 *	and-or:   pipeline [(&& | ||) pipeline] ...
 *	pipeline: [!] command [| command] ...
 *	command:  assignments, words and redirections; or a compound
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "box.h"
#include "sh.h"

enum token {
	T_END,
	T_NEWLINE,
	T_WORD,
	T_SEMI,
	T_DSEMI,
	T_AMP,
	T_AND,
	T_OR,
	T_PIPE,
	T_LPAREN,
	T_RPAREN,
	T_REDIR
};

struct parser {
	struct source *src;
	struct arena *arena;
	enum token token;
	char *text; /* T_WORD */
	enum redir_kind redir; /* T_REDIR */
	int redir_fd; /* T_REDIR */
	struct buf word; /* being collected */
	int depth; /* of nested commands */
	jmp_buf escape; /* of the syntax error */
};

/* Deeper nesting would exhaust the stack before it makes sense. */
#define MAX_DEPTH 200

static struct node *parse_list(struct parser *p, bool newlines);

static void __attribute__((noreturn))
syntax_error(struct parser *p, const char *what)
{
	complainx("syntax error: %s", what);
	longjmp(p->escape, 1);
}

static void __attribute__((noreturn)) unexpected(struct parser *p)
{
	static const char *const names[] = { "end of input", "newline", "word",
		";", ";;", "&", "&&", "||", "|", "(", ")", "redirection" };
	char what[80];

	snprintf(what, sizeof(what), "unexpected %s",
	    p->token == T_WORD ? p->text : names[p->token]);
	syntax_error(p, what);
}

/* -- Tokens --------------------------------------------------------------- */

static int
take(struct parser *p)
{
	int c = source_peek(p->src, 0);

	if (c == 0)
		syntax_error(p, "unexpected end of input in a word");
	p->src->pos++;
	buf_putc(&p->word, (char)c);
	return c;
}

/*
 * Take everything up to the closing character, with what is nested in it.
 * The opening one has been taken.
 */
static void
take_until(struct parser *p, int close)
{
	int c;

	if (++p->depth > MAX_DEPTH)
		syntax_error(p, "nested too deeply");
	while ((c = take(p)) != close) {
		if (close == '\'')
			continue;
		if (c == '\\')
			take(p);
		else if (c == '\'' && close != '"')
			take_until(p, '\'');
		else if (c == '"' || c == '`')
			take_until(p, c);
		else if (c == '(' && close != '"' && close != '}')
			take_until(p, ')');
		else if (c == '$' && source_peek(p->src, 0) == '{')
			take(p), take_until(p, '}');
		else if (c == '$' && source_peek(p->src, 0) == '(')
			take(p), take_until(p, ')');
	}
	p->depth--;
}

static bool
ends_word(int c)
{
	return c == 0 || strchr(" \t\n;&|<>()", c) != NULL;
}

static void
take_word(struct parser *p)
{
	int c;

	p->word.len = 0;
	while (!ends_word(source_peek(p->src, 0))) {
		if (source_peek(p->src, 0) == '\\' &&
		    source_peek(p->src, 1) == '\n') {
			p->src->pos += 2;
			continue;
		}
		c = take(p);
		if (c == '\\' && source_peek(p->src, 0) != 0)
			take(p);
		else if (c == '\'' || c == '"' || c == '`')
			take_until(p, c);
		else if (c == '$' && source_peek(p->src, 0) == '{')
			take(p), take_until(p, '}');
		else if (c == '$' && source_peek(p->src, 0) == '(')
			take(p), take_until(p, ')');
	}
	p->token = T_WORD;
	p->text = arena_alloc(p->arena, p->word.len + 1);
	memcpy(p->text, p->word.s, p->word.len);
}

static void
take_redirection(struct parser *p, int fd)
{
	static const struct {
		char text[3];
		enum redir_kind kind;
		int fd;
	} table[] = { { ">>", R_APPEND, 1 }, { ">&", R_DUP, 1 },
		{ ">|", R_OUT, 1 }, { "<&", R_DUP, 0 }, { "<>", R_RDWR, 0 },
		{ ">", R_OUT, 1 }, { "<", R_IN, 0 } };
	size_t i = 0, len;

	if (source_peek(p->src, 0) == '<' && source_peek(p->src, 1) == '<')
		syntax_error(p, "<< is not supported, use a file");
	for (;; i++) {
		len = strlen(table[i].text);
		if (source_peek(p->src, 0) == table[i].text[0] &&
		    (len == 1 || source_peek(p->src, 1) == table[i].text[1]))
			break;
	}
	p->src->pos += len;
	p->token = T_REDIR;
	p->redir = table[i].kind;
	p->redir_fd = fd >= 0 ? fd : table[i].fd;
}

static void
skip_blanks(struct source *s)
{
	for (;;) {
		int c = source_peek(s, 0);

		if (c == ' ' || c == '\t' || c == '\r')
			s->pos++;
		else if (c == '\\' && source_peek(s, 1) == '\n')
			s->pos += 2;
		else
			break;
	}
	if (source_peek(s, 0) == '#')
		while (source_peek(s, 0) != '\n' && source_peek(s, 0) != 0)
			s->pos++;
}

static void
next(struct parser *p)
{
	static const struct {
		char text[3];
		enum token token;
	} table[] = { { "&&", T_AND }, { "||", T_OR }, { ";;", T_DSEMI },
		{ "\n", T_NEWLINE }, { ";", T_SEMI }, { "&", T_AMP },
		{ "|", T_PIPE }, { "(", T_LPAREN }, { ")", T_RPAREN } };
	struct source *s = p->src;
	int c, c1;

	skip_blanks(s);
	c = source_peek(s, 0);
	if (c == 0) {
		p->token = T_END;
		return;
	}
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		size_t len = strlen(table[i].text);

		if (c == table[i].text[0] &&
		    (len == 1 || source_peek(s, 1) == table[i].text[1])) {
			s->pos += len;
			p->token = table[i].token;
			return;
		}
	}
	if (c == '<' || c == '>') {
		take_redirection(p, -1);
		return;
	}
	if (c >= '0' && c <= '9') {
		c1 = source_peek(s, 1);
		if (c1 == '<' || c1 == '>') {
			s->pos++;
			take_redirection(p, c - '0');
			return;
		}
	}
	take_word(p);
}

/* -- Grammar -------------------------------------------------------------- */

static struct node *
new_node(struct parser *p, enum node_kind kind, struct node *a, struct node *b)
{
	struct node *n = arena_alloc(p->arena, sizeof(*n));

	n->kind = kind;
	n->a = a;
	n->b = b;
	return n;
}

static bool
at_word(const struct parser *p, const char *word)
{
	return p->token == T_WORD && strcmp(p->text, word) == 0;
}

static void
expect_word(struct parser *p, const char *word)
{
	if (!at_word(p, word))
		unexpected(p);
	next(p);
}

static void
skip_newlines(struct parser *p)
{
	while (p->token == T_NEWLINE)
		next(p);
}

/*
 * Words that end a list when they stand where a command would.
 */
static bool
at_closing_word(const struct parser *p)
{
	static const char *const closing[] = { "then", "else", "elif", "fi",
		"do", "done", "esac", "}" };

	for (size_t i = 0; i < sizeof(closing) / sizeof(closing[0]); i++)
		if (at_word(p, closing[i]))
			return true;
	return false;
}

static void
add_word(struct parser *p, struct word ***tail)
{
	struct word *w = arena_alloc(p->arena, sizeof(*w));

	w->text = p->text;
	**tail = w;
	*tail = &w->next;
	next(p);
}

static struct redir **
parse_redirection(struct parser *p, struct redir **tail)
{
	struct redir *r = arena_alloc(p->arena, sizeof(*r));

	r->kind = p->redir;
	r->fd = p->redir_fd;
	next(p);
	if (p->token != T_WORD)
		unexpected(p);
	r->target = p->text;
	next(p);
	*tail = r;
	return &r->next;
}

static bool
is_assignment(const char *text)
{
	const char *equals = strchr(text, '=');

	return equals != NULL && is_name(text, (size_t)(equals - text));
}

static struct node *parse_command_node(struct parser *p);

static struct node *
parse_function(struct parser *p, struct node *n)
{
	next(p);
	if (p->token != T_RPAREN)
		unexpected(p);
	next(p);
	skip_newlines(p);
	n->kind = N_FUNC;
	n->b = parse_command_node(p);
	return n;
}

static struct node *
parse_simple(struct parser *p)
{
	struct node *n = new_node(p, N_SIMPLE, NULL, NULL);
	struct word **assign = &n->assigns, **word = &n->words;
	struct redir **redir = &n->redirs;

	for (;;) {
		if (p->token == T_REDIR)
			redir = parse_redirection(p, redir);
		else if (p->token != T_WORD)
			break;
		else if (n->words == NULL && is_assignment(p->text))
			add_word(p, &assign);
		else
			add_word(p, &word);
		if (p->token == T_LPAREN && n->words != NULL &&
		    n->words->next == NULL && n->assigns == NULL &&
		    n->redirs == NULL &&
		    is_name(n->words->text, strlen(n->words->text)))
			return parse_function(p, n);
	}
	if (n->words == NULL && n->assigns == NULL && n->redirs == NULL)
		unexpected(p);
	return n;
}

static struct node *
parse_if(struct parser *p)
{
	struct node *n = new_node(p, N_IF, NULL, NULL);

	next(p);
	n->a = parse_list(p, true);
	expect_word(p, "then");
	n->b = parse_list(p, true);
	if (at_word(p, "elif")) {
		n->c = parse_if(p);
		return n;
	}
	if (at_word(p, "else")) {
		next(p);
		n->c = parse_list(p, true);
	}
	expect_word(p, "fi");
	return n;
}

static struct node *
parse_do(struct parser *p)
{
	struct node *body;

	expect_word(p, "do");
	body = parse_list(p, true);
	expect_word(p, "done");
	return body;
}

static struct node *
parse_while(struct parser *p)
{
	struct node *n;

	n = new_node(p, at_word(p, "while") ? N_WHILE : N_UNTIL, NULL, NULL);
	next(p);
	n->a = parse_list(p, true);
	n->b = parse_do(p);
	return n;
}

static struct node *
parse_for(struct parser *p)
{
	struct node *n = new_node(p, N_FOR, NULL, NULL);
	struct word **tail = &n->words;

	next(p);
	if (p->token != T_WORD || !is_name(p->text, strlen(p->text)))
		syntax_error(p, "for needs the name of a variable");
	add_word(p, &tail);
	skip_newlines(p);
	if (at_word(p, "in")) {
		n->has_in = true;
		next(p);
		while (p->token == T_WORD)
			add_word(p, &tail);
	}
	if (p->token == T_SEMI)
		next(p);
	skip_newlines(p);
	n->b = parse_do(p);
	return n;
}

static struct node *
parse_item(struct parser *p)
{
	struct node *item = new_node(p, N_ITEM, NULL, NULL);
	struct word **tail = &item->words;

	if (p->token == T_LPAREN)
		next(p);
	for (;;) {
		if (p->token != T_WORD)
			unexpected(p);
		add_word(p, &tail);
		if (p->token != T_PIPE)
			break;
		next(p);
	}
	if (p->token != T_RPAREN)
		unexpected(p);
	next(p);
	skip_newlines(p);
	if (p->token != T_DSEMI && !at_word(p, "esac"))
		item->b = parse_list(p, true);
	if (p->token == T_DSEMI)
		next(p);
	else if (!at_word(p, "esac"))
		unexpected(p);
	return item;
}

static struct node *
parse_case(struct parser *p)
{
	struct node *n = new_node(p, N_CASE, NULL, NULL);
	struct word **tail = &n->words;
	struct node **item = &n->a;

	next(p);
	if (p->token != T_WORD)
		unexpected(p);
	add_word(p, &tail);
	skip_newlines(p);
	expect_word(p, "in");
	skip_newlines(p);
	while (!at_word(p, "esac")) {
		*item = parse_item(p);
		item = &(*item)->c;
		skip_newlines(p);
	}
	next(p);
	return n;
}

static struct node *
parse_enclosed(struct parser *p, enum node_kind kind)
{
	struct node *n = new_node(p, kind, NULL, NULL);

	next(p);
	n->a = parse_list(p, true);
	if (kind == N_SUBSHELL ? p->token != T_RPAREN : !at_word(p, "}"))
		unexpected(p);
	next(p);
	return n;
}

static struct node *
parse_compound(struct parser *p)
{
	if (p->token == T_LPAREN)
		return parse_enclosed(p, N_SUBSHELL);
	if (at_word(p, "{"))
		return parse_enclosed(p, N_GROUP);
	if (at_word(p, "if"))
		return parse_if(p);
	if (at_word(p, "while") || at_word(p, "until"))
		return parse_while(p);
	if (at_word(p, "for"))
		return parse_for(p);
	if (at_word(p, "case"))
		return parse_case(p);
	return NULL;
}

static struct node *
parse_command_node(struct parser *p)
{
	struct redir **redir;
	struct node *n;

	if (++p->depth > MAX_DEPTH)
		syntax_error(p, "nested too deeply");
	if (at_closing_word(p))
		unexpected(p);
	n = parse_compound(p);
	if (n == NULL) {
		n = parse_simple(p);
	} else {
		redir = &n->redirs;
		while (p->token == T_REDIR)
			redir = parse_redirection(p, redir);
	}
	p->depth--;
	return n;
}

static struct node *
parse_pipeline(struct parser *p)
{
	bool negate = false;
	struct node *n;

	while (at_word(p, "!")) {
		negate = !negate;
		next(p);
	}
	n = parse_command_node(p);
	while (p->token == T_PIPE) {
		next(p);
		skip_newlines(p);
		n = new_node(p, N_PIPE, n, parse_command_node(p));
	}
	return negate ? new_node(p, N_NOT, n, NULL) : n;
}

static struct node *
parse_and_or(struct parser *p)
{
	struct node *n = parse_pipeline(p);

	while (p->token == T_AND || p->token == T_OR) {
		enum node_kind kind = p->token == T_AND ? N_AND : N_OR;

		next(p);
		skip_newlines(p);
		n = new_node(p, kind, n, parse_pipeline(p));
	}
	return n;
}

/*
 * At least one command; newlines separate commands only inside a compound.
 * The sequence leans to the right, so that walking it needs no recursion.
 */
static struct node *
parse_list(struct parser *p, bool newlines)
{
	struct node *first = NULL, **slot = &first, *n;

	if (newlines)
		skip_newlines(p);
	for (;;) {
		n = parse_and_or(p);
		if (p->token == T_AMP)
			n = new_node(p, N_BACKGROUND, n, NULL);
		*slot = n;
		if (p->token != T_AMP && p->token != T_SEMI &&
		    !(newlines && p->token == T_NEWLINE))
			return first;
		next(p);
		if (newlines)
			skip_newlines(p);
		if (p->token == T_END || p->token == T_NEWLINE ||
		    p->token == T_RPAREN || p->token == T_DSEMI ||
		    at_closing_word(p))
			return first;
		*slot = new_node(p, N_SEQ, n, NULL);
		slot = &(*slot)->b;
	}
}

int
parse_command(struct source *s, struct arena *a, struct node **out)
{
	struct parser p = { .src = s, .arena = a };

	*out = NULL;
	if (setjmp(p.escape) != 0) {
		/* What is left of the line makes no sense any more. */
		while (source_peek(s, 0) != '\n' && source_peek(s, 0) != 0 &&
		    !(s->interactive && s->pos >= s->text.len))
			s->pos++;
		buf_free(&p.word);
		return -1;
	}
	next(&p);
	if (p.token != T_END && p.token != T_NEWLINE) {
		*out = parse_list(&p, false);
		if (p.token != T_NEWLINE && p.token != T_END)
			unexpected(&p);
	}
	buf_free(&p.word);
	return *out != NULL || p.token != T_END;
}
