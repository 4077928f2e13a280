/* SPDX-License-Identifier: Apache-2.0 */
#include "header.h"

#include "base64.h"
#include <stdlib.h>
#include <string.h>

enum {
    COLUMNS = 64, /* of the lines of a body */
    STANZA_ROOM = 160
};

/* ---- reading --------------------------------------------------------------------------------- */

struct reading {
    const char *text, *at, *end; /* `at`: the next line */
    size_t line;                 /* the number of the one that was read last */
    struct header *header;
    struct header_fault *fault;
};

static enum header_answer wrong(struct reading *reading, const char *why)
{
    *reading->fault = (struct header_fault){.why = why, .line = reading->line};
    return HEADER_WRONG;
}

/* The next line without its newline. False: its end is not there. */
static bool next_line(struct reading *reading, struct word *line)
{
    const char *newline = memchr(reading->at, '\n', (size_t)(reading->end - reading->at));
    if (newline == NULL)
        return false;
    *line = (struct word){reading->at, (size_t)(newline - reading->at)};
    reading->at = newline + 1;
    reading->line++;
    return true;
}

static bool begins_with(const struct word *line, const char *words)
{
    size_t length = strlen(words);
    return line->bytes >= length && memcmp(line->text, words, length) == 0;
}

static enum header_answer read_version(struct reading *reading)
{
    struct word line;
    if (!next_line(reading, &line))
        return HEADER_CUT;
    if (line.bytes == strlen(HEADER_VERSION) && begins_with(&line, HEADER_VERSION))
        return HEADER_WELL;
    return wrong(reading, begins_with(&line, HEADER_VERSION "\r")
                              ? "ends with a carriage return: the file went through something that "
                                "changes text"
                              : "is not \"" HEADER_VERSION "\": another version of age, or none");
}

static void keep_argument(struct stanza *stanza, const struct word *argument)
{
    if (stanza->type.text == NULL) {
        stanza->type = *argument;
        return;
    }
    if (stanza->argument_count < ARGUMENTS_KEPT)
        stanza->arguments[stanza->argument_count] = *argument;
    stanza->argument_count++;
}

/* "-> TYPE ARGUMENT ...": words of visible characters, one blank in front of each. */
static enum header_answer read_arguments(struct reading *reading, const struct word *line,
                                         struct stanza *stanza)
{
    const char *end = line->text + line->bytes;
    const char *at = line->text + 2;
    while (at < end) {
        const char *from = ++at; /* behind the blank */
        while (at<end && * at> ' ' && *at < 0x7f)
            at++;
        if (at == from)
            return wrong(reading, at < end && *at != ' ' ? "has a character that is not allowed"
                                                         : "has an empty argument");
        if (at < end && *at != ' ')
            return wrong(reading, "has a character that is not allowed");
        keep_argument(stanza, &(const struct word){from, (size_t)(at - from)});
    }
    return HEADER_WELL;
}

static enum header_answer read_body(struct reading *reading, struct stanza *stanza)
{
    struct word line;
    do {
        unsigned char decoded[COLUMNS / 4 * 3];
        size_t bytes;
        if (!next_line(reading, &line))
            return HEADER_CUT;
        if (line.bytes > COLUMNS)
            return wrong(reading, "is longer than 64 characters");
        if (!base64_decode(BASE64_BARE, line.text, line.bytes, decoded, sizeof decoded, &bytes))
            return wrong(reading, "is not canonical base64");
        for (size_t i = 0; i < bytes && stanza->body_bytes + i < BODY_BYTES; i++)
            stanza->body[stanza->body_bytes + i] = decoded[i];
        stanza->body_bytes += bytes;
    } while (line.bytes == COLUMNS);
    return HEADER_WELL;
}

static enum header_answer read_stanza(struct reading *reading, const struct word *line)
{
    struct header *header = reading->header;
    if (header->stanza_count == STANZAS_MOST)
        return wrong(reading, "is one stanza too many: 128 are allowed");
    struct stanza *stanza = &header->stanzas[header->stanza_count];
    *stanza = (struct stanza){0};
    enum header_answer answer = read_arguments(reading, line, stanza);
    if (answer == HEADER_WELL)
        answer = read_body(reading, stanza);
    header->stanza_count++;
    return answer;
}

static enum header_answer read_end(struct reading *reading, const struct word *line)
{
    struct header *header = reading->header;
    header->mac_bytes = (size_t)(line->text - reading->text) + strlen("---");
    header->bytes = (size_t)(reading->at - reading->text);
    if (header->stanza_count == 0)
        return wrong(reading, "ends a header without a stanza");
    if (!begins_with(line, "--- ") ||
        !base64_decode_exactly(line->text + 4, line->bytes - 4, header->mac, MAC_BYTES))
        return wrong(reading, "has no MAC of 32 bytes in canonical base64");
    return HEADER_WELL;
}

enum header_answer header_read(const char *text, size_t bytes, struct header *out,
                               struct header_fault *fault)
{
    struct reading reading = {
        .text = text, .at = text, .end = text + bytes, .header = out, .fault = fault};
    struct word line;
    out->stanza_count = 0;
    enum header_answer answer = read_version(&reading);
    while (answer == HEADER_WELL) {
        if (!next_line(&reading, &line))
            return HEADER_CUT;
        if (begins_with(&line, "---"))
            return read_end(&reading, &line);
        answer = begins_with(&line, "-> ")
                     ? read_stanza(&reading, &line)
                     : wrong(&reading, "is neither a stanza (\"-> \") nor the end (\"--- \")");
    }
    return answer;
}

bool stanza_is(const struct stanza *stanza, const char *type)
{
    return stanza->type.bytes == strlen(type) &&
           memcmp(stanza->type.text, type, stanza->type.bytes) == 0;
}

bool header_mac_holds(const struct header *header, const char *text, const unsigned char *file_key)
{
    unsigned char mac[MAC_BYTES];
    header_mac(file_key, text, header->mac_bytes, mac);
    bool holds = sodium_memcmp(mac, header->mac, sizeof mac) == 0;
    sodium_memzero(mac, sizeof mac); /* the one that would be right */
    return holds;
}

/* ---- making ---------------------------------------------------------------------------------- */

static void put(struct header_text *header, const char *words)
{
    size_t length = strlen(words);
    if (length > header->room - header->bytes)
        abort(); /* header_begin() has counted wrong: not a byte beyond its end */
    memcpy(header->text + header->bytes, words, length);
    header->bytes += length;
}

bool header_begin(struct header_text *header, size_t stanzas, size_t behind)
{
    size_t room = STANZA_ROOM * (stanzas + 1) + behind;
    *header = (struct header_text){.text = malloc(room), .room = room};
    if (header->text == NULL)
        return false;
    put(header, HEADER_VERSION "\n");
    return true;
}

void header_stanza(struct header_text *header, const char *type, const char *argument,
                   const char *second, const unsigned char *body)
{
    char text[BASE64_CHARACTERS(BODY_BYTES) + 1];
    base64_encode(body, BODY_BYTES, text);
    put(header, "-> ");
    put(header, type);
    put(header, " ");
    put(header, argument);
    if (second != NULL) {
        put(header, " ");
        put(header, second);
    }
    put(header, "\n");
    put(header, text);
    put(header, "\n");
}

void header_end(struct header_text *header, const unsigned char *file_key)
{
    unsigned char mac[MAC_BYTES];
    char text[BASE64_CHARACTERS(MAC_BYTES) + 1];
    put(header, "---");
    header_mac(file_key, header->text, header->bytes, mac);
    base64_encode(mac, sizeof mac, text);
    put(header, " ");
    put(header, text);
    put(header, "\n");
}
