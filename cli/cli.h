/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: one function a command, in cli_*.c. What scripts rely on is in hbcore(1). */
#ifndef HB_CLI_H
#define HB_CLI_H

#include "base/error.h"
#include "config/config.h"
#include <stdbool.h>
#include <stdio.h>

enum hb_exit {
    HB_EXIT_DONE = 0,
    HB_EXIT_FAILED = 1,     /* nothing published */
    HB_EXIT_USAGE = 2,      /* wrong use or configuration */
    HB_EXIT_INCOMPLETE = 3, /* done, but entries were skipped or are doubtful */
    HB_EXIT_DECLINED = 4,   /* by the user */
    HB_EXIT_LOCKED = 5,     /* another run holds the lock */
    HB_EXIT_INTERRUPTED = 130,
    HB_EXIT_TERMINATED = 143
};

enum hb_progress_mode { HB_PROGRESS_AUTO, HB_PROGRESS_ALWAYS, HB_PROGRESS_NEVER };

/* The global options. */
struct hb_cli {
    const char *config_path;
    const char *const *sets; /* ended by NULL */
    const char *home;        /* --home, or NULL */
    bool json;
    int verbose;
    bool quiet;
    enum hb_progress_mode progress;
    int64_t wait_seconds;
    FILE *out;    /* results */
    FILE *err;    /* progress, warnings, errors */
    bool raw_out; /* an archive or a member goes to standard output, and JSON to standard error */
};

/* Each gets argv[0] = its own name and returns the exit code. */
int hb_cli_backup(struct hb_cli *cli, int argc, char **argv);
int hb_cli_import(struct hb_cli *cli, int argc, char **argv);
int hb_cli_snapshot(struct hb_cli *cli, int argc, char **argv);
int hb_cli_guard(struct hb_cli *cli, int argc, char **argv);
int hb_cli_list(struct hb_cli *cli, int argc, char **argv);
int hb_cli_cat(struct hb_cli *cli, int argc, char **argv);
int hb_cli_verify(struct hb_cli *cli, int argc, char **argv);
int hb_cli_plugins(struct hb_cli *cli, int argc, char **argv);
int hb_cli_config(struct hb_cli *cli, int argc, char **argv);
int hb_cli_completion(struct hb_cli *cli, int argc, char **argv);

/* A part of `plugins`: makes ./NAME, a plugin of that kind to be changed; or nothing. */
int hb_cli_plugins_new(const struct hb_cli *cli, const char *kind, const char *name);

/* The one that argv[0] names; what --help prints without any. */
int hb_cli_run_command(struct hb_cli *cli, int argc, char **argv);
extern const char hb_cli_global_help[];

/* Loads the configuration, prints what is wrong with it; 0, or HB_EXIT_USAGE. */
int hb_cli_load_config(const struct hb_cli *cli, struct hb_config **config);

/* Prints "hbcore: TEXT" and the hint on standard error. */
void hb_cli_complain(const struct hb_cli *cli, const struct hb_error *error);

/* The same for programs: with --json a line of type error, else nothing. */
void hb_cli_fail_json(const struct hb_cli *cli, int code, const char *text, const char *hint);

/* Both; returns `code`. */
int hb_cli_fail(const struct hb_cli *cli, int code, const struct hb_error *error);

/* Wrong use: "hbcore COMMAND: …; see hbcore COMMAND --help". Returns HB_EXIT_USAGE. */
int hb_cli_usage(const struct hb_cli *cli, const char *command, const char *format, ...)
    HB_PRINTF(3, 4);

/* Wrong use, too: what getopt_long() has just not taken: it returned `option`, ':' or '?'. */
int hb_cli_what(const struct hb_cli *cli, int option, char **argv);

#endif
