/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `hbcore schedule` prints: a backup of a preset, and checks of its newest archive, as units
 * of systemd or as lines for cron. Nothing here writes a file.
 */
#ifndef HB_SCHEDULE_H
#define HB_SCHEDULE_H

#include "schedule_times.h"
#include <stdbool.h>
#include <stdio.h>

struct hb_schedule {
    const char *preset;
    const char *name;    /* of the units: hbcore-backup-NAME.service */
    const char *program; /* the path of hbcore */
    const char *config;
    const char *home; /* NULL: the configuration says which */
    const char *on_failure;
    const char *made_by; /* the command line that prints it */
    bool system;
    bool sealed; /* its archives are */
    struct hb_times times;
};

enum { HB_MOST_FILES = 2 * HB_JOBS };

struct hb_schedule_file {
    char *path; /* NULL: lines for crontab(1) */
    char *text;
};

/* What is printed; hb_printed_clear. */
struct hb_printed {
    struct hb_schedule_file files[HB_MOST_FILES];
    size_t file_count;
    char *commands[5]; /* to be typed next */
    size_t command_count;
};

void hb_printed_clear(struct hb_printed *printed);

enum { HB_MOST_JOB_WORDS = 20 };

/* The command line of a job, `words` ended by NULL; they are those of the schedule. */
void hb_job_words(const struct hb_schedule *schedule, enum hb_job job, bool quiet,
                  const char *words[HB_MOST_JOB_WORDS]);
/* A stream into *text, which the caller frees after fclose(); never NULL, as hb_alloc(). */
FILE *hb_text_stream(char **text, size_t *bytes);
/* "Backup", with a capital. */
const char *hb_job_title(enum hb_job job);
/* The name of the units of a job, without suffix. Caller frees. */
char *hb_job_unit(const struct hb_schedule *schedule, enum hb_job job);

#endif
