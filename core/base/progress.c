/* SPDX-License-Identifier: Apache-2.0 */
#include "base/progress.h"

#include "base/memory.h"
#include "base/name.h"
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

enum { TEXT_BYTES = 24 };

struct hb_progress {
    pthread_mutex_t lock;
    FILE *out;
    bool bar;
    const char *verb;
    uint64_t files, all_files;
    uint64_t bytes, all_bytes;
    uint64_t shown_files; /* in lines: when the last one was printed */
    double started, drawn;
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

char *hb_human_bytes(uint64_t bytes, char *text)
{
    static const char *const units[] = {"KB", "MB", "GB", "TB"};
    if (bytes < 1024) {
        snprintf(text, TEXT_BYTES, "%" PRIu64 " B", bytes);
        return text;
    }
    double size = (double)bytes / 1024;
    size_t unit = 0;
    for (; size >= 1024 && unit < 3; unit++)
        size /= 1024;
    snprintf(text, TEXT_BYTES, "%.1f %s", size, units[unit]);
    return text;
}

struct hb_progress *hb_progress_new(FILE *out, bool bar, const char *verb, uint64_t files,
                                    uint64_t bytes)
{
    struct hb_progress *progress = hb_alloc(sizeof *progress);
    pthread_mutex_init(&progress->lock, NULL);
    progress->out = out;
    progress->bar = bar;
    progress->verb = verb;
    progress->all_files = files;
    progress->all_bytes = bytes;
    progress->started = now_seconds();
    return progress;
}

static int columns(FILE *out)
{
    struct winsize size;
    if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 20)
        return size.ws_col;
    return 80;
}

/* [=========>          ]  45%  1234/15028 files  312.0 MB/s  00:07 left */
static void draw_bar(struct hb_progress *progress, double now)
{
    double share = progress->all_bytes > 0   ? (double)progress->bytes / (double)progress->all_bytes
                   : progress->all_files > 0 ? (double)progress->files / (double)progress->all_files
                                             : 1;
    if (share > 1)
        share = 1;
    double elapsed = now - progress->started;
    double rate = elapsed > 0 ? (double)progress->bytes / elapsed : 0;
    unsigned left = share > 0.001 ? (unsigned)(elapsed / share * (1 - share) + 0.5) : 0;
    char text[TEXT_BYTES], line[160];
    int used =
        snprintf(line, sizeof line, "%3d%%  %" PRIu64 "/%" PRIu64 " files  %s/s  %02u:%02u left",
                 (int)(share * 100), progress->files, progress->all_files,
                 hb_human_bytes((uint64_t)rate, text), left / 60, left % 60);
    int room = columns(progress->out) - used - 5;
    fputc('\r', progress->out);
    if (room > 5) {
        int filled = (int)(share * room);
        fputc('[', progress->out);
        for (int i = 0; i < room; i++)
            fputc(i < filled ? '=' : i == filled ? '>' : ' ', progress->out);
        fputs("] ", progress->out);
    }
    fprintf(progress->out, "%s\033[K", line);
    fflush(progress->out);
    progress->on_screen = true;
    progress->drawn = now;
}

static void show(struct hb_progress *progress)
{
    double now;
    if (progress->out == NULL)
        return;
    if (!progress->bar) {
        if (progress->files - progress->shown_files < HB_PROGRESS_FILES)
            return;
        progress->shown_files = progress->files;
        fprintf(progress->out, "  %s %" PRIu64 "/%" PRIu64 " files ...\n", progress->verb,
                progress->files, progress->all_files);
        return;
    }
    now = now_seconds();
    if (now - progress->drawn >= 0.1)
        draw_bar(progress, now);
}

/* ---- for programs -------------------------------------------------------------------------- */

enum { TOLD_A_SECOND = 2 };

static void tell(struct hb_progress *progress, double now)
{
    const struct hb_progress_state state = {
        .verb = progress->verb,
        .files = progress->files,
        .all_files = progress->all_files,
        .bytes = progress->bytes,
        .all_bytes = progress->all_bytes,
        .seconds = now - progress->started,
    };
    progress->drawn = now;
    progress->tell(progress->context, &state);
}

void hb_progress_tell(struct hb_progress *progress, hb_progress_teller teller, void *context)
{
    progress->tell = teller;
    progress->context = context;
    tell(progress, now_seconds());
}

static void tell_if_due(struct hb_progress *progress)
{
    double now = progress->tell == NULL ? 0 : now_seconds();
    if (progress->tell != NULL && (now - progress->drawn) * TOLD_A_SECOND >= 1)
        tell(progress, now);
}

/* ---- what is done -------------------------------------------------------------------------- */

void hb_progress_add(struct hb_progress *progress, uint64_t files, uint64_t bytes)
{
    if (progress == NULL)
        return;
    pthread_mutex_lock(&progress->lock);
    progress->files += files;
    progress->bytes += bytes;
    show(progress);
    tell_if_due(progress);
    pthread_mutex_unlock(&progress->lock);
}

enum { NAME_BYTES = 40 };

/* As much of a printable name as there is room for, no character cut in two. */
static int shown_bytes(const char *name)
{
    int bytes = (int)strnlen(name, NAME_BYTES);
    while (bytes > 0 && ((unsigned char)name[bytes] & 0xc0) == 0x80)
        bytes--;
    return bytes;
}

void hb_progress_preparing(struct hb_progress *progress, const char *path, uint64_t done,
                           uint64_t total)
{
    pthread_mutex_lock(&progress->lock);
    double now = now_seconds();
    if (progress->out != NULL && progress->bar && now - progress->drawn >= 0.2) {
        HB_AUTO_FREE char *name = hb_printable(path);
        fprintf(progress->out, "\r%.*s: preparing, %d%%\033[K", shown_bytes(name), name,
                total == 0 ? 100 : (int)((double)done * 100 / (double)total));
        fflush(progress->out);
        progress->on_screen = true;
        progress->drawn = now;
    }
    pthread_mutex_unlock(&progress->lock);
}

void hb_progress_free(struct hb_progress *progress)
{
    if (progress == NULL)
        return;
    if (progress->tell != NULL)
        tell(progress, now_seconds());
    if (progress->on_screen)
        fputs("\r\033[K", progress->out);
    pthread_mutex_destroy(&progress->lock);
    free(progress);
}
