/* SPDX-License-Identifier: Apache-2.0 */
/* A format that is only read: "lines 1", then "NAME TEXT" for each file. Wrong as `mistake` says.
 */
#include <hbcore/format.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 1 << 16 };
static const char magic_text[] = "lines 1\n";

struct lines {
    const struct lines *self; /* so that it can be told whose this is */
    const struct hb_host *host;
    const char *mistake;
    char text[LONGEST + 1];
};

static int lines_create(const struct hb_host *host, const struct hb_settings *settings, void **self)
{
    struct lines *lines = calloc(1, sizeof *lines);
    if (lines == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory");
    lines->self = lines;
    lines->host = host;
    lines->mistake = settings->values[0]->text;
    *self = lines;
    return HB_OK;
}

static int lines_entry(void *self, const struct hb_sink *sink, const struct hb_entry *entry)
{
    const struct lines *lines = self;
    (void)sink;
    (void)entry;
    return lines->host->fail(lines->host, HB_STATUS_FATAL, "is only read");
}

static int lines_append(void *self, const struct hb_sink *sink, const struct hb_unit *unit)
{
    const struct lines *lines = self;
    (void)sink;
    (void)unit;
    return lines->host->fail(lines->host, HB_STATUS_FATAL, "is only read");
}

static int lines_finish(void *self, const struct hb_sink *sink, const void *trailer, size_t bytes)
{
    const struct lines *lines = self;
    (void)sink;
    (void)trailer;
    (void)bytes;
    return lines->host->fail(lines->host, HB_STATUS_FATAL, "is only read");
}

static int read_all(struct lines *lines, const struct hb_input *input)
{
    size_t used = 0;
    int64_t got = 1;
    while (got > 0 && used < LONGEST) {
        got = input->read(input, lines->text + used, LONGEST - used);
        if (got > 0)
            used += (size_t)got;
    }
    lines->text[used] = '\0';
    return got < 0 ? lines->host->fail(lines->host, HB_STATUS_FATAL, "cannot be read") : HB_OK;
}

static bool makes(const struct lines *lines, const char *mistake)
{
    return strcmp(lines->mistake, mistake) == 0;
}

/* The data of an entry as a whole, or not quite. */
static int give(const struct lines *lines, const struct hb_visitor *visitor, const char *text,
                size_t bytes, bool last)
{
    size_t given = makes(lines, "short") && last ? bytes / 2 : bytes;
    int status = visitor->data(visitor, text, given, 0);
    if (status == HB_OK && makes(lines, "back") && last)
        status = visitor->data(visitor, "again", 5, 0);
    if (status == HB_OK && (makes(lines, "more") || makes(lines, "hide-last-failure")) && last)
        status = visitor->data(visitor, "x", 1, bytes);
    return status;
}

/* One line; `last` if none follows. `again`: the archive has been passed over before. */
static int visit(const struct lines *lines, const struct hb_visitor *visitor, char *line, bool last,
                 bool again)
{
    char *text = strchr(line, ' ');
    if (text == NULL)
        return lines->host->fail(lines->host, HB_STATUS_FATAL, "a line without a text");
    *text++ = '\0';
    size_t bytes = strlen(text), said = bytes;
    if (makes(lines, "hide-failure"))
        said = bytes / 2; /* so that the visitor finds too much */
    bool directory = makes(lines, "another-type") && last && again;
    const struct hb_entry entry = {.size = sizeof entry,
                                   .type = directory ? HB_TYPE_DIRECTORY : HB_TYPE_FILE,
                                   .path = line,
                                   .path_bytes = strlen(line),
                                   .bytes = said};
    int status = visitor->entry(visitor, &entry);
    if (status >= 0 && makes(lines, "begin-twice") && last)
        status = visitor->entry(visitor, &entry);
    if (status < 0)
        return status;
    if (status == HB_OK && makes(lines, "short") && last)
        said = bytes / 2;
    if (status == HB_OK && !makes(lines, "no-data"))
        status = give(lines, visitor, text, bytes, last);
    if (makes(lines, "hide-failure") || (makes(lines, "hide-last-failure") && last))
        status = HB_OK;
    if (status < 0 || makes(lines, "no-data") || (last && makes(lines, "no-last-end")))
        return status < 0 ? status : HB_OK;
    status = visitor->end(visitor, said);
    if (status == HB_OK && makes(lines, "end-twice"))
        status = visitor->end(visitor, said);
    bool hidden = makes(lines, "hide-failure") || (makes(lines, "hide-last-failure") && last);
    return hidden ? HB_OK : status;
}

static int lines_walk(void *self, const struct hb_input *input, const struct hb_visitor *visitor)
{
    static int walks; /* of the process: for each an instance of its own is made */
    struct lines *lines = self;
    int status = read_all(lines, input);
    bool again = walks++ > 0;
    char *line = lines->text + sizeof magic_text - 1;
    while (status == HB_OK && *line != '\0') {
        char *end = strchr(line, '\n');
        if (end == NULL)
            return lines->host->fail(lines->host, HB_STATUS_FATAL, "is cut off");
        *end = '\0';
        if (makes(lines, "fewer") && again && end[1] == '\0')
            break;
        status = visit(lines, visitor, line, end[1] == '\0', again);
        line = end + 1;
    }
    return status;
}

/* What it is given has to be what create() made. */
static int lines_probe(void *self, const struct hb_input *input, const void *head, size_t bytes)
{
    const struct lines *lines = self;
    (void)input;
    if (lines->self != lines)
        abort();
    if (bytes < sizeof magic_text - 1 || memcmp(head, magic_text, sizeof magic_text - 1) != 0)
        return HB_STATUS_NOMATCH;
    return makes(lines, "proves") ? HB_STATUS_PROVEN : HB_OK;
}

static const char *const suffixes[] = {".lines", NULL};
static const struct hb_magic magics[] = {{.bytes = magic_text, .length = sizeof magic_text - 1},
                                         {0}};

static const struct hb_option *const options[] = {
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_STRING,
                              .key = "mistake",
                              .default_text = "none",
                              .help = "no-data, no-last-end, end-twice, hide-failure and others"},
};

static const struct hb_format_ops ops = {
    .size = sizeof(struct hb_format_ops),
    .suffixes = suffixes,
    .magics = magics,
    .begin_entry = lines_entry,
    .append = lines_append,
    .end_entry = lines_entry,
    .finish = lines_finish,
    .walk = lines_walk,
    .probe = lines_probe,
};

static const struct hb_plugin plugin = {
    .size = sizeof(struct hb_plugin),
    .abi = HB_ABI,
    .kind = HB_KIND_FORMAT,
    .host_size = sizeof(struct hb_host),
    .name = "lines",
    .version = "1.0",
    .summary = "Reads lines",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .create = lines_create,
    .destroy = free,
    .ops = &ops,
};

HB_EXPORT const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
