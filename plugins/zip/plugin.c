/* SPDX-License-Identifier: Apache-2.0 */
/* zip: its options, an instance, and the functions that the host calls. */
#include "zip_codec.h"
#include "zip_decode.h"
#include "zip_encode.h"
#include "zip_index.h"
#include "zip_list.h"
#include "zip_span.h"
#include "zip_worker.h"
#include "zip_write.h"

#include <stdlib.h>

static const char *const suffixes[] = {".zip", NULL};

static const struct hb_magic magics[] = {
    {0, 4, "PK\3\4"},
    {0, 4, "PK\5\6"}, /* no entries */
    {0, 0, NULL},
};

static const char *const level_words[] = {"fast", NULL};

static const struct hb_option *const options[] = {
    &(const struct hb_option){
        .size = sizeof(struct hb_option),
        .type = HB_OPTION_INTEGER,
        .key = "level",
        .default_text = "6",
        .minimum = 0,
        .maximum = ZIP_LEVEL_MOST,
        .choices = level_words,
        .help = "Deflate level: 0 stores, 12 is smallest; fast takes a third of the time of 6, and "
                "5 % more space",
    },
};

static int create(const struct hb_host *host, const struct hb_settings *settings, void **self)
{
    struct zip *zip = calloc(1, sizeof *zip);
    if (zip == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory");
    zip->host = host;
    zip->level = (int)settings->values[0]->number;
    *self = zip;
    return HB_OK;
}

static void destroy(void *self)
{
    struct zip *zip = self;
    if (zip == NULL)
        return;
    zip_abort(zip);
    zip_index_free(&zip->index);
    free(zip->codec);
    free(zip);
}

static const char *codec(void *self, const struct hb_sink *sink)
{
    return zip_codec_name(self, sink->patch != NULL);
}

/* Times and paths are in fields of its own where zip has no room for them. */
static const struct hb_keeps keeps = {
    .size = sizeof keeps,
    .time_step = 1,
    .path_most = 65535,
};

static const struct hb_format_ops ops = {
    .size = sizeof ops,
    .flags =
        HB_FORMAT_READS_SEEKABLE | HB_FORMAT_TRAILER | HB_FORMAT_SYMLINKS | HB_FORMAT_INDEX_AT_END,
    .suffixes = suffixes,
    .magics = magics,
    .begin_entry = zip_begin_entry,
    .append = zip_append,
    .end_entry = zip_end_entry,
    .finish = zip_finish,
    .walk = zip_walk,
    .abort = zip_abort,
    .worker_create = zip_worker_create,
    .worker_destroy = zip_worker_destroy,
    .unit_policy = zip_unit_policy,
    .encode = zip_encode,
    .probe = zip_probe,
    .list = zip_list,
    .decode = zip_decode,
    .read_trailer = zip_read_trailer,
    .codec = codec,
    .span = zip_span,
    .locate = zip_locate,
    .adopt = zip_adopt,
    .keeps = &keeps,
};

static const struct hb_plugin plugin = {
    .size = sizeof plugin,
    .abi = HB_ABI,
    .kind = HB_KIND_FORMAT,
    .host_size = sizeof(struct hb_host),
    .name = "zip",
    .version = "0.1.0",
    .summary = "Zip archives that any unzip reads, deflated in parallel",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .create = create,
    .destroy = destroy,
    .ops = &ops,
};

HB_PLUGIN_KIND(HB_KIND_FORMAT);

HB_EXPORT const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
