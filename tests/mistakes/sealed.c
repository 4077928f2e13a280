/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A format that is only read, whose members may be of no use: "sealed 1", then for each member a
 * line "TYPE GROUP STATE NAME TEXT". TYPE is f, d, h (a hard link to TEXT) or l (a link to it);
 * members of one GROUP are decoded together. STATE:
 *
 *     ok
 *     sealed    cannot be decoded, as the listing tells
 *     late      the same, seen when it is decoded, behind a part of its data
 *     broken    damaged
 */
#include <hbcore/format.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 1 << 16, OLD_MEMBER = 40 };
static const char magic_text[] = "sealed 1\n";

struct sealed {
    const struct hb_host *host;
    const char *how;
    char text[LONGEST + 1];
};

struct line {
    char type, state[16], name[8192], text[8192];
    unsigned long long group;
    struct hb_entry entry;
};

static int sealed_create(const struct hb_host *host, const struct hb_settings *settings,
                         void **self)
{
    struct sealed *sealed = calloc(1, sizeof *sealed);
    if (sealed == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory");
    sealed->host = host;
    sealed->how = settings->values[0]->text;
    *self = sealed;
    return HB_OK;
}

static int sealed_entry(void *self, const struct hb_sink *sink, const struct hb_entry *entry)
{
    const struct sealed *sealed = self;
    (void)sink;
    (void)entry;
    return sealed->host->fail(sealed->host, HB_STATUS_FATAL, "is only read");
}

static int sealed_append(void *self, const struct hb_sink *sink, const struct hb_unit *unit)
{
    const struct sealed *sealed = self;
    (void)sink;
    (void)unit;
    return sealed->host->fail(sealed->host, HB_STATUS_FATAL, "is only read");
}

static int sealed_finish(void *self, const struct hb_sink *sink, const void *trailer, size_t bytes)
{
    const struct sealed *sealed = self;
    (void)sink;
    (void)trailer;
    (void)bytes;
    return sealed->host->fail(sealed->host, HB_STATUS_FATAL, "is only read");
}

static int read_all(struct sealed *sealed, const struct hb_input *input)
{
    size_t used = 0;
    int64_t got = 1;
    while (got > 0 && used < LONGEST) {
        got = input->read(input, sealed->text + used, LONGEST - used);
        if (got > 0)
            used += (size_t)got;
    }
    sealed->text[used] = '\0';
    return got < 0 ? sealed->host->fail(sealed->host, HB_STATUS_FATAL, "cannot be read") : HB_OK;
}

/* The line at `at`; where the next one begins, 0: there is none. */
static size_t parse(const struct sealed *sealed, size_t at, struct line *line)
{
    static const char letters[] = "?fdlh";
    const char *end = strchr(sealed->text + at, '\n');
    line->text[0] = '\0';
    if (end == NULL || sscanf(sealed->text + at, "%c %llu %15s %8191s %8191[^\n]", &line->type,
                              &line->group, line->state, line->name, line->text) < 4)
        return 0;
    const char *letter = strchr(letters, line->type);
    bool link = line->type == 'l' || line->type == 'h';
    line->entry = (struct hb_entry){
        .size = sizeof line->entry,
        .type = letter == NULL ? HB_TYPE_SPECIAL : (uint32_t)(letter - letters),
        .path = line->name,
        .path_bytes = strlen(line->name),
        .link = link ? line->text : NULL,
        .bytes = line->type == 'f' ? strlen(line->text) : 0,
    };
    return (size_t)(end - sealed->text) + 1;
}

static bool is(const struct line *line, const char *state)
{
    return strcmp(line->state, state) == 0;
}

static int visit(const struct sealed *sealed, const struct hb_visitor *visitor,
                 const struct line *line)
{
    int status = visitor->entry(visitor, &line->entry);
    bool wanted = status == HB_OK;
    if (status < 0)
        return status;
    status = HB_OK;
    if (is(line, "sealed") || (is(line, "late") && wanted))
        status = visitor->unreadable(visitor, "is sealed");
    if (strcmp(sealed->how, "data-and-sealed") == 0 || (wanted && is(line, "ok")))
        status = visitor->data(visitor, line->text, (size_t)line->entry.bytes, 0);
    if (status < 0)
        return status;
    if (is(line, "broken"))
        return sealed->host->fail(sealed->host, HB_STATUS_FATAL, "%s is broken", line->name);
    return visitor->end(visitor, line->entry.bytes);
}

static int sealed_walk(void *self, const struct hb_input *input, const struct hb_visitor *visitor)
{
    struct sealed *sealed = self;
    struct line *line = malloc(sizeof *line);
    int status = read_all(sealed, input);
    size_t at = sizeof magic_text - 1, next;
    while (status == HB_OK && (next = parse(sealed, at, line)) != 0) {
        status = visit(sealed, visitor, line);
        at = next;
    }
    free(line);
    return status;
}

static int sealed_list(void *self, const struct hb_input *input, const struct hb_lister *lister)
{
    struct sealed *sealed = self;
    if (strcmp(sealed->how, "list") != 0 && strcmp(sealed->how, "old") != 0)
        return HB_STATUS_NOMATCH;
    struct line *line = malloc(sizeof *line);
    int status = read_all(sealed, input);
    size_t at = sizeof magic_text - 1, next;
    while (status == HB_OK && (next = parse(sealed, at, line)) != 0) {
        bool old = strcmp(sealed->how, "old") == 0;
        struct hb_member member = {
            .size = old ? OLD_MEMBER : sizeof member,
            .flags = is(line, "sealed") || old ? HB_MEMBER_UNREADABLE : 0,
            .entry = &line->entry,
            .group = line->group,
            .token = at,
            .why = "is sealed",
        };
        status = lister->member(lister, &member);
        at = next;
    }
    free(line);
    return status;
}

static int sealed_decode(void *self, void *worker, const struct hb_input *input,
                         const struct hb_member *const *members, size_t count,
                         const struct hb_output *const *outputs)
{
    const struct sealed *sealed = self;
    struct line *line = malloc(sizeof *line);
    int status = HB_OK;
    (void)worker;
    (void)input;
    for (size_t i = 0; status == HB_OK && i < count; i++) {
        parse(sealed, (size_t)members[i]->token, line);
        size_t bytes = (size_t)line->entry.bytes;
        if (is(line, "sealed"))
            status =
                sealed->host->fail(sealed->host, HB_STATUS_FATAL, "was asked for all the same");
        else if (is(line, "broken"))
            status = sealed->host->fail(sealed->host, HB_STATUS_FATAL, "%s is broken", line->name);
        else if (bytes > 0)
            status = outputs[i]->write(outputs[i], line->text, is(line, "late") ? 1 : bytes, 0);
        if (is(line, "late"))
            status = sealed->host->fail(sealed->host, HB_STATUS_ENTRY, "%s is sealed", line->name);
    }
    free(line);
    return status;
}

static const char *const suffixes[] = {".sealed", NULL};
static const struct hb_magic magics[] = {{.bytes = magic_text, .length = sizeof magic_text - 1},
                                         {0}};

static const struct hb_option *const options[] = {
    &(const struct hb_option){
        .size = sizeof(struct hb_option),
        .type = HB_OPTION_STRING,
        .key = "how",
        .default_text = "list",
        .help = "list; old: as before there were such members; walk; data-and-sealed"},
};

static const struct hb_format_ops ops = {
    .size = sizeof(struct hb_format_ops),
    .suffixes = suffixes,
    .magics = magics,
    .begin_entry = sealed_entry,
    .append = sealed_append,
    .end_entry = sealed_entry,
    .finish = sealed_finish,
    .walk = sealed_walk,
    .list = sealed_list,
    .decode = sealed_decode,
};

static const struct hb_plugin plugin = {
    .size = sizeof(struct hb_plugin),
    .abi = HB_ABI,
    .kind = HB_KIND_FORMAT,
    .host_size = sizeof(struct hb_host),
    .name = "sealed",
    .version = "1.0",
    .summary = "Reads members that cannot be decoded",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .create = sealed_create,
    .destroy = free,
    .ops = &ops,
};

HB_EXPORT const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
