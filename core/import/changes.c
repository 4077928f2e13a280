/* SPDX-License-Identifier: Apache-2.0 */
#include "import/changes.h"

#include "base/memory.h"
#include "host/roots.h"
#include "import/same_place.h"
#include "restore/foresee.h"

static bool is_same(const struct hb_catalog *catalog, size_t index, const struct stat *status)
{
    const struct hb_catalog_member *member = &catalog->members[index];
    return member->type == HB_TYPE_FILE && S_ISREG(status->st_mode) &&
           (hb_catalog_common(catalog, index)->entry_flags & HB_ENTRY_HAS_MTIME) &&
           (uint64_t)status->st_size == member->bytes &&
           status->st_mtim.tv_sec == hb_catalog_mtime_seconds(catalog, index) &&
           status->st_mtim.tv_nsec == (long)member->mtime_nanoseconds;
}

/* What is looked at one after the other. */
struct looking {
    struct hb_run *run;
    struct hb_restore_plan *plan;
    struct hb_last_target last;
    struct hb_led_members led;
    struct hb_changes *changes;
    char *why; /* the row would be refused; NULL: it would not */
};

static enum hb_change directory_change(struct looking *looking, const char *path)
{
    const char *why = hb_foresee_directory(looking->run, path);
    looking->why = why == NULL ? NULL : hb_copy_text(why);
    return why == NULL ? HB_CHANGE_NONE : HB_CHANGE_REFUSED;
}

/* Nothing of that depends on the mode, which the umask may give. */
static char *why_not_published(struct looking *looking, size_t index, const struct hb_place *place)
{
    struct hb_restore_plan *plan = looking->plan;
    const struct hb_instance *content =
        hb_planned_type(plan, index) == HB_TYPE_FILE ? hb_claims_named(&plan->claims, index) : NULL;
    struct hb_entry entry;
    hb_planned_entry(plan, index, &entry);
    return hb_foresee_publishing(looking->run, content, &entry, hb_planned_mode(plan, index, 077),
                                 place);
}

static enum hb_change file_change(struct looking *looking, size_t index)
{
    struct hb_restore_plan *plan = looking->plan;
    struct hb_place place = {.directory_fd = -1};
    hb_foresee_place(looking->run, &looking->last, hb_planned_path(plan, index),
                     hb_planned_type(plan, index) == HB_TYPE_SYMLINK, &place, &looking->why);
    if (looking->why == NULL)
        looking->why = why_not_published(looking, index, &place);
    hb_led_note(&looking->led, plan, index, place.path);
    bool exists = place.exists, same = exists && is_same(plan->catalog, index, &place.status);
    hb_place_clear(&place);
    if (looking->why != NULL)
        return HB_CHANGE_REFUSED;
    if (!exists)
        return HB_CHANGE_NEW;
    /* What is committed to a log beside a database leaves its size and time as they were. */
    return same && !hb_claims_by_name(&plan->claims, index) ? HB_CHANGE_UNCHANGED
                                                            : HB_CHANGE_REPLACED;
}

static enum hb_change change_of(struct looking *looking, size_t index)
{
    bool directory = looking->plan->catalog->members[index].type == HB_TYPE_DIRECTORY;
    if (!hb_planned_is_selected(looking->plan, index))
        return HB_CHANGE_NONE;
    bool rooted = hb_roots_have(looking->run, hb_planned_path(looking->plan, index));
    if (looking->run->home.fd < 0 && !rooted)
        return directory ? HB_CHANGE_NONE : HB_CHANGE_NEW;
    return directory ? directory_change(looking, hb_planned_path(looking->plan, index))
                     : file_change(looking, index);
}

static void note_refused(struct hb_changes *changes, size_t index, char *why)
{
    changes->refused =
        hb_resize(changes->refused, changes->refused_count + 1, sizeof *changes->refused);
    changes->refused[changes->refused_count++] = (struct hb_refused_change){index, why};
}

/* Contents are not compared: of the same size they may be the same, as where links were followed.
 */
static void refuse_led(void *context, size_t index, size_t other, const char *real)
{
    struct looking *looking = context;
    const struct hb_restore_plan *plan = looking->plan;
    const struct hb_catalog_member *members = plan->catalog->members;
    struct hb_changes *changes = looking->changes;
    if (changes->rows[index] == HB_CHANGE_REFUSED || changes->rows[other] == HB_CHANGE_REFUSED ||
        members[plan->rows[index].origin].bytes == members[plan->rows[other].origin].bytes)
        return;
    changes->counts[changes->rows[index]]--;
    changes->counts[HB_CHANGE_REFUSED]++;
    changes->rows[index] = HB_CHANGE_REFUSED;
    note_refused(changes, index,
                 hb_text("is %s in this home, through a link there; that place gets %s of the "
                         "archive, which is another content",
                         real, hb_planned_path(plan, other)));
}

void hb_changes_find(struct hb_run *run, struct hb_restore_plan *plan, struct hb_changes *changes)
{
    struct looking looking = {.run = run, .plan = plan, .last = HB_LAST_TARGET_NONE};
    *changes = (struct hb_changes){.rows = hb_alloc(plan->count + 1)};
    looking.changes = changes;
    for (size_t i = 0; i < plan->count; i++) {
        enum hb_change change = change_of(&looking, i);
        changes->rows[i] = (uint8_t)change;
        changes->counts[change]++;
        changes->preserved += plan->rows[i].action == HB_KEPT_BACK &&
                              plan->catalog->members[i].type != HB_TYPE_DIRECTORY;
        if (change == HB_CHANGE_REFUSED)
            note_refused(changes, i, looking.why);
        looking.why = NULL;
    }
    hb_last_target_clear(&looking.last);
    hb_led_each_clash(&looking.led, plan, refuse_led, &looking);
    hb_led_clear(&looking.led);
    changes->counts[HB_CHANGE_REFUSED] += run->report.kinds[HB_FOUND_SKIPPED]; /* by the plan */
}

void hb_changes_clear(struct hb_changes *changes)
{
    for (size_t i = 0; i < changes->refused_count; i++)
        free(changes->refused[i].why);
    free(changes->refused);
    free(changes->rows);
    *changes = (struct hb_changes){0};
}

void hb_changes_report_refused(struct hb_run *run, const struct hb_restore_plan *plan,
                               const struct hb_changes *changes)
{
    for (size_t i = 0; i < changes->refused_count; i++)
        hb_report_add(&run->report, HB_FOUND_SKIPPED,
                      hb_planned_path(plan, changes->refused[i].index), "%s",
                      changes->refused[i].why);
}

const char *hb_change_word(enum hb_change change)
{
    static const char *const words[HB_CHANGES] = {"", "new", "replaced", "unchanged", "refused"};
    return words[change];
}
