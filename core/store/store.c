/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include "base/memory.h"
#include "base/name.h"
#include "base/nearest.h"
#include "base/url.h"
#include "host/failure.h"
#include "host/instance.h"
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

/* ---- the stores of a run --------------------------------------------------------------------- */

struct one {
    struct hb_store store;
    struct hb_retry_budget budget;
    struct hb_instance *instance;
    struct hb_section *owned; /* where no section of the configuration says it */
    char *scheme;
};

struct hb_stores {
    struct one **all; /* each stays where it is */
    size_t count;
};

static void free_one(struct one *one)
{
    hb_instance_free(one->instance);
    hb_section_free(one->owned);
    free(one->scheme);
    free(one);
}

static void clear(struct hb_stores *stores)
{
    for (size_t i = 0; i < stores->count; i++)
        free_one(stores->all[i]);
    free(stores->all);
    free(stores);
}

static struct hb_stores *stores_of(struct hb_run *run)
{
    if (run->stores == NULL) {
        run->stores = hb_alloc(sizeof *run->stores);
        run->clear_stores = clear;
    }
    return run->stores;
}

/* In lower case, as labels of sections are. Caller frees. */
static char *scheme_of(const char *url)
{
    size_t bytes = hb_url_scheme(url);
    HB_AUTO_FREE char *scheme = hb_copy_bytes(url, bytes);
    return hb_url_lower(scheme, bytes);
}

/* ---- which one ------------------------------------------------------------------------------- */

static const struct hb_section *section_of(const struct hb_config *config, const char *scheme)
{
    const struct hb_section *section = NULL;
    while ((section = hb_config_next(config, HB_KIND_STORE, section)) != NULL)
        if (strcmp(section->label, scheme) == 0)
            break;
    return section;
}

/* "offsite (section [store:offsite]), rclone": what could stand there. */
struct known {
    char *text;
    const struct hb_config *config;
};

static void add_known(struct known *known, const char *name)
{
    char *longer = hb_text("%s%s%s://", known->text, *known->text == '\0' ? "" : ", ", name);
    free(known->text);
    known->text = longer;
}

static int add_plugin(void *context, const char *path, const struct hb_library *library,
                      const struct hb_error *error)
{
    struct known *known = context;
    (void)path;
    (void)error; /* nobody selected this broken plugin */
    if (library != NULL && library->plugin->kind == HB_KIND_STORE &&
        section_of(known->config, library->plugin->name) == NULL)
        add_known(known, library->plugin->name);
    return 0;
}

static int unknown(const struct hb_config *config, const char *scheme, const char *url,
                   struct hb_error *error)
{
    struct known known = {hb_copy_text(""), config};
    const struct hb_section *section = NULL;
    while ((section = hb_config_next(config, HB_KIND_STORE, section)) != NULL)
        add_known(&known, section->label);
    hb_loader_each(hb_config_loader(config), HB_KIND_STORE, add_plugin, &known);
    hb_error_set(error, HB_STATUS_FATAL, "%s: no store is called '%s'", url, scheme);
    if (strcmp(scheme, "file") == 0)
        hb_error_hint(error, "a file: URL is one of this machine: file:///DIRECTORY/NAME");
    else if (*known.text == '\0')
        hb_error_hint(error, "there is no store plugin here; a path that begins so is written ./%s",
                      url);
    else
        hb_error_hint(error, "the stores are: %s; or add a section [store:%s]", known.text, scheme);
    error->wrong_use = true;
    free(known.text);
    return HB_STATUS_FATAL;
}

/* Of no section: the plugin of that name. */
static int find_plugin(const struct hb_config *config, const char *scheme, const char *url,
                       const struct hb_library **library, struct hb_error *error)
{
    struct hb_error why;
    return hb_loader_find(hb_config_loader(config), HB_KIND_STORE, scheme, library, &why) == HB_OK
               ? HB_OK
               : unknown(config, scheme, url, error);
}

int hb_store_known(const struct hb_config *config, const char *url, struct hb_error *error)
{
    const struct hb_library *library;
    HB_AUTO_FREE char *scheme = scheme_of(url);
    return section_of(config, scheme) != NULL ? HB_OK
                                              : find_plugin(config, scheme, url, &library, error);
}

static int make_one(struct hb_run *run, const char *url, struct one *one, struct hb_error *error)
{
    const struct hb_section *section = section_of(run->config, one->scheme);
    const struct hb_library *library;
    int status =
        section != NULL ? HB_OK : find_plugin(run->config, one->scheme, url, &library, error);
    if (status == HB_OK && section == NULL)
        one->owned = hb_section_default(library);
    if (status == HB_OK)
        status =
            hb_instance_create(run, section != NULL ? section : one->owned, &one->instance, error);
    if (status != HB_OK)
        return status;
    one->store = (struct hb_store){.ops = one->instance->plugin->ops,
                                   .self = one->instance->self,
                                   .run = run,
                                   .instance = one->instance,
                                   .budget = &one->budget};
    return HB_OK;
}

static int check_name(const char *url, struct hb_error *error)
{
    const char *name = hb_url_name(url);
    size_t bytes = strlen(name);
    if (bytes > 0 && name[bytes - 1] != ' ')
        return HB_OK;
    hb_error_set(error, HB_STATUS_FATAL, "%s: this URL names no object", url);
    error->wrong_use = true;
    return HB_STATUS_FATAL;
}

int hb_store_find(struct hb_run *run, const char *url, const struct hb_store **store,
                  struct hb_error *error)
{
    struct hb_stores *stores = stores_of(run);
    HB_AUTO_FREE char *scheme = scheme_of(url);
    for (size_t i = 0; i < stores->count; i++)
        if (strcmp(stores->all[i]->scheme, scheme) == 0) {
            *store = &stores->all[i]->store;
            return HB_OK;
        }
    struct one *one = hb_alloc(sizeof *one);
    one->scheme = hb_copy_text(scheme);
    int status = make_one(run, url, one, error);
    if (status != HB_OK) {
        free_one(one);
        return status;
    }
    stores->all = hb_resize(stores->all, stores->count + 1, sizeof one);
    stores->all[stores->count++] = one;
    *store = &one->store;
    return HB_OK;
}

struct hb_retry hb_store_retry(const struct hb_store *store)
{
    struct hb_retry none = {.run = NULL};
    if (store->instance == NULL)
        return none;
    struct hb_retry retry = hb_retry_begin(store->run, store->clock, store->budget);
    retry.store = store->instance->section->name;
    return retry;
}

const char *hb_store_failure(const struct hb_store *store)
{
    return store->instance != NULL ? hb_instance_reason(store->instance)
                                   : hb_failure_of(store->run)->text;
}

int hb_store_error(const struct hb_store *store, int status, const char *what,
                   struct hb_error *error)
{
    hb_error_set(error, status, "%s: %s", what, hb_store_failure(store));
    const char *hint = hb_failure_of(store->run)->hint;
    if (*hint != '\0')
        hb_error_hint(error, "%s", hint);
    return status;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Whose answer cannot be. */
static const char *plugin_of(const struct hb_store *store)
{
    return store->instance == NULL ? "the store" : store->instance->plugin->name;
}

/* Is the object described, by the callback of that name? If not, says why not. */
static bool is_whole(const struct hb_store *store, const char *callback,
                     const struct hb_object *object)
{
    const char *plugin = plugin_of(store);
    if (object->name == NULL)
        hb_run_explain(store->run, "plugin %s: its %s() gave an object without a name", plugin,
                       callback);
    else if (object->version == NULL || *object->version == '\0')
        hb_run_explain(store->run, "plugin %s: its %s() does not say what version '%s' has", plugin,
                       callback, object->name);
    else if (object->bytes > INT64_MAX)
        hb_run_explain(store->run,
                       "plugin %s: its %s() gave %" PRIu64 " bytes as the length of '%s'", plugin,
                       callback, object->bytes, object->name);
    else
        return true;
    return false;
}

int hb_store_open_name(const struct hb_store *store, const char *name, const char *version,
                       struct hb_opened *opened)
{
    struct hb_retry retry = hb_store_retry(store);
    int status;
    do {
        *opened = (struct hb_opened){.object = {.size = sizeof opened->object}};
        hb_run_clear_failure(store->run);
        status = store->ops->open(store->self, name, version, &opened->reader, &opened->object);
    } while (status != HB_OK && status != HB_STATUS_NOMATCH && hb_retry_again(&retry));
    if (status != HB_OK)
        return status == HB_STATUS_NOMATCH ? status : HB_STATUS_FATAL;
    opened->store = store;
    if (is_whole(store, "open", &opened->object))
        return HB_OK;
    HB_AUTO_FREE char *why = hb_copy_text(hb_store_failure(store));
    hb_opened_close(opened);
    hb_run_explain(store->run, "%s", why);
    return HB_STATUS_FATAL;
}

/*
 * Nothing has that name: what is there? A last word without a '.' is rather that of a directory
 * than of an archive.
 */
static void hint_at_others(const char *url, struct hb_error *error)
{
    const char *slash = strrchr(url, '/');
    const char *last = slash == NULL ? strchr(url, ':') + 1 : slash + 1; /* behind the scheme */
    bool no_name = *last == '\0', directory = strchr(last, '.') == NULL;
    HB_AUTO_FREE char *place =
        !no_name && directory ? hb_text("%s/", url) : hb_copy_bytes(url, (size_t)(last - url));
    HB_AUTO_FREE char *word = hb_shell_word(place);
    if (no_name)
        hb_error_hint(error,
                      "write the name of the archive behind it; `hbcore archives %s` says "
                      "which there are",
                      word);
    else if (directory)
        hb_error_hint(error, "a directory ends with a '/': `hbcore archives %s` says what is in it",
                      word);
    else
        hb_error_hint(error, "`hbcore archives %s` says which there are", word);
}

int hb_store_open(struct hb_run *run, const char *url, const char *version,
                  struct hb_opened *opened, struct hb_error *error)
{
    const struct hb_store *store;
    *opened = (struct hb_opened){.store = NULL};
    int status = hb_store_find(run, url, &store, error);
    if (status == HB_OK)
        status = check_name(url, error);
    if (status != HB_OK)
        return status;
    status = hb_store_open_name(store, hb_url_name(url), version, opened);
    if (status == HB_STATUS_NOMATCH) {
        hb_error_set(error, HB_STATUS_NOMATCH, "%s: cannot be opened: %s", url,
                     version == NULL ? "there is nothing of that name"
                                     : "it was replaced or removed");
        hint_at_others(url, error);
        return HB_STATUS_NOMATCH;
    }
    if (status == HB_OK)
        return HB_OK;
    HB_AUTO_FREE char *what = hb_text("%s: cannot be opened", url);
    return hb_store_error(store, HB_STATUS_FATAL, what, error);
}

int64_t hb_opened_read_at(const struct hb_opened *opened, void *buffer, size_t bytes,
                          uint64_t offset)
{
    const struct hb_store *store = opened->store;
    uint64_t length = opened->object.bytes;
    if (offset >= length)
        return 0;
    size_t want = bytes < length - offset ? bytes : (size_t)(length - offset);
    struct hb_retry retry = hb_store_retry(store);
    int64_t got;
    do {
        hb_run_clear_failure(store->run);
        got = store->ops->read_at(store->self, opened->reader, buffer, want, offset);
    } while (got < 0 && hb_retry_again(&retry));
    if (got < 0 || (uint64_t)got == want)
        return got;
    hb_run_explain(store->run, "the store gave %lld bytes of %zu", (long long)got, want);
    return HB_STATUS_FATAL;
}

void hb_opened_close(struct hb_opened *opened)
{
    if (opened->store != NULL)
        opened->store->ops->close(opened->store->self, opened->reader);
    *opened = (struct hb_opened){.store = NULL};
}

/* ---- listing --------------------------------------------------------------------------------- */

struct listing {
    const struct hb_store *store;
    const char *prefix;
    int (*each)(void *context, const struct hb_object *object);
    void *context;
    int ended;    /* what `each` returned, or a fault of the store's */
    bool any;     /* something was listed, and would be listed twice */
    json_t *seen; /* name to what was listed by it */
};

/* An object that cannot be one of this listing: says why. */
static bool is_listed(const struct listing *listing, const struct hb_object *object)
{
    const struct hb_store *store = listing->store;
    if (!is_whole(store, "list", object))
        return false;
    if (strncmp(object->name, listing->prefix, strlen(listing->prefix)) == 0)
        return true;
    hb_run_explain(store->run, "plugin %s: its list() gave '%s', which does not begin with '%s'",
                   plugin_of(store), object->name, listing->prefix);
    return false;
}

/*
 * Page after page, or while others write, a listing may name an object more than once. Whoever
 * counts the objects must not count it again. HB_OK: it is new; HB_STATUS_NOMATCH: it was there;
 * HB_STATUS_FATAL: it was there as another one, and nobody knows what is listed. A file of this
 * machine may have been replaced meanwhile: then the first counts.
 */
static int note_seen(struct listing *listing, const struct hb_object *object)
{
    const struct hb_store *store = listing->store;
    HB_AUTO_FREE char *what = hb_text("%" PRIu64 " %s", object->bytes, object->version);
    const json_t *before = json_object_get(listing->seen, object->name);
    size_t bytes = strlen(what);
    if (before == NULL) {
        json_object_set_new_nocheck(listing->seen, object->name, json_stringn_nocheck(what, bytes));
        return HB_OK;
    }
    if (store->instance == NULL || strcmp(json_string_value(before), what) == 0)
        return HB_STATUS_NOMATCH;
    hb_run_explain(store->run,
                   "plugin %s: its list() gave '%s' twice, with different lengths or versions",
                   plugin_of(store), object->name);
    return HB_STATUS_FATAL;
}

static int on_object(const struct hb_object_lister *lister, const struct hb_object *object)
{
    struct listing *listing = lister->self;
    if (listing->ended != 0)
        return listing->ended;
    listing->any = true;
    if (listing->store->instance != NULL && !is_listed(listing, object))
        return listing->ended = HB_STATUS_FATAL;
    int status = note_seen(listing, object);
    if (status == HB_STATUS_NOMATCH)
        return HB_OK;
    return listing->ended =
               status == HB_OK ? listing->each(listing->context, object) : HB_STATUS_FATAL;
}

int hb_store_each(const struct hb_store *store, const char *prefix,
                  int (*each)(void *context, const struct hb_object *object), void *context)
{
    struct listing listing = {
        .store = store, .prefix = prefix, .each = each, .context = context, .seen = json_object()};
    struct hb_object_lister lister = {.size = sizeof lister, .self = &listing, .object = on_object};
    struct hb_retry retry = hb_store_retry(store);
    int status;
    do {
        hb_run_clear_failure(store->run);
        status = store->ops->list(store->self, prefix, &lister);
    } while (status != HB_OK && status != HB_STATUS_CANCELLED && !listing.any &&
             hb_retry_again(&retry));
    json_decref(listing.seen);
    if (listing.ended != 0)
        return listing.ended;
    return status == HB_OK || status == HB_STATUS_CANCELLED ? status : HB_STATUS_FATAL;
}

/* One that was tried again may have done its work the first time, with its answer lost. */
int hb_store_remove(const struct hb_store *store, const char *name, const char *version)
{
    struct hb_retry retry = hb_store_retry(store);
    int status;
    do {
        hb_run_clear_failure(store->run);
        status = store->ops->remove(store->self, name, version);
    } while (status != HB_OK && status != HB_STATUS_NOMATCH && hb_retry_again(&retry));
    return status == HB_STATUS_NOMATCH && retry.attempts > 0 ? HB_OK : status;
}

void hb_store_forget(const struct hb_store *store, const char *name)
{
    struct hb_opened opened;
    if (hb_store_open_name(store, name, NULL, &opened) != HB_OK)
        return;
    HB_AUTO_FREE char *version = hb_copy_text(opened.object.version);
    hb_opened_close(&opened);
    hb_store_remove(store, name, version);
}
