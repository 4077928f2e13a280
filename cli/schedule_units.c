/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Units of systemd. What comes from outside (paths, the name of a unit) stands in them only quoted,
 * for systemd expands %, $ and \ in a command, and a line that ends would begin another setting.
 */
#include "schedule_units.h"

#include "base/memory.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST_UNIT = 255 };

static const char *const kinds[] = {"service", "timer"};

static bool is_plain(const char *word)
{
    for (const char *at = word; *at != '\0'; at++)
        if (!isalnum((unsigned char)*at) && strchr("@+:,./-_=", *at) == NULL)
            return false;
    return *word != '\0';
}

/* As an argument of ExecStart=; in the path of the program, `is_path`, $ is nothing special. */
static void put_word(FILE *out, const char *word, bool is_path)
{
    bool plain = is_plain(word);
    if (!plain)
        putc('"', out);
    for (const char *at = word; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            putc('\\', out);
        else if (*at == '%' || (*at == '$' && !is_path))
            putc(*at, out);
        putc(*at, out);
    }
    if (!plain)
        putc('"', out);
}

static void put_service(FILE *out, const struct hb_schedule *schedule, enum hb_job job)
{
    const char *words[HB_MOST_JOB_WORDS];
    HB_AUTO_FREE char *backup = hb_job_unit(schedule, HB_JOB_BACKUP);
    hb_job_words(schedule, job, false, words);
    fprintf(out, "# By: %s\n[Unit]\nDescription=%s by hbcore: %s\nDocumentation=man:hbcore(1)\n",
            schedule->made_by, hb_job_title(job), schedule->preset);
    if (job != HB_JOB_BACKUP)
        fprintf(out, "After=%s.service\n", backup);
    if (schedule->system)
        fputs("Wants=network-online.target\nAfter=network-online.target\n", out);
    if (schedule->on_failure != NULL)
        fprintf(out, "OnFailure=%s\n", schedule->on_failure);
    fputs("\n[Service]\nType=oneshot\nExecStart=", out);
    for (size_t i = 0; words[i] != NULL; i++) {
        if (i > 0)
            putc(' ', out);
        put_word(out, words[i], i == 0);
    }
    fputs(job == HB_JOB_BACKUP
              ? "\n# 3: done, but some files were skipped or are doubtful. It stays a failure, so "
                "that somebody looks.\n"
              : "\n# 3: undamaged, but something in it is doubtful. It stays a failure, so that "
                "somebody looks.\n",
          out);
    fputs("Nice=10\nIOSchedulingClass=idle\nUMask=0077\nNoNewPrivileges=yes\nTimeoutStopSec=60\n",
          out);
}

static void put_timer(FILE *out, const struct hb_schedule *schedule, enum hb_job job)
{
    fprintf(out,
            "[Unit]\nDescription=%s by hbcore: %s\nDocumentation=man:hbcore(1)\n\n"
            "[Timer]\nOnCalendar=%s\nRandomizedDelaySec=%s\n"
            "# If the machine was off then, it is done when it is on again.\nPersistent=true\n\n"
            "[Install]\nWantedBy=timers.target\n",
            hb_job_title(job), schedule->preset, schedule->times.calendar[job],
            schedule->times.delay);
}

static void add_file(struct hb_printed *printed, const struct hb_schedule *schedule,
                     const char *directory, enum hb_job job, bool timer)
{
    struct hb_schedule_file *file = &printed->files[printed->file_count++];
    HB_AUTO_FREE char *unit = hb_job_unit(schedule, job);
    size_t bytes = 0;
    FILE *out = hb_text_stream(&file->text, &bytes);
    file->path = hb_text("%s/%s.%s", directory, unit, kinds[timer]);
    if (timer)
        put_timer(out, schedule, job);
    else
        put_service(out, schedule, job);
    fclose(out);
}

/* A unit that systemd can start; %n and the like of systemd.unit(5) may be in it. */
static bool is_unit(const char *name)
{
    static const char *const suffixes[] = {".service", ".target", ".timer", ".path", ".socket"};
    const char *dot = strrchr(name, '.');
    bool known = false;
    for (size_t i = 0; dot != NULL && dot > name && i < sizeof suffixes / sizeof *suffixes; i++)
        known |= strcmp(dot, suffixes[i]) == 0;
    for (const char *at = name; *at != '\0'; at++) {
        if (*at == '%' && (at[1] == '\0' || strchr("nNpP", *++at) == NULL))
            return false;
        if (!isalnum((unsigned char)*at) && strchr(":_.\\-@", *at) == NULL)
            return false;
    }
    return known && strlen(name) <= LONGEST_UNIT;
}

static int check(const struct hb_schedule *schedule, struct hb_error *error)
{
    HB_AUTO_FREE char *unit = hb_job_unit(schedule, HB_JOB_BACKUP);
    if (strlen(unit) + strlen(".service") > LONGEST_UNIT) {
        hb_error_set(error, HB_STATUS_FATAL,
                     "schedule: %s.service: a name of a unit has at most %d bytes", unit,
                     LONGEST_UNIT);
        hb_error_hint(error, "choose a shorter name with --name");
        return HB_STATUS_FATAL;
    }
    if (schedule->on_failure != NULL && !is_unit(schedule->on_failure)) {
        hb_error_set(error, HB_STATUS_FATAL, "schedule: --on-failure: '%s' is no name of a unit",
                     schedule->on_failure);
        hb_error_hint(error, "name a unit with its suffix, such as mail-me@%%n.service");
        return HB_STATUS_FATAL;
    }
    return HB_OK;
}

int hb_schedule_units(const struct hb_schedule *schedule, const char *directory,
                      struct hb_printed *printed, struct hb_error *error)
{
    const char *who = schedule->system ? "sudo systemctl" : "systemctl --user";
    HB_AUTO_FREE char *timers = hb_copy_text("");
    if (check(schedule, error) != HB_OK)
        return HB_STATUS_FATAL;
    for (enum hb_job job = 0; job < HB_JOBS; job++) {
        HB_AUTO_FREE char *before = timers;
        HB_AUTO_FREE char *unit = hb_job_unit(schedule, job);
        timers = hb_text("%s %s.timer", before, unit);
        add_file(printed, schedule, directory, job, false);
        add_file(printed, schedule, directory, job, true);
    }
    HB_AUTO_FREE char *backup = hb_job_unit(schedule, HB_JOB_BACKUP);
    printed->commands[printed->command_count++] = hb_text("%s daemon-reload", who);
    printed->commands[printed->command_count++] = hb_text("%s enable --now%s", who, timers);
    printed->commands[printed->command_count++] = hb_text("%s start %s.service", who, backup);
    if (!schedule->system)
        printed->commands[printed->command_count++] = hb_copy_text("loginctl enable-linger");
    return HB_OK;
}
