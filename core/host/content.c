/* SPDX-License-Identifier: Apache-2.0 */
#include "host/content.h"

#include "base/memory.h"
#include "base/path.h"
#include "files/io.h"
#include "files/regular.h"
#include "host/failure.h"
#include "host/instance.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static const struct hb_content_ops *ops_of(const struct hb_chain *contents, size_t number)
{
    return contents->instances[number]->plugin->ops;
}

struct hb_entry hb_file_entry(const char *path, const struct stat *status)
{
    return (struct hb_entry){
        .size = sizeof(struct hb_entry),
        .type = HB_TYPE_FILE,
        .path = path,
        .path_bytes = strlen(path),
        .bytes = (uint64_t)status->st_size,
        .mode = status->st_mode & 07777,
        .mtime = status->st_mtim,
        .flags = HB_ENTRY_HAS_MODE | HB_ENTRY_HAS_MTIME | HB_ENTRY_HAS_OWNER,
        .uid = status->st_uid,
        .gid = status->st_gid,
    };
}

int hb_contents_create(struct hb_run *run, struct hb_chain *contents, struct hb_error *error)
{
    int status = hb_chain_create(run, HB_KIND_CONTENT, NULL, contents, error);
    if (status == HB_OK && hb_contents_are_given_up(run->config))
        hb_report_add_once(&run->report, HB_FOUND_NOTE, hb_config_path(run->config),
                           HB_NO_CONTENTS);
    return status;
}

bool hb_contents_are_given_up(const struct hb_config *config)
{
    return hb_config_path(config) != NULL && hb_config_next(config, HB_KIND_CONTENT, NULL) == NULL;
}

void hb_claim_ask(const struct hb_chain *contents, const struct hb_entry *entry,
                  struct hb_claim *claim)
{
    if (claim->asked)
        return;
    claim->asked = true;
    for (size_t i = 0; i < contents->count; i++)
        if (ops_of(contents, i)->claim(contents->instances[i]->self, entry, NULL, 0) == HB_OK)
            claim->by_name |= UINT64_C(1) << i;
}

const struct hb_instance *hb_claim_named(const struct hb_chain *contents,
                                         const struct hb_claim *claim)
{
    for (size_t i = 0; i < contents->count; i++)
        if ((claim->by_name >> i & 1) != 0)
            return ops_of(contents, i)->head_bytes == 0 ? contents->instances[i] : NULL;
    return NULL;
}

/* The first bytes of a file, read when somebody wants to see them. */
struct head {
    unsigned char data[HB_HEAD_BYTES];
    int64_t bytes; /* -errno: they cannot be read */
    bool read;
};

static void read_head(struct head *head, int (*open)(void *context), void *context)
{
    if (head->read)
        return;
    head->read = true;
    HB_AUTO_CLOSE int fd = open(context);
    head->bytes = fd < 0 ? fd : hb_read_all_at(fd, head->data, sizeof head->data, 0);
}

static void settle(const struct hb_chain *contents, const struct hb_entry *entry,
                   struct hb_claim *claim, int (*open)(void *context), void *context)
{
    struct head head = {.read = false};
    hb_claim_ask(contents, entry, claim);
    claim->settled = true;
    for (size_t i = 0; i < contents->count; i++) {
        const struct hb_content_ops *ops = ops_of(contents, i);
        bool mine = (claim->by_name >> i & 1) != 0;
        if (mine &&
            ops->head_bytes > 0) { /* else its name is enough, and the file is not touched */
            read_head(&head, open, context);
            if (head.bytes < 0) {
                claim->error = (int)-head.bytes;
                return;
            }
            size_t shown =
                (size_t)head.bytes < ops->head_bytes ? (size_t)head.bytes : ops->head_bytes;
            mine = ops->claim(contents->instances[i]->self, entry, head.data, shown) == HB_OK;
        }
        if (mine) {
            claim->number = (uint8_t)(i + 1);
            return;
        }
    }
}

int hb_claim_settle(const struct hb_chain *contents, const struct hb_entry *entry,
                    struct hb_claim *claim, int (*open)(void *context), void *context,
                    const struct hb_instance **content)
{
    if (!claim->settled)
        settle(contents, entry, claim, open, context);
    *content = claim->number == 0 ? NULL : contents->instances[claim->number - 1];
    return -claim->error;
}

struct file_at {
    int directory_fd;
    const char *name;
};

static int open_at(void *context)
{
    const struct file_at *file = context;
    int fd = openat(file->directory_fd, file->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int hb_claimant_at(const struct hb_chain *contents, const struct hb_entry *entry, int directory_fd,
                   const char *name, const struct hb_instance **content)
{
    struct hb_claim claim = {0};
    struct file_at file = {directory_fd, name};
    return hb_claim_settle(contents, entry, &claim, open_at, &file, content);
}

bool hb_is_sidecar(const struct hb_chain *contents, const struct hb_entry *entry,
                   bool (*claims)(void *context, size_t content, const struct hb_entry *owner),
                   void *context)
{
    for (size_t i = 0; i < contents->count; i++) {
        const struct hb_content_ops *ops = ops_of(contents, i);
        const char *const *suffix =
            HB_CAN(ops, sidecars) ? ops->sidecars(contents->instances[i]->self) : NULL;
        for (; suffix != NULL && *suffix != NULL; suffix++) {
            size_t stem;
            if (!hb_has_suffix(entry->path, entry->path_bytes, *suffix, &stem))
                continue;
            HB_AUTO_FREE char *path = hb_copy_bytes(entry->path, stem);
            struct hb_entry owner = *entry;
            owner.type = HB_TYPE_FILE;
            owner.path = path;
            owner.path_bytes = stem;
            if (claims(context, i, &owner))
                return true;
        }
    }
    return false;
}

int hb_check_copy(struct hb_run *run, const struct hb_instance *content,
                  const struct hb_entry *entry, const struct hb_file *copy, uint32_t *soundness)
{
    const struct hb_content_ops *ops = content->plugin->ops;
    char reason[400] = "";
    *soundness = HB_SOUNDNESS_NOT_CHECKED;
    if (!HB_CAN(ops, check))
        return HB_STATUS_NOMATCH;
    hb_run_clear_failure(run);
    HB_AUTO_AS as = {.changed = false}; /* its path may lead through other users' directories */
    (void)hb_as_self(&as);
    int status = ops->check(content->self, entry, copy, soundness, reason, sizeof reason);
    reason[sizeof reason - 1] = '\0';
    if (status == HB_STATUS_CANCELLED && hb_run_cancelled(run))
        return status; /* the command says so */
    if (status < 0) {
        *soundness = HB_SOUNDNESS_UNKNOWN;
        hb_report_add(&run->report, HB_FOUND_DOUBTFUL, entry->path, "could not be checked: %s",
                      hb_instance_failure(content));
        return HB_OK;
    }
    if (status == HB_OK &&
        (*soundness < HB_SOUNDNESS_SOUND ||
         *soundness > HB_SOUNDNESS_UNKNOWN)) { /* an unknown answer is not an answer */
        snprintf(reason, sizeof reason, "its check() found the unknown soundness %u", *soundness);
        *soundness = HB_SOUNDNESS_UNKNOWN;
    }
    if (status == HB_OK && *soundness == HB_SOUNDNESS_UNSOUND)
        hb_report_add(&run->report, HB_FOUND_DOUBTFUL, entry->path, "%s: %s", content->plugin->name,
                      reason);
    else if (status == HB_OK && *soundness == HB_SOUNDNESS_UNKNOWN)
        hb_report_add(&run->report, HB_FOUND_DOUBTFUL, entry->path, "could not be checked: %s: %s",
                      content->plugin->name, *reason == '\0' ? "it does not say why" : reason);
    return status;
}

void hb_check_staged(struct hb_run *run, const struct hb_instance *content,
                     const struct hb_entry *entry, const struct hb_stage *stage, const char *name)
{
    const struct hb_content_ops *ops = content->plugin->ops;
    uint32_t soundness;
    if (!HB_CAN(ops, check))
        return;
    HB_AUTO_CLOSE int fd = hb_open_regular(stage->fd, name, O_RDWR);
    HB_AUTO_FREE char *staged = hb_text("%s/%s", stage->path, name);
    struct hb_file file = {.size = sizeof file, .fd = fd, .path = staged};
    if (fd >= 0)
        hb_check_copy(run, content, entry, &file, &soundness);
    else
        hb_report_add(&run->report, HB_FOUND_DOUBTFUL, entry->path,
                      "could not be checked: its copy cannot be opened: %s", strerror(-fd));
}
