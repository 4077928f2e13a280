/* SPDX-License-Identifier: Apache-2.0 */
/* size-limit - a filter plugin in C++: leaves out files above a size, unless their name is exempt.
 */
#include <cstdio>
#include <hbcore/filter.h>
#include <memory>
#include <new>
#include <set>
#include <string>

namespace
{

struct Limit {
    uint64_t largest = 0;
    std::set<std::string> exempt;
};

/* In the order of the table below. */
enum Key { LARGEST, EXEMPT, KEYS };

const hb_option largest_option = {sizeof(hb_option),
                                  HB_OPTION_BYTES,
                                  "largest",
                                  "10M",
                                  0,
                                  INT64_MAX,
                                  nullptr,
                                  "Files above this size are left out",
                                  0,
                                  0};
const hb_option exempt_option = {sizeof(hb_option),
                                 HB_OPTION_LIST,
                                 "exempt",
                                 "",
                                 0,
                                 0,
                                 nullptr,
                                 "Names of files that are kept whatever their size",
                                 0,
                                 0};
const hb_option *const options[KEYS] = {&largest_option, &exempt_option};

/* Nothing may be thrown across the boundary, so what allocates is caught here. */
int create(const hb_host *host, const hb_settings *settings, void **self)
{
    try {
        auto limit = std::make_unique<Limit>();
        const hb_value *exempt = settings->values[EXEMPT];

        limit->largest = static_cast<uint64_t>(settings->values[LARGEST]->number);
        for (size_t i = 0; i < exempt->list_count; i++)
            limit->exempt.insert(exempt->list[i]);
        *self = limit.release();
        return HB_OK;
    } catch (const std::bad_alloc &) {
        return host->fail(host, HB_STATUS_FATAL, "out of memory");
    }
}

void destroy(void *self)
{
    delete static_cast<Limit *>(self);
}

int verdict(void *self, int, const hb_entry *entry, hb_verdict *answer)
{
    const Limit *limit = static_cast<const Limit *>(self);

    if (entry->type != HB_TYPE_FILE || entry->bytes == HB_SIZE_UNKNOWN ||
        entry->bytes <= limit->largest)
        return HB_OK;
    try {
        const std::string path(entry->path, entry->path_bytes);
        const size_t slash = path.rfind('/');

        if (limit->exempt.count(slash == std::string::npos ? path : path.substr(slash + 1)) != 0)
            return HB_OK;
    } catch (const std::bad_alloc &) {
        return HB_OK; /* rather store too much than lose a file */
    }
    answer->kind = HB_VERDICT_LEAVE_OUT;
    std::snprintf(answer->reason, sizeof(answer->reason), "larger than %llu bytes",
                  static_cast<unsigned long long>(limit->largest));
    return HB_OK;
}

const hb_filter_ops ops = {sizeof(hb_filter_ops), 0, verdict, nullptr, nullptr};

const hb_plugin plugin = {sizeof(hb_plugin),
                          HB_ABI,
                          HB_KIND_FILTER,
                          HB_SIZE_TO(hb_host, fail),
                          "size-limit",
                          "1.0",
                          "Leaves out files above a size",
                          options,
                          KEYS,
                          create,
                          destroy,
                          &ops,
                          nullptr};

} // namespace

const hb_plugin *hb_plugin_v1()
{
    return &plugin;
}
