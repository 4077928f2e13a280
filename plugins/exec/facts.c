/* SPDX-License-Identifier: Apache-2.0 */
#include "facts.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES = 24, PREFIX_ROOM = 32 };

const char *facts_outcome(const struct hb_event *event, enum moment moment)
{
    if (moment == BEFORE)
        return "running";
    if (event->status != HB_OK || event->error != NULL)
        return "failure";
    return event->exit_status == 0 ? "success" : event->exit_status == 3 ? "incomplete" : "failure";
}

/* ---- text --------------------------------------------------------------------------------------
 */

/*
 * JSON is UTF-8, and names of files need not be: each byte that is none becomes U+FFFD. The
 * environment has them as they are.
 */
static json_t *text_of(const char *text)
{
    json_t *value = text == NULL ? json_null() : json_string(text);
    if (value != NULL)
        return value;
    char *mended = malloc(3 * strlen(text) + 1), *to = mended;
    if (mended == NULL)
        return NULL;
    for (const char *at = text; *at != '\0';) {
        size_t bytes = 1, most = strnlen(at, 4);
        json_t *whole = NULL;
        while (bytes <= most && (whole = json_stringn(at, bytes)) == NULL)
            bytes++;
        json_decref(whole);
        if (whole == NULL)
            bytes = 1;
        to = mempcpy(to, whole == NULL ? "\xEF\xBF\xBD" : at, whole == NULL ? 3 : bytes);
        at += bytes;
    }
    *to = '\0';
    value = json_string(mended);
    free(mended);
    return value;
}

static bool put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

/* ---- the object --------------------------------------------------------------------------------
 */

static json_t *reasons_of(const struct hb_event *event)
{
    json_t *all = json_array();
    for (size_t i = 0; i < event->reason_count; i++) {
        const struct hb_reason *reason = event->reasons[i];
        json_t *one = json_object();
        bool good = put(one, "kind",
                        json_string(reason->kind == HB_REASON_SKIPPED ? "skipped" : "doubtful")) &&
                    put(one, "path", text_of(reason->path)) &&
                    put(one, "text", text_of(reason->text));
        if (json_array_append_new(all, one) != 0 || !good) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

static json_t *removed_of(const struct hb_event *event)
{
    json_t *all = json_array();
    for (size_t i = 0; i < event->removed_count; i++) {
        if (json_array_append_new(all, text_of(event->removed[i])) != 0) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

static bool put_numbers(json_t *object, const struct hb_event *event)
{
    return put(object, "exit_status", json_integer(event->exit_status)) &&
           put(object, "started", json_integer(event->started.tv_sec)) &&
           put(object, "duration_ms", json_integer((json_int_t)event->duration_ms)) &&
           put(object, "files", json_integer((json_int_t)event->files)) &&
           put(object, "bytes", json_integer((json_int_t)event->bytes)) &&
           put(object, "archive_bytes", json_integer((json_int_t)event->archive_bytes)) &&
           put(object, "skipped", json_integer((json_int_t)event->skipped));
}

static char *json_of(const struct hb_event *event, enum moment moment)
{
    json_t *object = json_object();
    bool good = object != NULL && put(object, "when", json_string(exec_moments[moment])) &&
                put(object, "outcome", json_string(facts_outcome(event, moment))) &&
                put(object, "command", text_of(event->command)) &&
                put(object, "within", text_of(event->within)) &&
                put(object, "home", text_of(event->home)) &&
                put(object, "archive", text_of(event->archive)) &&
                put(object, "snapshot", text_of(event->snapshot)) &&
                put(object, "preset", text_of(event->preset)) &&
                put(object, "format", text_of(event->format)) &&
                put(object, "error", text_of(event->error)) &&
                put(object, "elsewhere", json_boolean(event->elsewhere != 0)) &&
                put_numbers(object, event) && put(object, "reasons", reasons_of(event)) &&
                put(object, "removed", removed_of(event));
    char *text = good ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    size_t bytes = text == NULL ? 0 : strlen(text);
    char *line = text == NULL ? NULL : realloc(text, bytes + 2);
    if (line == NULL) {
        free(text);
        return NULL;
    }
    memcpy(line + bytes, "\n", 2);
    return line;
}

/* ---- the environment ---------------------------------------------------------------------------
 */

/* One that is not known is an empty one: a script of `set -u` can name each of them. */
static void name_text(char **to, bool *good, const char *name, const char *value)
{
    if (asprintf(to, "HBCORE_%s=%s", name, value == NULL ? "" : value) < 0) {
        *to = NULL;
        *good = false;
    }
}

static void name_number(char **to, bool *good, const char *name, int64_t value)
{
    char digits[PREFIX_ROOM];
    snprintf(digits, sizeof digits, "%" PRId64, value);
    name_text(to, good, name, digits);
}

static char **environment_of(const struct hb_event *event, enum moment moment)
{
    char **all = calloc(NAMES, sizeof *all), **to = all;
    bool good = all != NULL;
    if (!good)
        return NULL;
    name_text(to++, &good, "WHEN", exec_moments[moment]);
    name_text(to++, &good, "OUTCOME", facts_outcome(event, moment));
    name_text(to++, &good, "COMMAND", event->command);
    name_text(to++, &good, "WITHIN", event->within);
    name_text(to++, &good, "HOME", event->home);
    name_text(to++, &good, "ARCHIVE", event->archive);
    name_text(to++, &good, "SNAPSHOT", event->snapshot);
    name_text(to++, &good, "PRESET", event->preset);
    name_text(to++, &good, "FORMAT", event->format);
    name_text(to++, &good, "ERROR", event->error);
    name_number(to++, &good, "EXIT_STATUS", event->exit_status);
    name_number(to++, &good, "STARTED", event->started.tv_sec);
    name_number(to++, &good, "DURATION_MS", (int64_t)event->duration_ms);
    name_number(to++, &good, "FILES", (int64_t)event->files);
    name_number(to++, &good, "BYTES", (int64_t)event->bytes);
    name_number(to++, &good, "ARCHIVE_BYTES", (int64_t)event->archive_bytes);
    name_number(to++, &good, "SKIPPED", (int64_t)event->skipped);
    if (good)
        return all;
    for (char **one = all; one < to; one++)
        free(*one);
    free(all);
    return NULL;
}

bool facts_of(const struct hb_event *event, enum moment moment, struct facts *facts)
{
    facts->environment = environment_of(event, moment);
    facts->json = json_of(event, moment);
    return facts->environment != NULL && facts->json != NULL;
}

void facts_clear(struct facts *facts)
{
    for (char **one = facts->environment; one != NULL && *one != NULL; one++)
        free(*one);
    free(facts->environment);
    free(facts->json);
    *facts = (struct facts){0};
}
