/* SPDX-License-Identifier: Apache-2.0 */
/* rclone: what the host sees. rclone.h says which file does what. */
#include "get.h"
#include "list.h"
#include "put.h"
#include <stdlib.h>

#define OPTION(...) (&(const struct hb_option){.size = sizeof(struct hb_option), __VA_ARGS__})

static const struct hb_option *const options[OPTIONS] = {
    [PROGRAM] = OPTION(.type = HB_OPTION_STRING, .key = "program", .default_text = "rclone",
                       .help = "The program, looked for in $PATH, or its path"),
    [CONFIG] = OPTION(.type = HB_OPTION_PATH, .key = "config", .default_text = "",
                      .help = "Its configuration, which has the remotes and their keys; empty: "
                              "where it looks itself"),
    [FLAGS] = OPTION(.type = HB_OPTION_LIST, .key = "flags", .default_text = "",
                     .help = "More words for each call of it, such as --bwlimit 10M"),
};

static void destroy(void *self)
{
    struct rclone *rclone = self;
    pthread_mutex_destroy(&rclone->lock);
    free(rclone);
}

static int create(const struct hb_host *host, const struct hb_settings *settings, void **self)
{
    struct rclone *rclone = calloc(1, sizeof *rclone);
    if (rclone == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory");
    rclone->host = host;
    rclone->settings = settings;
    pthread_mutex_init(&rclone->lock, NULL);
    *self = rclone;
    return HB_OK;
}

static const struct hb_store_ops ops = {
    .size = sizeof ops,
    .limits = rclone_limits,
    .put_begin = rclone_put_begin,
    .put_part = rclone_put_part,
    .put_commit = rclone_put_commit,
    .put_end = rclone_put_end,
    .open = rclone_open,
    .read_at = rclone_read_at,
    .close = rclone_close,
    .list = rclone_list,
    .remove = rclone_remove,
    .sweep = rclone_sweep,
};

static const struct hb_plugin plugin = {
    .size = sizeof plugin,
    .abi = HB_ABI,
    .kind = HB_KIND_STORE,
    .host_size = HB_SIZE_TO(struct hb_host, run_child),
    .name = "rclone",
    .version = "0.1.0",
    .summary = "Archives wherever the program rclone can put files",
    .options = options,
    .option_count = OPTIONS,
    .create = create,
    .destroy = destroy,
    .ops = &ops,
};

HB_PLUGIN_KIND(HB_KIND_STORE);

const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
