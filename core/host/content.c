/* SPDX-License-Identifier: Apache-2.0 */
#include "host/content.h"

#include "base/memory.h"
#include "base/path.h"
#include "files/io.h"
#include "host/failure.h"
#include <fcntl.h>
#include <string.h>

static const struct hb_content_ops *ops_of(const struct hb_chain *contents, size_t number)
{
    return contents->instances[number]->plugin->ops;
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

/* The first bytes of a file, read when somebody wants to see them. */
struct head {
    unsigned char data[HB_HEAD_BYTES];
    int64_t bytes; /* -1: not read yet */
};

static void read_head(struct head *head, int (*open)(void *context), void *context)
{
    if (head->bytes >= 0)
        return;
    HB_AUTO_CLOSE int fd = open(context);
    head->bytes = fd < 0 ? 0 : hb_read_all_at(fd, head->data, sizeof head->data, 0);
    if (head->bytes < 0)
        head->bytes = 0;
}

const struct hb_instance *hb_claim_settle(const struct hb_chain *contents,
                                          const struct hb_entry *entry, struct hb_claim *claim,
                                          int (*open)(void *context), void *context)
{
    struct head head = {.bytes = -1};
    hb_claim_ask(contents, entry, claim);
    for (size_t i = 0; i < contents->count && !claim->settled; i++) {
        const struct hb_content_ops *ops = ops_of(contents, i);
        bool mine = (claim->by_name >> i & 1) != 0;
        if (mine &&
            ops->head_bytes > 0) { /* else its name is enough, and the file is not touched */
            read_head(&head, open, context);
            size_t shown =
                (size_t)head.bytes < ops->head_bytes ? (size_t)head.bytes : ops->head_bytes;
            mine = ops->claim(contents->instances[i]->self, entry, head.data, shown) == HB_OK;
        }
        if (mine) {
            claim->number = (uint8_t)(i + 1);
            break;
        }
    }
    claim->settled = true;
    return claim->number == 0 ? NULL : contents->instances[claim->number - 1];
}

struct file_at {
    int directory_fd;
    const char *name;
};

static int open_at(void *context)
{
    const struct file_at *file = context;
    return openat(file->directory_fd, file->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

const struct hb_instance *hb_claimant_at(const struct hb_chain *contents,
                                         const struct hb_entry *entry, int directory_fd,
                                         const char *name)
{
    struct hb_claim claim = {0};
    struct file_at file = {directory_fd, name};
    return hb_claim_settle(contents, entry, &claim, open_at, &file);
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
            owner.type = HB_FILE;
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
    *soundness = HB_NOT_CHECKED;
    if (!HB_CAN(ops, check))
        return HB_NOMATCH;
    hb_run_clear_failure(run);
    int status = ops->check(content->self, entry, copy, soundness, reason, sizeof reason);
    reason[sizeof reason - 1] = '\0';
    if (status < 0)
        hb_report_add(&run->report, HB_FOUND_DOUBTFUL, entry->path, "%s",
                      hb_instance_failure(content));
    else if (status == HB_OK && *soundness == HB_UNSOUND)
        hb_report_add(&run->report, HB_FOUND_DOUBTFUL, entry->path, "%s: %s", content->plugin->name,
                      reason);
    return status;
}

void hb_check_staged(struct hb_run *run, const struct hb_instance *content,
                     const struct hb_entry *entry, const struct hb_stage *stage, const char *name)
{
    const struct hb_content_ops *ops = content->plugin->ops;
    uint32_t soundness;
    if (!HB_CAN(ops, check))
        return;
    HB_AUTO_CLOSE int fd = openat(stage->fd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    HB_AUTO_FREE char *staged = hb_text("%s/%s", stage->path, name);
    struct hb_file file = {.size = sizeof file, .fd = fd, .path = staged};
    if (fd >= 0)
        hb_check_copy(run, content, entry, &file, &soundness);
}
