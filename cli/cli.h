/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: exit codes and global options. What scripts rely on is in hbcore(1). */
#ifndef HB_CLI_H
#define HB_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/*
 * What the JSON means: raised when a member changes its meaning or goes, not when one comes. Its
 * schemas are in docs/schema/.
 */
enum { HB_JSON_SCHEMA = 1 };

enum hb_exit {
    HB_EXIT_DONE = 0,
    HB_EXIT_FAILED = 1,     /* nothing published */
    HB_EXIT_USAGE = 2,      /* wrong use or configuration */
    HB_EXIT_INCOMPLETE = 3, /* done, but entries were skipped or are doubtful */
    HB_EXIT_DECLINED = 4,   /* by the user */
    HB_EXIT_LOCKED = 5,     /* another run holds the lock */
    HB_EXIT_HUNG_UP = 129,
    HB_EXIT_INTERRUPTED = 130,
    HB_EXIT_TERMINATED = 143
};

/* As the choices of --progress stand in its table. */
enum hb_progress_mode { HB_PROGRESS_AUTO, HB_PROGRESS_ALWAYS, HB_PROGRESS_NEVER };

struct hb_texts {
    char **texts; /* ended by NULL; NULL: there are none */
    size_t count;
};

/* The global options, and where things are said. */
struct hb_cli {
    const char *config_path;
    const char *archive; /* that the command was given; NULL: none, or standard input */
    struct hb_texts sets;
    struct hb_texts secret_sets; /* SECTION.KEY of those that were secret: no hint repeats them */
    bool sets_known;  /* each was found in the configuration, and those that are secret are taken
                         out, and wiped */
    const char *home; /* --home, or NULL */
    bool json;
    bool json_typed; /* --json stands somewhere: so is told what is wrong before it is read */
    int verbose;
    bool quiet;
    bool version;
    int progress; /* enum hb_progress_mode */
    int64_t wait_seconds;
    bool ascii; /* the user's terminal has no UTF-8, as far as the locale tells */
    /* The --help of the program, which has commands that its table does not know. */
    void (*help)(const struct hb_cli *cli, FILE *out);
    FILE *out;            /* results */
    FILE *err;            /* progress, warnings, errors */
    const char *skipped;  /* the heading above what a run skipped; NULL: the usual one */
    bool output_is_extra; /* the work is done elsewhere: that results cannot be printed is a warning
                           */
    char *untold; /* an import was completed, and the JSON that says so cannot be written: else NULL
                   */
    bool named_out; /* -o names a link to standard output, which is opened by that name yet */
    bool raw_out;   /* an archive or a member goes to standard output, and JSON to standard error */
};

/* Where results go: standard error, where an archive or a member goes to standard output. */
static inline FILE *hb_cli_out(const struct hb_cli *cli)
{
    return cli->raw_out ? cli->err : cli->out;
}

#endif
