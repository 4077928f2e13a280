/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/entry_facts.h"

#include "archive/annotations.h"
#include "base/memory.h"
#include "base/name.h"
#include "host/failure.h"
#include <string.h>

/* What is wrong with a fact, as a mistake of its plugin; NULL: nothing. */
static const char *problem_of(const struct hb_fact *fact, const json_t *facts)
{
    size_t bytes = strlen(fact->name);
    if (bytes == 0 || bytes > HB_FACT_NAME_BYTES || !hb_is_utf8(fact->name, bytes) ||
        strchr(fact->name, '\n') != NULL)
        return "a name that is none";
    return json_object_get(facts, fact->name) != NULL ? "the same name twice" : NULL;
}

static void take(struct hb_run *run, const struct hb_instance *content,
                 const struct hb_entry *entry, const struct hb_fact *fact, json_t *facts)
{
    const char *problem = problem_of(fact, facts);
    if (problem == NULL)
        json_object_set_new(facts, fact->name, json_integer(fact->value));
    else
        hb_report_add(&run->report, HB_FOUND_NOTE, entry->path,
                      "%s: its fact() gave %s; that fact is not stored", content->plugin->name,
                      problem);
}

/* HB_STATUS_END after the last one. */
static int ask_one(struct hb_run *run, const struct hb_instance *content,
                   const struct hb_entry *entry, const struct hb_source *source, size_t index,
                   json_t *facts)
{
    const struct hb_content_ops *ops = content->plugin->ops;
    struct hb_fact fact = {.size = sizeof fact};
    hb_run_clear_failure(run);
    int status = ops->fact(content->self, entry, source, index, &fact);
    if (status == HB_OK)
        take(run, content, entry, &fact, facts);
    if (status == HB_OK || status == HB_STATUS_NOMATCH || status == HB_STATUS_END)
        return status;
    if (status == HB_STATUS_CANCELLED || hb_run_cancelled(run))
        return HB_STATUS_CANCELLED;
    const char *why = hb_instance_failure(content);
    if (hb_failure_of(run)->own)
        hb_report_content_note(&run->report, entry->path, why);
    else /* a defect, of now: no later backup is to repeat it, for then it may be mended */
        hb_report_add(&run->report, HB_FOUND_NOTE, entry->path, "%s", why);
    return HB_STATUS_ENTRY;
}

int hb_entry_facts_ask(struct hb_run *run, const struct hb_instance *content,
                       const struct hb_entry *entry, const struct hb_source *source, json_t **facts)
{
    const struct hb_content_ops *ops = content->plugin->ops;
    int status = HB_OK;
    *facts = NULL;
    if (!HB_CAN(ops, fact))
        return HB_OK;
    json_t *found = json_object();
    for (size_t i = 0; status != HB_STATUS_END && status != HB_STATUS_CANCELLED; i++) {
        if (i == HB_MOST_FACTS) {
            hb_report_add(&run->report, HB_FOUND_NOTE, entry->path,
                          "%s: its fact() has no end; the first %d are asked for",
                          content->plugin->name, HB_MOST_FACTS);
            break;
        }
        status = ask_one(run, content, entry, source, i, found);
    }
    if (json_object_size(found) > 0 && status != HB_STATUS_CANCELLED)
        *facts = json_incref(found);
    json_decref(found);
    return status == HB_STATUS_CANCELLED ? HB_STATUS_CANCELLED : HB_OK;
}

char *hb_entry_facts_text(const json_t *facts)
{
    return json_object_size(facts) == 0 ? NULL : json_dumps(facts, JSON_COMPACT | JSON_SORT_KEYS);
}
