/* SPDX-License-Identifier: Apache-2.0 */
#include "base/progress.h"

#include "base/memory.h"
#include "base/name.h"
#include "base/progress_line.h"
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

/* Seconds between two drawings, two lines for programs, two measurements of rate and time left. */
static const double DRAWN = 0.2, TOLD = 0.5, MEASURED = 1;

struct hb_progress {
    pthread_mutex_t lock;
    struct hb_screen screen;
    bool phases;
    const char *verb;
    struct hb_progress_line line; /* without name and verb */
    char *name;                   /* of what is being worked on, printable; NULL: none yet */
    uint64_t shown_files;         /* in lines: when the last one was printed */
    uint64_t measured_bytes;
    double started, measured, drawn;
    bool on_screen;
    hb_progress_teller tell; /* NULL: people are told */
    void *context;           /* of it */
};

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A program, at a time of the monotonic clock; `path` may be NULL. */
static void tell(struct hb_progress *progress, const char *path, double now)
{
    const struct hb_progress_state state = {
        .verb = progress->verb,
        .path = path,
        .files = progress->line.files,
        .all_files = progress->line.all_files,
        .bytes = progress->line.bytes,
        .all_bytes = progress->line.all_bytes,
        .seconds = now - progress->started,
    };
    progress->drawn = now;
    progress->tell(progress->context, &state);
}

void hb_progress_phase(struct hb_progress *progress, const char *verb, uint64_t files,
                       uint64_t bytes)
{
    if (progress == NULL)
        return;
    pthread_mutex_lock(&progress->lock);
    if (progress->tell != NULL)
        tell(progress, NULL, now_seconds());
    progress->phases = progress->verb != NULL;
    progress->verb = verb;
    progress->line =
        (struct hb_progress_line){.all_files = files, .all_bytes = bytes, .rate = -1, .left = -1};
    progress->shown_files = 0;
    progress->measured_bytes = 0;
    progress->started = progress->measured = now_seconds();
    if (progress->tell != NULL)
        tell(progress, NULL, progress->started);
    pthread_mutex_unlock(&progress->lock);
}

struct hb_progress *hb_progress_new(const struct hb_screen *screen, const char *verb,
                                    uint64_t files, uint64_t bytes)
{
    struct hb_progress *progress = hb_alloc(sizeof *progress);
    pthread_mutex_init(&progress->lock, NULL);
    progress->screen = *screen;
    hb_progress_phase(progress, verb, files, bytes);
    return progress;
}

static int columns(FILE *out)
{
    struct winsize size;
    if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}

/* Once a second, and not from the last moment alone, so that what is shown can be read. */
static void measure(struct hb_progress *progress, double now)
{
    struct hb_progress_line *line = &progress->line;
    double passed = now - progress->measured, share = hb_progress_share(line);
    if (passed < MEASURED)
        return;
    double rate = (double)(line->bytes - progress->measured_bytes) / passed;
    line->rate = line->rate < 0 ? rate : 0.7 * line->rate + 0.3 * rate;
    if (line->all_bytes == 0 && share > 0)
        line->left = (now - progress->started) / share * (1 - share);
    else if (line->all_bytes > 0 && line->rate > 0)
        line->left = (1 - share) * (double)line->all_bytes / line->rate;
    progress->measured = now;
    progress->measured_bytes = line->bytes;
}

static void draw(struct hb_progress *progress, double now)
{
    char text[HB_PROGRESS_LINE_BYTES];
    struct hb_progress_line line = progress->line;
    line.name = progress->name;
    line.verb = progress->phases ? progress->verb : NULL;
    line.ascii = progress->screen.ascii;
    /* The last column stays free: many terminals would begin a new line. */
    fprintf(progress->screen.out, "\r%s\033[K",
            hb_progress_line(&line, columns(progress->screen.out) - 1, text));
    fflush(progress->screen.out);
    progress->on_screen = true;
    progress->drawn = now;
}

static void print_line(struct hb_progress *progress)
{
    uint64_t files = progress->line.files;
    if (files - progress->shown_files < HB_PROGRESS_FILES)
        return;
    progress->shown_files = files;
    fprintf(progress->screen.out, "  %s %" PRIu64 "/%" PRIu64 " files ...\n", progress->verb, files,
            progress->line.all_files);
}

static bool is_due(const struct hb_progress *progress, double now)
{
    return progress->screen.out != NULL && progress->screen.bar && now - progress->drawn >= DRAWN;
}

/* `path` NULL: as before. */
static void show(struct hb_progress *progress, const char *path, double now)
{
    if (path != NULL) {
        free(progress->name);
        progress->name = hb_printable(path);
    }
    measure(progress, now);
    draw(progress, now);
}

/* ---- for programs -------------------------------------------------------------------------- */

void hb_progress_tell(struct hb_progress *progress, hb_progress_teller teller, void *context)
{
    progress->tell = teller;
    progress->context = context;
    tell(progress, NULL, now_seconds());
}

/* ---- what is done -------------------------------------------------------------------------- */

/* To whom it may concern, if it is time. `path` NULL: as before. */
static void say(struct hb_progress *progress, const char *path)
{
    if (progress->tell == NULL && progress->screen.out == NULL)
        return;
    if (progress->tell == NULL && !progress->screen.bar) {
        print_line(progress);
        return;
    }
    double now = now_seconds();
    if (progress->tell != NULL && now - progress->drawn >= TOLD)
        tell(progress, path, now);
    else if (is_due(progress, now))
        show(progress, path, now);
}

void hb_progress_add(struct hb_progress *progress, const char *path, uint64_t files, uint64_t bytes)
{
    if (progress == NULL)
        return;
    pthread_mutex_lock(&progress->lock);
    progress->line.files += files;
    progress->line.bytes += bytes;
    say(progress, path);
    pthread_mutex_unlock(&progress->lock);
}

void hb_progress_preparing(struct hb_progress *progress, const char *path, uint64_t done,
                           uint64_t total)
{
    pthread_mutex_lock(&progress->lock);
    double now = now_seconds();
    if (is_due(progress, now)) {
        progress->line.prepared = total == 0 ? 1 : (double)done / (double)total;
        show(progress, path, now);
        progress->line.prepared = 0;
    }
    pthread_mutex_unlock(&progress->lock);
}

void hb_progress_make_room(struct hb_progress *progress)
{
    if (progress == NULL)
        return;
    pthread_mutex_lock(&progress->lock);
    if (progress->on_screen) {
        fputs("\r\033[K", progress->screen.out);
        fflush(progress->screen.out);
    }
    progress->on_screen = false;
    pthread_mutex_unlock(&progress->lock);
}

void hb_progress_free(struct hb_progress *progress)
{
    if (progress == NULL)
        return;
    if (progress->tell != NULL)
        tell(progress, NULL, now_seconds());
    if (progress->on_screen)
        fputs("\r\033[K", progress->screen.out);
    pthread_mutex_destroy(&progress->lock);
    free(progress->name);
    free(progress);
}
