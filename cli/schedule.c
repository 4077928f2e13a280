/* SPDX-License-Identifier: Apache-2.0 */
#include "schedule.h"

#include "base/memory.h"

static const char *const titles[] = {
    [HB_JOB_BACKUP] = "Backup",
    [HB_JOB_SAMPLE] = "Weekly check of a sample",
    [HB_JOB_DRILL] = "Monthly drill",
};

static const char *const names[] = {
    [HB_JOB_BACKUP] = "backup",
    [HB_JOB_SAMPLE] = "sample",
    [HB_JOB_DRILL] = "drill",
};

/* What hbcore does then; the preset stands behind "--preset". */
static const char *const jobs[][7] = {
    [HB_JOB_BACKUP] = {"--wait", "600", "backup", "--preset"},
    [HB_JOB_SAMPLE] = {"verify", "latest", "--sample", "5%", "--preset"},
    [HB_JOB_DRILL] = {"verify", "latest", "--restore", "--preset"},
};

const char *hb_job_title(enum hb_job job)
{
    return titles[job];
}

char *hb_job_unit(const struct hb_schedule *schedule, enum hb_job job)
{
    return hb_text("hbcore-%s-%s", names[job], schedule->name);
}

FILE *hb_text_stream(char **text, size_t *bytes)
{
    FILE *out = open_memstream(text, bytes);
    if (out != NULL)
        return out;
    fputs("hbcore: out of memory\n", stderr);
    exit(1);
}

void hb_job_words(const struct hb_schedule *schedule, enum hb_job job, bool quiet,
                  const char *words[HB_MOST_JOB_WORDS])
{
    size_t count = 0;
    words[count++] = schedule->program;
    if (quiet)
        words[count++] = "--quiet";
    words[count++] = "--progress";
    words[count++] = "never";
    words[count++] = "--config";
    words[count++] = schedule->config;
    if (schedule->home != NULL) {
        words[count++] = "--home";
        words[count++] = schedule->home;
    }
    for (size_t i = 0; jobs[job][i] != NULL; i++)
        words[count++] = jobs[job][i];
    words[count++] = schedule->preset;
    words[count] = NULL;
}

void hb_printed_clear(struct hb_printed *printed)
{
    for (size_t i = 0; i < printed->file_count; i++) {
        free(printed->files[i].path);
        free(printed->files[i].text);
    }
    for (size_t i = 0; i < printed->command_count; i++)
        free(printed->commands[i]);
    *printed = (struct hb_printed){0};
}
