/* SPDX-License-Identifier: Apache-2.0 */
/* A directory of one's own for a test, and what was reported. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include "base/error.h"
#include "files/stage.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it. */
#include <cmocka.h>

/* A fresh directory, mode 0700; removed with all in it. */
char *scratch_new(void);
void scratch_remove(char *directory);

/* One for each test, as its state. */
#define scratch_test(name) cmocka_unit_test_setup_teardown(name, scratch_set_up, scratch_tear_down)
int scratch_set_up(void **state);
int scratch_tear_down(void **state);

/* DIRECTORY/NAME. Free it. */
char *scratch_path(const char *directory, const char *name);
/* Writes a file, mode 0600, and returns its path. Free it. */
char *scratch_write(const char *directory, const char *name, const char *text);
char *scratch_write_bytes(const char *directory, const char *name, const char *data, size_t bytes);
/* Copies a file and returns the path of the copy. Free it. */
char *scratch_copy(const char *directory, const char *name, const char *from, unsigned mode);

/* What a `report` was told. */
struct caught {
    struct hb_error errors[300];
    unsigned lines[300];
    size_t count;
};
void catch_error(void *context, const struct hb_error *error);
void catch_line(void *context, unsigned line, const struct hb_error *error);

/* Fails, showing both, unless `text` holds `part`. */
#define assert_contains(text, part) assert_holds((text), (part), __FILE__, __LINE__)
void assert_holds(const char *text, const char *part, const char *file, int line);

/* A stage in a directory of that path. HB_OK or HB_STATUS_FATAL. */
int hb_stage_open(const char *parent, struct hb_stage *stage, unsigned *swept,
                  struct hb_error *error);

/*
 * Gives the file an access list: user 12345 may read and write, the group itself nothing, and the
 * mask, which the mode shows for the group, is rw. False: a file system without lists.
 */
bool scratch_give_list(const char *path);

#endif
