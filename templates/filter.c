/* SPDX-License-Identifier: Apache-2.0 */
/*
 * example - a filter plugin: says which files are kept. This one leaves out files by the end of
 * their name. hbcore/filter.h is the contract. A section of the configuration selects it:
 *
 *     [filter:mine]
 *     plugin = example
 *     on = backup
 *     suffixes = .tmp .bak
 */
#define _POSIX_C_SOURCE 200809L /* what POSIX has beyond C11 */
#include <hbcore/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One for each section that selects the plugin. All state lives here, none in static variables. */
struct filter {
    const struct hb_value *suffixes; /* the host's, valid until destroy() */
};

/* CHANGE: what a section can set. The host checks the values; `plugins show` prints the table. */
enum { SUFFIXES, OPTIONS };

static const struct hb_option *const options[OPTIONS] = {
    [SUFFIXES] =
        &(const struct hb_option){.size = sizeof(struct hb_option),
                                  .type = HB_OPTION_LIST,
                                  .key = "suffixes",
                                  .default_text = ".tmp .bak",
                                  .help = "Files whose names end in one of these are left out"},
};

static int create(const struct hb_host *host, const struct hb_settings *settings, void **self)
{
    struct filter *filter = calloc(1, sizeof *filter);
    if (filter == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory"); /* always say why, then return */
    filter->suffixes = settings->values[SUFFIXES];
    *self = filter;
    return HB_OK;
}

static int ends_in(const struct hb_entry *entry, const char *suffix)
{
    size_t bytes = strlen(suffix);
    return bytes > 0 && entry->path_bytes >= bytes &&
           memcmp(entry->path + entry->path_bytes - bytes, suffix, bytes) == 0;
}

/*
 * CHANGE: the decision. It is asked about every entry, parents first; `answer` is preset to keep
 * it. HB_VERDICT_LEAVE_OUT drops the entry, HB_VERDICT_PRUNE a directory with all below it.
 * `direction` is HB_DIRECTION_BACKUP or HB_DIRECTION_IMPORT, as `on` in the section says.
 */
static int verdict(void *self, int direction, const struct hb_entry *entry,
                   struct hb_verdict *answer)
{
    const struct filter *filter = self;
    (void)direction;
    if (entry->type != HB_TYPE_FILE)
        return HB_OK;
    for (size_t i = 0; i < filter->suffixes->list_count; i++) {
        if (!ends_in(entry, filter->suffixes->list[i]))
            continue;
        answer->kind = HB_VERDICT_LEAVE_OUT;
        snprintf(answer->reason, sizeof answer->reason, "ends in %s", filter->suffixes->list[i]);
        break;
    }
    return HB_OK;
}

/* Each structure says how large it is, so that plugin and host may be of different releases. */
static const struct hb_filter_ops ops = {.size = sizeof ops, .verdict = verdict};

static const struct hb_plugin plugin = {
    .size = sizeof plugin,
    .abi = HB_ABI,
    .kind = HB_KIND_FILTER,
    .host_size = HB_SIZE_TO(struct hb_host, fail),
    .name = "example", /* the file must be called example.so */
    .version = "0.1",
    .summary = "Leaves out files by the end of their name", /* CHANGE */
    .options = options,
    .option_count = OPTIONS,
    .create = create,
    .destroy = free,
    .ops = &ops,
};

/* So that the host need not load it to know it. */
HB_PLUGIN_KIND(HB_KIND_FILTER);

/* The one symbol that is exported. */
HB_EXPORT const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
