/* SPDX-License-Identifier: Apache-2.0 */
/* What commands share that run something: configuration, run, home, progress. */
#ifndef HB_SESSION_H
#define HB_SESSION_H

#include "base/progress.h"
#include "cli.h"
#include "config/home_path.h"
#include "host/run.h"
#include <time.h>

struct hb_form;

/* From the options that are right to the exit code. */
struct hb_session {
    struct hb_cli *cli;
    const struct hb_form *form; /* what was typed: which of the command's, */
    const void *options;        /* its struct of options, */
    char **arguments;           /* and what else; ended by NULL */
    struct hb_config *loaded;   /* by whoever had to look for the command in it; else NULL */
    struct hb_config *config;   /* NULL where the command needs none */
    bool wrong_config;          /* which was told; only with `any_config` is there one then */
    struct hb_run run;
    struct timespec started; /* CLOCK_MONOTONIC, and */
    time_t started_at;       /* by the clock of the machine */
    struct hb_error error;   /* why the command failed: it is told at the end */
};

/* The clocks run. */
void hb_session_start(struct hb_session *session);
/* Loads the configuration, prints what is wrong with it. 0, or HB_EXIT_USAGE. */
int hb_session_begin(struct hb_session *session);
/* Says what is in session->error, and returns `code`. */
int hb_session_end(struct hb_session *session, int code);

/* The exit code for a status; a signal gives 128 + its number. */
int hb_cli_exit_code(int status);
/* Of a run that came to its end: 0 or 3, by its report. */
int hb_session_code(const struct hb_session *session);

/* The home of backups, where an import would go to another one, nested in it; else NULL. */
char *hb_session_whole_home(const struct hb_session *session);
/*
 * Finds the path of the home, `of` as in hb_home_find. 0, or an exit code and
 * session->error; `what`: of the command line that is proposed. Caller frees *path.
 */
int hb_session_find_home(struct hb_session *session, enum hb_home_of of, const char *what,
                         char **path);
/* And opens it; with `lock` it is this run's. 0, or an exit code and session->error. */
int hb_session_open_home(struct hb_session *session, enum hb_home_of of, bool lock);
/*
 * The same without a lock, for a command that can do without a home: where there is none of that
 * name (any more, or yet), run.home has the path that it would have, no descriptor, and the report
 * a note.
 */
int hb_session_seek_home(struct hb_session *session, enum hb_home_of of);

/* Where copies of contents go, if that is set; else where temporary files go. Caller frees. */
char *hb_session_temporary(const struct hb_session *session);

/* Are people told what was done? Neither with --json nor with --quiet. */
static inline bool hb_session_speaks(const struct hb_session *session)
{
    return !session->cli->json && !session->cli->quiet;
}

/* Tells them. */
void hb_session_say(const struct hb_session *session, const char *format, ...) HB_PRINTF(2, 3);

/* Draw a bar? */
bool hb_cli_bar(const struct hb_cli *cli);
void hb_session_start_progress(struct hb_session *session, const char *verb, uint64_t files,
                               uint64_t bytes);
void hb_session_end_progress(struct hb_session *session);

/* Since it began. */
double hb_session_seconds(const struct hb_session *session);

/*
 * A command line to be shown, such as "hbcore import": with the configuration and the home that
 * were named to this run, if it is one of ours, so that it does the same wherever it is typed.
 * Caller frees.
 */
char *hb_session_command_line(const struct hb_session *session, const char *command);

#endif
