/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the plugin share: its settings, and ways to look into the home. */
#ifndef HERMES_H
#define HERMES_H

#include <hbcore/hook.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

/* One instance. The texts are the host's. */
struct hermes {
    const struct hb_host *host;
    const char *profiles;             /* directory below the home; "" for none */
    const char *const *profile_files; /* a directory in it that has one of these is a profile */
    const char *program;
    const char *program_directory; /* "" for none */
    const char *alias_directory;
    const char *const *reserved;
    const char *const *subcommands;
    const char *jobs_file;
    const char *jobs_member;
    bool when_fewer; /* else: when emptied */
};

static inline void hermes_auto_free(void *pointer)
{
    free(*(void **)pointer);
}

static inline void hermes_auto_close(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#define HERMES_AUTO_FREE  __attribute__((cleanup(hermes_auto_free)))
#define HERMES_AUTO_CLOSE __attribute__((cleanup(hermes_auto_close)))

/*
 * Opens what lies below the home to read it, also through links that end below the home. A
 * descriptor, or -errno: EXDEV where a link leads outside.
 */
int hermes_open(const struct hb_host *host, const char *path, int flags);

/* Why hermes_open() failed. */
const char *hermes_reason(int error);

/* The text fit for a terminal and for JSON: what is not printable as \xNN. Caller frees; NULL. */
char *hermes_printable(const char *text);

/* The word as sh(1) takes it literally: as it is, or in '…'. Caller frees; NULL. */
char *hermes_quoted(const char *word);

/* An allocated text; NULL when memory is out. */
char *hermes_format(const char *format, ...) HB_PRINTF(1, 2);

/* Is the word in the list? */
bool hermes_in_list(const char *const *list, const char *word);

/* A member of the JSON summary; takes the value over. */
void hermes_member(const struct hb_host *host, const char *key, json_t *value);

/* After an import: aliases and guidance. */
int hermes_after_import(const struct hermes *hermes, const struct hb_event *event);

/* The guard command. */
int hermes_guard(const struct hermes *hermes, const struct hb_event *event);

#endif
