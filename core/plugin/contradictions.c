/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What would be there and never be asked, or be asked without what it stands on, is a slip of the
 * plugin's author, who believes that it works. It is refused where it can be read: when the plugin
 * is loaded. The headers say the same beside each callback.
 */
#include "plugin/contradictions.h"

#include "base/memory.h"
#include <hbcore/content.h>
#include <hbcore/filter.h>
#include <hbcore/format.h>
#include <hbcore/hook.h>
#include <hbcore/store.h>
#include <inttypes.h>
#include <string.h>

#define AT(type, member)   #member, offsetof(struct type, member)
#define FORMAT(member)     HB_KIND_FORMAT, AT(hb_format_ops, member)
#define CONTENT(member)    HB_KIND_CONTENT, AT(hb_content_ops, member)
#define HOOK(member)       HB_KIND_HOOK, AT(hb_hook_ops, member)
#define ONE(type, one)     {{AT(type, one)}}, 0
#define EITHER(type, a, b) {{AT(type, a)}, {AT(type, b)}}, 0
#define FLAG(flag)         {{#flag, 0}}, flag

const struct hb_need hb_needs[] = {
    {FORMAT(worker_create), ONE(hb_format_ops, worker_destroy), "nobody frees the worker"},
    {FORMAT(worker_create), EITHER(hb_format_ops, encode, decode), "nobody uses the worker"},
    {FORMAT(worker_destroy), ONE(hb_format_ops, worker_create), "there is no worker"},
    {FORMAT(decode), ONE(hb_format_ops, list), "the members are those that list() names"},
    {FORMAT(read_trailer), FLAG(HB_FORMAT_TRAILER), "no trailer is stored"},
    {FORMAT(codec), ONE(hb_format_ops, span), "nothing could be taken over"},
    {FORMAT(codec), ONE(hb_format_ops, locate), "nothing could be taken over"},
    {FORMAT(codec), ONE(hb_format_ops, adopt), "nothing could be taken over"},
    {FORMAT(codec), ONE(hb_format_ops, encode), "what is taken over are the units of encode()"},
    {FORMAT(codec), ONE(hb_format_ops, list), "what is taken over is found by list()"},
    {FORMAT(codec), ONE(hb_format_ops, read_trailer), "what is unchanged stands in the trailer"},
    {FORMAT(span), ONE(hb_format_ops, codec), "nothing could be taken over"},
    {FORMAT(locate), ONE(hb_format_ops, codec), "nothing could be taken over"},
    {FORMAT(adopt), ONE(hb_format_ops, codec), "nothing could be taken over"},

    {CONTENT(sidecars), ONE(hb_content_ops, open),
     "what is in them would be left out and stored nowhere"},
    {CONTENT(judge), ONE(hb_content_ops, open), "it judges what open() gave"},
    {CONTENT(fact), ONE(hb_content_ops, open), "it is about what open() gave"},
    {CONTENT(identity), EITHER(hb_content_ops, open, restore), "nobody asks it otherwise"},
    {CONTENT(foresee), ONE(hb_content_ops, restore), "it foretells what restore() says"},
    {CONTENT(note), ONE(hb_content_ops, restore), "it notes what restore() will change"},
    {CONTENT(since), ONE(hb_content_ops, restore), "it looks at what restore() has changed"},

    {HOOK(run), ONE(hb_hook_ops, commands), "there is no command to run"},
    {HOOK(commands), ONE(hb_hook_ops, run), "nobody runs the commands"},
    {0},
};

uint32_t hb_table_flags(uint32_t kind)
{
    return kind == HB_KIND_FORMAT
               ? HB_FORMAT_SIZE_FIRST | HB_FORMAT_READS_SEEKABLE | HB_FORMAT_TRAILER |
                     HB_FORMAT_SYMLINKS | HB_FORMAT_INDEX_AT_END
               : 0;
}

/* The second word of every table. A content plugin has a number there. */
static uint32_t second_word(const struct hb_plugin *plugin)
{
    uint32_t words[2];
    memcpy(words, plugin->ops, sizeof words);
    return words[1];
}

/* Pointers to functions and to data are of one size here, and NULL is all zero in both. */
static bool has(const struct hb_plugin *plugin, size_t offset)
{
    uint32_t size;
    void *pointer;
    memcpy(&size, plugin->ops, sizeof size);
    if (size < offset + sizeof pointer)
        return false;
    memcpy(&pointer, (const char *)plugin->ops + offset, sizeof pointer);
    return pointer != NULL;
}

static bool is_met(const struct hb_plugin *plugin, const struct hb_need *need)
{
    if (need->flag != 0)
        return (second_word(plugin) & need->flag) != 0;
    for (size_t i = 0; i < HB_MOST_NEEDS && need->needs[i].name != NULL; i++)
        if (has(plugin, need->needs[i].offset))
            return true;
    return false;
}

static char *unmet(const struct hb_need *need)
{
    const char *other = need->needs[1].name;
    if (other == NULL)
        return hb_text("its '%s' needs '%s', which is missing: %s", need->name, need->needs[0].name,
                       need->why);
    return hb_text("its '%s' needs '%s' or '%s', and both are missing: %s", need->name,
                   need->needs[0].name, other, need->why);
}

/* What a format says that it keeps. */
static char *wrong_keeps(const struct hb_format_ops *ops)
{
    enum {
        KNOWN = HB_KEEPS_OWNERS | HB_KEEPS_HARD_LINKS | HB_KEEPS_ATTRIBUTES | HB_KEEPS_ACCESS_LISTS,
        DAY = 24 * 60 * 60
    };
    const uint64_t second = 1000 * 1000 * 1000;
    const struct hb_keeps *keeps = HB_HAS(ops, keeps) ? ops->keeps : NULL;
    if (keeps == NULL)
        return NULL;
    if (keeps->size == 0)
        return hb_text("the size of its 'keeps' is 0: set .size = sizeof(struct hb_keeps) in it");
    if (!HB_HAS(keeps, path_most))
        return hb_text("its 'keeps' is %u bytes long, at least %u are needed", keeps->size,
                       HB_SIZE_TO(struct hb_keeps, path_most));
    if ((keeps->flags & ~(uint32_t)KNOWN) != 0)
        return hb_text("its 'keeps' has unknown flags (%#x)", keeps->flags & ~(uint32_t)KNOWN);
    if (keeps->time_step == 0 || keeps->time_step > DAY * second ||
        (keeps->time_step > second && keeps->time_step % second != 0))
        return hb_text("its 'keeps' has times to %" PRIu64 " ns, which is no step",
                       keeps->time_step);
    if (keeps->time_first > keeps->time_last || keeps->path_most == 0)
        return hb_text("its 'keeps' keeps no %s at all", keeps->path_most == 0 ? "path" : "time");
    return NULL;
}

char *hb_contradiction(const struct hb_plugin *plugin)
{
    uint32_t word = second_word(plugin), unknown = word & ~hb_table_flags(plugin->kind);
    if (plugin->kind == HB_KIND_CONTENT && word > 4096)
        return hb_text("its claim() wants to see %u first bytes; 4096 are the most", word);
    if (plugin->kind != HB_KIND_CONTENT && unknown != 0)
        return hb_text("its table of callbacks has unknown flags (%#x)", unknown);
    for (const struct hb_need *need = hb_needs; need->kind != 0; need++)
        if (need->kind == plugin->kind && has(plugin, need->offset) && !is_met(plugin, need))
            return unmet(need);
    if (plugin->kind == HB_KIND_FORMAT && (word & HB_FORMAT_INDEX_AT_END) != 0 &&
        !has(plugin, offsetof(struct hb_format_ops, list)))
        return hb_text("its 'HB_FORMAT_INDEX_AT_END' needs 'list', which is missing: "
                       "nobody reads the index");
    return plugin->kind == HB_KIND_FORMAT ? wrong_keeps(plugin->ops) : NULL;
}
