/* SPDX-License-Identifier: Apache-2.0 */
#include "base/progress_line.h"

#include "base/human.h"
#include "base/name.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { FIELD = 64, GAP = 2, LEAST_NAME = 8 };

/* In the order in which they stand, with what is worth keeping on a narrow screen (1: first). */
enum field { VERB, PERCENT, BYTES, FILES, RATE, LEFT, FIELDS };
static const int worth[FIELDS] = {6, 1, 3, 4, 5, 2};

double hb_progress_share(const struct hb_progress_line *line)
{
    double share = line->all_bytes > 0   ? (double)line->bytes / (double)line->all_bytes
                   : line->all_files > 0 ? (double)line->files / (double)line->all_files
                                         : 1;
    return share > 1 ? 1 : share;
}

/* Both in the unit of the sum: "312.4/840.5 MB". */
static void put_bytes(const struct hb_progress_line *line, char *text)
{
    char all[HB_HUMAN_BYTES];
    uint64_t bytes = line->bytes < line->all_bytes ? line->bytes : line->all_bytes;
    const char *unit = strchr(hb_human_bytes(line->all_bytes, all), ' ');
    int width = (int)(unit - all);
    double done = (double)bytes;
    for (uint64_t sum = line->all_bytes; sum >= 1024 && done > 0; sum /= 1024)
        done /= 1024;
    snprintf(text, FIELD, "%*.*f/%s", width, line->all_bytes < 1024 ? 0 : 1, done, all);
}

static void put_files(const struct hb_progress_line *line, char *text)
{
    uint64_t files = line->files < line->all_files ? line->files : line->all_files;
    int width = snprintf(text, FIELD, "%" PRIu64, line->all_files);
    snprintf(text, FIELD, "%*" PRIu64 "/%" PRIu64 " files", width, files, line->all_files);
}

static void put_rate(const struct hb_progress_line *line, char *text)
{
    char rate[HB_HUMAN_BYTES];
    if (line->prepared > 0)
        snprintf(text, FIELD, "copying %2d%%", (int)(line->prepared * 99));
    else if (line->rate < 0)
        snprintf(text, FIELD, "%11s", "");
    else
        snprintf(text, FIELD, "%9s/s", hb_human_bytes((uint64_t)line->rate, rate));
}

static void put_left(const struct hb_progress_line *line, char *text)
{
    uint64_t left = line->left < 0 ? 0 : (uint64_t)(line->left + 0.5);
    if (line->left < 0)
        snprintf(text, FIELD, "%7s left", "-:--:--");
    else
        snprintf(text, FIELD, "%" PRIu64 ":%02u:%02u left", left / 3600, (unsigned)(left / 60 % 60),
                 (unsigned)(left % 60));
}

static void put_fields(const struct hb_progress_line *line, char (*fields)[FIELD])
{
    snprintf(fields[VERB], FIELD, "%s", line->verb == NULL ? "" : line->verb);
    snprintf(fields[PERCENT], FIELD, "%3d%%", (int)(hb_progress_share(line) * 100));
    fields[BYTES][0] = '\0';
    if (line->all_bytes > 0)
        put_bytes(line, fields[BYTES]);
    put_files(line, fields[FILES]);
    fields[RATE][0] = '\0';
    if (line->all_bytes > 0)
        put_rate(line, fields[RATE]);
    put_left(line, fields[LEFT]);
}

/* The end of the name, which tells most; `room`: columns. */
static void put_name(const struct hb_progress_line *line, int room, char *text, size_t space)
{
    static const char dots[] = "...";
    const char *name = line->name;
    int columns = hb_columns(name);
    size_t bytes;
    bool cut = columns > room;
    for (int most = room - (int)strlen(dots); cut && columns > most; name += bytes)
        columns -= hb_character_columns(name, &bytes);
    snprintf(text, space, "%s", cut ? dots : "");
    char *to = text + strlen(text), *end = text + space;
    for (; *name != '\0'; name += bytes) {
        hb_character_columns(name, &bytes);
        bool plain = bytes == 1 && (unsigned char)*name < 0x80;
        if (to + bytes >= end)
            break;
        if (line->ascii && !plain)
            *to++ = '?';
        else
            to = (char *)memcpy(to, name, bytes) + bytes;
    }
    *to = '\0';
}

char *hb_progress_line(const struct hb_progress_line *line, int columns, char *text)
{
    char fields[FIELDS][FIELD];
    int used = 0, most = FIELDS;
    put_fields(line, fields);
    for (int rank = 1; rank <= most; rank++) /* the first that has no room, and all behind it, go */
        for (int i = 0; i < FIELDS; i++) {
            int width = worth[i] == rank ? (int)strlen(fields[i]) : 0;
            int gap = width > 0 && used > 0 ? GAP : 0;
            if (used + gap + width > columns)
                most = rank - 1;
            else
                used += gap + width;
        }
    size_t at = 0;
    text[0] = '\0';
    for (int i = 0; i < FIELDS; i++)
        if (worth[i] <= most && fields[i][0] != '\0')
            at += (size_t)snprintf(text + at, HB_PROGRESS_LINE_BYTES - at, "%*s%s",
                                   at == 0 ? 0 : GAP, "", fields[i]);
    int room = columns - used - GAP;
    if (most == FIELDS && room >= LEAST_NAME && line->name != NULL && *line->name != '\0') {
        at += (size_t)snprintf(text + at, HB_PROGRESS_LINE_BYTES - at, "%*s", GAP, "");
        put_name(line, room, text + at, HB_PROGRESS_LINE_BYTES - at);
    }
    return text;
}
