/* SPDX-License-Identifier: Apache-2.0 */
/* An instance of the plugin in a fake host, and files of its home. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "actor.h"
#include "fake_host.h"

#include <hbcore/content.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <cmocka.h>

/* ThreadSanitizer takes ten times as long, and looks at threads: it is content with fewer of what
 * is many. */
#if defined __SANITIZE_THREAD__
enum { SELDOM = 5 };
#else
enum { SELDOM = 1 };
#endif

struct fixture {
    struct fake_host fake;
    struct fake_settings *settings;
    void *self;
    const struct hb_plugin *plugin;
    const struct hb_content_ops *ops;
    mode_t mode; /* that put_back() asks for; 0: 0600 */
};

/* Where $HBCORE_TEST_SNAPSHOT says how databases are read, that goes before the settings. */
void fixture_start(struct fixture *fixture, const char *settings);
void fixture_stop(struct fixture *fixture);

/* The absolute path of a file of the home. One of four buffers. */
const char *home_file(const struct fixture *fixture, const char *name);
struct hb_entry entry_of(const char *name);

/* Whole files; free() what is read. */
char *read_file(const char *path, size_t *bytes);
void write_file(const char *path, const void *data, size_t bytes);
void copy_file(const char *from, const char *to);
bool exists(const char *path);
/* "x.db x.db-wal": the files of the home whose name starts so, sorted; free() it. */
char *names_like(const struct fixture *fixture, const char *start);

/* Accounts with 1000 each; `filler` KiB of other rows. Journal mode "wal" or "delete". */
void make_database(const char *path, const char *journal_mode, int page_size, int filler_kib);
/* A rollback database of 100000 in all whose program died within a transaction. */
void make_hot_journal(const struct fixture *fixture, const char *name);
/* Ends a journal of the home with the name of another file of the home; "./x" stays relative. */
void name_super_journal(const struct fixture *fixture, const char *journal, const char *super);
/* One value out of a database file, opened alone; the reply is static. */
const char *value_in(const char *path, const char *sql);

/* open() and judge(), as a host does; an open source if HB_OK. */
int open_judged(const struct fixture *fixture, const struct hb_entry *entry,
                struct hb_source *source);
/* The same, and what it gave as a file of its own in the home ("out"); HB_OK or the status. */
int take(struct fixture *fixture, const char *name, const char *out);
/*
 * Puts the file `from` of the home, as a staged copy, over `name`. If it has a "-wal", that is
 * staged beside it, and what was made of both is in "merged" unless it went into the live file.
 */
int put_back(struct fixture *fixture, const char *from, const char *name);

#endif
