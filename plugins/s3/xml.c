/* SPDX-License-Identifier: Apache-2.0 */
#include "xml.h"

#include "text.h"
#include <expat.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 12, LONGEST = 64 << 10 };

struct reading {
    XML_Parser parser;
    const struct xml_reader *reader;
    struct text path, text;
    size_t ends[DEEPEST]; /* where each name of the path begins */
    size_t depth;
    bool wrong;
};

static void give_up(struct reading *reading)
{
    reading->wrong = true;
    XML_StopParser(reading->parser, XML_FALSE);
}

static void on_start(void *self, const XML_Char *name, const XML_Char **attributes)
{
    struct reading *reading = self;
    const char *colon = strrchr(name, ':');
    (void)attributes;
    if (reading->depth == DEEPEST) {
        give_up(reading);
        return;
    }
    reading->ends[reading->depth++] = reading->path.bytes;
    text_format(&reading->path, "%s%s", reading->path.bytes == 0 ? "" : "/",
                colon == NULL ? name : colon + 1);
    text_clear(&reading->text);
    if (reading->path.failed || reading->path.bytes > LONGEST)
        give_up(reading);
}

static void on_end(void *self, const XML_Char *name)
{
    struct reading *reading = self;
    (void)name;
    if (!reading->reader->element(reading->reader->self, text_of(&reading->path),
                                  text_of(&reading->text)))
        give_up(reading);
    reading->path.bytes = reading->ends[--reading->depth];
    reading->path.data[reading->path.bytes] = '\0';
    text_clear(&reading->text);
}

static void on_text(void *self, const XML_Char *data, int bytes)
{
    struct reading *reading = self;
    text_add(&reading->text, data, (size_t)bytes);
    if (reading->text.failed || reading->text.bytes > LONGEST)
        give_up(reading);
}

/* No answer has one, and what can be declared in it costs memory and time. */
static void on_doctype(void *self, const XML_Char *name, const XML_Char *system,
                       const XML_Char *public, int internal)
{
    (void)name;
    (void)system;
    (void)public;
    (void)internal;
    give_up(self);
}

bool xml_read(const char *data, size_t bytes, const struct xml_reader *reader)
{
    struct reading reading = {.reader = reader};
    reading.parser = bytes > INT_MAX ? NULL : XML_ParserCreate(NULL);
    if (reading.parser == NULL)
        return false;
    XML_SetUserData(reading.parser, &reading);
    XML_SetElementHandler(reading.parser, on_start, on_end);
    XML_SetCharacterDataHandler(reading.parser, on_text);
    XML_SetStartDoctypeDeclHandler(reading.parser, on_doctype);
    bool well = XML_Parse(reading.parser, data, (int)bytes, 1) == XML_STATUS_OK && !reading.wrong;
    XML_ParserFree(reading.parser);
    text_clear(&reading.path);
    text_clear(&reading.text);
    return well;
}
