/*
 * Signature checks: SIG() stores a function in a pointer of exactly the type
 * the manual page prints.
 */
#ifndef _TESTS_VIEWS_VIEWS_H_
#define _TESTS_VIEWS_VIEWS_H_

#define SIG(name, ret, args) static ret(*const sig_##name) args __used = name

#endif
