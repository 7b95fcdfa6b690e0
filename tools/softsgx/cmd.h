/* SPDX-License-Identifier: GPL-2.0 */
/* What the commands of softsgx have in common. */
#ifndef SOFTSGX_CMD_H
#define SOFTSGX_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "compiler.h"

/* softsgx itself failed; other statuses of "run" are the command's own. */
#define EXIT_SOFTSGX 125

int cmd_run(int argc, char **argv);
int cmd_sign(int argc, char **argv);
int cmd_exec(int argc, char **argv);
int cmd_info(int argc, char **argv);

/* util.c */
_Noreturn void die(const char *fmt, ...) __printf(1, 2);
void complain(const char *fmt, ...) __printf(1, 2);
void *xalloc(void *p, size_t size);
char *xprintf(const char *fmt, ...) __printf(1, 2);
char *xstrdup(const char *s);
bool parse_size(const char *text, uint64_t *size);
bool parse_number(const char *text, unsigned long *n);
bool write_full(int fd, const void *data, size_t len);
bool exists(const char *path);
char *find_program(const char *name);
char *exe_dir(void);
char *cache_dir(void);
int temp_file(void);

#endif
