/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times of a schedule, in the words of systemd.time(7) and of crontab(5). The checks follow two and
 * four hours after the backup, so that they find it done, and the machine on.
 */
#include "schedule_times.h"

#include "base/child.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include <string.h>
#include <strings.h>

enum { SAMPLE_LATER = 2, DRILL_LATER = 4, USUAL_HOUR = 3, HOURS = 24, DAYS = 7, SUNDAY = 0 };

static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                   "Thursday", "Friday", "Saturday"};

struct moment {
    int day, hour, minute;
};

/* "3:05", "03:05" */
static bool read_time(const char *text, struct moment *moment)
{
    static const char digits[] = "0123456789";
    size_t length = strspn(text, digits);
    if (length < 1 || length > 2 || text[length] != ':' || strspn(text + length + 1, digits) != 2 ||
        text[length + 3] != '\0')
        return false;
    moment->hour = (int)strtol(text, NULL, 10);
    moment->minute = (int)strtol(text + length + 1, NULL, 10);
    return moment->hour < HOURS && moment->minute < 60;
}

/* "Sun 03:00", "sunday 03:00" */
static bool read_day_and_time(const char *text, struct moment *moment)
{
    size_t length = strcspn(text, " ");
    if (text[length] == '\0' || !read_time(text + length + 1, moment))
        return false;
    for (moment->day = 0; moment->day < DAYS; moment->day++)
        if (strncasecmp(text, days[moment->day], length) == 0 &&
            (length == 3 || length == strlen(days[moment->day])))
            return true;
    return false;
}

static struct moment later(struct moment moment, int hours)
{
    moment.hour += hours;
    moment.day = (moment.day + moment.hour / HOURS) % DAYS;
    moment.hour %= HOURS;
    return moment;
}

static void set_checks(struct hb_times *times, struct moment backup)
{
    struct moment sample = later(backup, SAMPLE_LATER), drill = later(backup, DRILL_LATER);
    times->calendar[HB_JOB_SAMPLE] =
        hb_text("%.3s *-*-* %02d:%02d:00", days[sample.day], sample.hour, sample.minute);
    times->calendar[HB_JOB_DRILL] = hb_text("*-*-01 %02d:%02d:00", drill.hour, drill.minute);
    times->cron[HB_JOB_SAMPLE] = hb_text("%d %d * * %d", sample.minute, sample.hour, sample.day);
    times->cron[HB_JOB_DRILL] = hb_text("%d %d 1 * *", drill.minute, drill.hour);
}

static int set_daily(const char *text, struct hb_times *times, struct hb_error *error)
{
    struct moment at = {.day = SUNDAY, .hour = USUAL_HOUR};
    if (text != NULL && !read_time(text, &at)) {
        hb_error_set(error, HB_STATUS_FATAL, "schedule: --daily: '%s' is no time of a day", text);
        hb_error_hint(error, "write hours and minutes, such as --daily 03:00");
        return HB_STATUS_FATAL;
    }
    times->calendar[HB_JOB_BACKUP] = hb_text("*-*-* %02d:%02d:00", at.hour, at.minute);
    times->cron[HB_JOB_BACKUP] = hb_text("%d %d * * *", at.minute, at.hour);
    times->told = hb_text("every day at %02d:%02d", at.hour, at.minute);
    set_checks(times, at);
    return HB_OK;
}

static int set_weekly(const char *text, struct hb_times *times, struct hb_error *error)
{
    struct moment at = {0};
    if (!read_day_and_time(text, &at)) {
        hb_error_set(error, HB_STATUS_FATAL, "schedule: --weekly: '%s' is no day and time", text);
        hb_error_hint(error, "write a day, hours and minutes, such as --weekly \"Sun 03:00\"");
        return HB_STATUS_FATAL;
    }
    times->calendar[HB_JOB_BACKUP] =
        hb_text("%.3s *-*-* %02d:%02d:00", days[at.day], at.hour, at.minute);
    times->cron[HB_JOB_BACKUP] = hb_text("%d %d * * %d", at.minute, at.hour, at.day);
    times->told = hb_text("every %s at %02d:%02d", days[at.day], at.hour, at.minute);
    set_checks(times, at);
    return HB_OK;
}

static void set_hourly(struct hb_times *times)
{
    times->calendar[HB_JOB_BACKUP] = hb_copy_text("*-*-* *:00:00");
    times->cron[HB_JOB_BACKUP] = hb_copy_text("0 * * * *");
    times->told = hb_copy_text("every hour");
    times->delay = "5min";
    set_checks(times, (struct moment){SUNDAY, USUAL_HOUR, 30});
}

/* ---- --calendar ---------------------------------------------------------------------------- */

static int refuse_calendar(const char *text, const char *why, struct hb_error *error)
{
    hb_error_set(error, HB_STATUS_FATAL,
                 "schedule: --calendar: '%s' is no calendar event of systemd%s%s", text,
                 *why == '\0' ? "" : ": ", why);
    hb_error_hint(error, "see systemd.time(7), \"CALENDAR EVENTS\"; an example is "
                         "\"Mon..Fri *-*-* 03:00\"");
    return HB_STATUS_FATAL;
}

static bool is_stopped(void *context)
{
    (void)context;
    return hb_interrupt_signal() != 0;
}

/* HB_OK also where systemd is not there to be asked: systemctl will say it. */
static int ask_systemd(const char *text, struct hb_error *error)
{
    const char *const words[] = {"systemd-analyze", "calendar", "--", text, NULL};
    char said[256] = "";
    struct hb_error ignored;
    struct hb_child child = {.size = sizeof child,
                             .argv = words,
                             .input_fd = -1,
                             .output_fd = -1,
                             .timeout_ms = 10000,
                             .errors = said,
                             .errors_room = sizeof said};
    if (hb_child_run(&child, is_stopped, NULL, &ignored) != HB_OK || child.exit_status <= 0)
        return HB_OK;
    said[strcspn(said, "\n")] = '\0';
    return refuse_calendar(text, said, error);
}

static int set_calendar(const char *text, struct hb_times *times, struct hb_error *error)
{
    static const char valid[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                " *:,./~+_-";
    size_t good = strspn(text, valid);
    if (text[good] != '\0' || strspn(text, " ") == good)
        return refuse_calendar(text, "", error);
    times->calendar[HB_JOB_BACKUP] = hb_copy_text(text);
    times->told = hb_text("at \"%s\"", text);
    set_checks(times, (struct moment){SUNDAY, USUAL_HOUR, 0});
    return ask_systemd(text, error);
}

int hb_times_of(const struct hb_schedule_when *when, struct hb_times *times, struct hb_error *error)
{
    *times = (struct hb_times){.delay = "30min"};
    if (when->calendar != NULL)
        return set_calendar(when->calendar, times, error);
    if (when->weekly != NULL)
        return set_weekly(when->weekly, times, error);
    if (!when->hourly)
        return set_daily(when->daily, times, error);
    set_hourly(times);
    return HB_OK;
}

void hb_times_clear(struct hb_times *times)
{
    for (size_t i = 0; i < HB_JOBS; i++) {
        free(times->calendar[i]);
        free(times->cron[i]);
    }
    free(times->told);
    *times = (struct hb_times){0};
}
