/*
 * Variables, growing strings, lists, arenas.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "box.h"
#include "sh.h"

struct chunk {
	struct chunk *next;
	max_align_t data[];
};

void *
arena_alloc(struct arena *a, size_t size)
{
	struct chunk *c = xmalloc(sizeof(*c) + size);

	c->next = a->chunks;
	a->chunks = c;
	return memset(c->data, 0, size);
}

void
arena_free(struct arena *a)
{
	struct chunk *c;

	if (a->keep)
		return;
	while ((c = a->chunks) != NULL) {
		a->chunks = c->next;
		free(c);
	}
}

void
buf_add(struct buf *b, const char *s, size_t len)
{
	if (b->len + len + 1 > b->cap) {
		b->cap = 2 * (b->len + len) + 32;
		b->s = xrealloc(b->s, b->cap);
	}
	memcpy(b->s + b->len, s, len);
	b->len += len;
}

void
buf_putc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

char *
buf_str(struct buf *b)
{
	buf_add(b, "", 1);
	b->len--;
	return b->s;
}

void
buf_free(struct buf *b)
{
	free(b->s);
	*b = (struct buf){ 0 };
}

void
args_add(struct args *a, char *s)
{
	if (a->n + 1 >= a->cap) {
		a->cap = 2 * a->cap + 8;
		a->v = xrealloc(a->v, (size_t)a->cap * sizeof(*a->v));
	}
	a->v[a->n++] = s;
	a->v[a->n] = NULL;
}

void
args_free(struct args *a)
{
	for (int i = 0; i < a->n; i++)
		free(a->v[i]);
	free(a->v);
	*a = (struct args){ 0 };
}

struct var {
	struct var *next;
	char *entry; /* NAME=value, as the environment has it */
	size_t name_len;
	bool exported, is_set;
};

/* All variables, in the order of their creation. */
static struct var *vars;

static struct var *
find(const char *name, size_t len, bool create)
{
	struct var **link = &vars, *v;

	for (; (v = *link) != NULL; link = &v->next)
		if (v->name_len == len && memcmp(v->entry, name, len) == 0)
			return v;
	if (!create)
		return NULL;
	v = xmalloc(sizeof(*v));
	*v = (struct var){ .name_len = len };
	v->entry = xmalloc(len + 2);
	memcpy(v->entry, name, len);
	strcpy(v->entry + len, "=");
	*link = v;
	return v;
}

const char *
var_get(const char *name)
{
	struct var *v = find(name, strlen(name), false);

	return v != NULL && v->is_set ? v->entry + v->name_len + 1 : NULL;
}

void
var_set(const char *name, const char *value)
{
	struct var *v = find(name, strlen(name), true);
	char *entry = xmalloc(v->name_len + strlen(value) + 2);

	memcpy(entry, name, v->name_len);
	entry[v->name_len] = '=';
	strcpy(entry + v->name_len + 1, value);
	free(v->entry);
	v->entry = entry;
	v->is_set = true;
}

void
var_export(const char *name)
{
	find(name, strlen(name), true)->exported = true;
}

void
var_unset(const char *name)
{
	struct var **link = &vars, *v;
	size_t len = strlen(name);

	for (; (v = *link) != NULL; link = &v->next) {
		if (v->name_len != len || memcmp(v->entry, name, len) != 0)
			continue;
		*link = v->next;
		free(v->entry);
		free(v);
		return;
	}
}

/*
 * In a form that the shell reads back.
 */
void
var_print(bool exported_only)
{
	for (struct var *v = vars; v != NULL; v = v->next) {
		if (exported_only ? !v->exported : !v->is_set)
			continue;
		printf("%s%.*s", exported_only ? "export " : "",
		    (int)v->name_len, v->entry);
		if (v->is_set) {
			fputs("='", stdout);
			for (const char *s = v->entry + v->name_len + 1; *s;
			     s++)
				fputs(
				    *s == '\'' ? "'\\''" : (char[]){ *s, '\0' },
				    stdout);
			putchar('\'');
		}
		putchar('\n');
	}
}

void
var_import(char **environment)
{
	for (; *environment != NULL; environment++) {
		const char *equals = strchr(*environment, '=');
		char *name;

		if (equals == NULL ||
		    !is_name(*environment, (size_t)(equals - *environment)))
			continue;
		name = xstrdup(*environment);
		name[equals - *environment] = '\0';
		var_set(name, equals + 1);
		var_export(name);
		free(name);
	}
}

char **
var_environ(void)
{
	char **env;
	size_t n = 0;

	for (struct var *v = vars; v != NULL; v = v->next)
		n++;
	env = xmalloc((n + 1) * sizeof(*env));
	n = 0;
	for (struct var *v = vars; v != NULL; v = v->next)
		if (v->exported && v->is_set)
			env[n++] = v->entry;
	env[n] = NULL;
	return env;
}

bool
is_name(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!((s[i] >= 'a' && s[i] <= 'z') ||
			(s[i] >= 'A' && s[i] <= 'Z') || s[i] == '_' ||
			(i > 0 && s[i] >= '0' && s[i] <= '9')))
			return false;
	return len > 0;
}
