/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines for cron. A command goes through cron, for which % is the end of the line and \% is one,
 * and then through sh. Crons differ in what they make of other backslashes, so there are none but
 * \% and \', both outside of quotes, where sh drops a backslash that cron has left.
 */
#include "schedule_cron.h"

#include "base/memory.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST_COMMAND = 900 }; /* Vixie's cron takes 999 bytes, and refuses all lines for one */

static bool is_plain(char character)
{
    return isalnum((unsigned char)character) || strchr("@+:,./-_", character) != NULL;
}

static void put_word(FILE *out, const char *word)
{
    bool quoted = *word == '\0', open = false;
    for (const char *at = word; *at != '\0'; at++)
        quoted |= !is_plain(*at) && *at != '%';
    if (quoted && *word == '\0')
        fputs("''", out);
    for (const char *at = word; *at != '\0'; at++) {
        bool outside = *at == '%' || *at == '\'';
        if (quoted && open == outside) {
            putc('\'', out);
            open = !open;
        }
        if (outside)
            putc('\\', out);
        putc(*at, out);
    }
    if (open)
        putc('\'', out);
}

/* Caller frees. */
static char *command_of(const struct hb_schedule *schedule, enum hb_job job)
{
    const char *words[HB_MOST_JOB_WORDS];
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = hb_text_stream(&text, &bytes);
    hb_job_words(schedule, job, true, words);
    for (size_t i = 0; words[i] != NULL; i++) {
        if (i > 0)
            putc(' ', out);
        put_word(out, words[i]);
    }
    fclose(out);
    return text;
}

static int check(const struct hb_schedule *schedule, struct hb_error *error)
{
    const char *const paths[] = {schedule->program, schedule->config, schedule->home};
    if (schedule->times.cron[HB_JOB_BACKUP] == NULL || schedule->on_failure != NULL) {
        hb_error_set(error, HB_STATUS_FATAL,
                     "schedule: --%s is for systemd: cron has no such thing",
                     schedule->on_failure != NULL ? "on-failure" : "calendar");
        hb_error_hint(error, schedule->on_failure != NULL
                                 ? "cron mails what a command prints: set MAILTO"
                                 : "use --daily, --weekly or --hourly with --cron");
        return HB_STATUS_FATAL;
    }
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (paths[i] != NULL && strchr(paths[i], '\\') != NULL) {
            hb_error_set(error, HB_STATUS_FATAL,
                         "%s: crons differ in what they make of a backslash in a command",
                         paths[i]);
            hb_error_hint(error, "use units of systemd (without --cron), or name a link to it that "
                                 "has none");
            return HB_STATUS_FATAL;
        }
    return HB_OK;
}

static int put_line(FILE *out, const struct hb_schedule *schedule, enum hb_job job,
                    struct hb_error *error)
{
    HB_AUTO_FREE char *command = command_of(schedule, job);
    if (strlen(command) > LONGEST_COMMAND) {
        hb_error_set(error, HB_STATUS_FATAL,
                     "schedule: a command of %zu bytes is too long for cron, which takes %d",
                     strlen(command), LONGEST_COMMAND);
        hb_error_hint(error, "use units of systemd (without --cron), or shorter paths");
        return HB_STATUS_FATAL;
    }
    fprintf(out, "# %s\n%s %s%s\n", hb_job_title(job), schedule->times.cron[job],
            schedule->system ? "root " : "", command);
    return HB_OK;
}

/* Names there have no dots: run-parts(8). Caller frees. */
static char *system_path(const struct hb_schedule *schedule)
{
    char *path = hb_text("/etc/cron.d/hbcore-%s", schedule->name);
    for (char *at = strrchr(path, '/'); *at != '\0'; at++)
        if (*at == '.')
            *at = '_';
    return path;
}

int hb_schedule_cron(const struct hb_schedule *schedule, struct hb_printed *printed,
                     struct hb_error *error)
{
    if (check(schedule, error) != HB_OK)
        return HB_STATUS_FATAL;
    struct hb_schedule_file *file = &printed->files[printed->file_count++];
    file->path = schedule->system ? system_path(schedule) : NULL;
    size_t bytes = 0;
    FILE *out = hb_text_stream(&file->text, &bytes);
    int status = HB_OK;
    fprintf(out,
            "# By: %s\n"
            "# Times are local. Only what is worth a mail is printed: who gets it is named here.\n"
            "#MAILTO=you@example.org\nSHELL=/bin/sh\n"
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n",
            schedule->made_by);
    for (enum hb_job job = 0; job < HB_JOBS && status == HB_OK; job++)
        status = put_line(out, schedule, job, error);
    fclose(out);
    printed->commands[printed->command_count++] =
        schedule->system ? hb_text("%s | sudo tee %s", schedule->made_by, file->path)
                         : hb_copy_text("crontab -e");
    return status;
}
