/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a name in the configuration to a descriptor that holds. A plugin runs with all rights of
 * whoever runs hbcore, so everything is checked before its first instruction, in this order:
 *
 *   name       NAME.so in the first directory of the search path that has a file of that name. The
 *              first one counts also if it cannot be used: a later directory must not stand in for
 *              a plugin that somebody has broken.
 *   trust      the open file and each directory on the way belong to root or to the caller, and
 *              nobody else can write to them (files/trust.h). Later checks would come too late:
 *              dlopen() runs constructors.
 *   file       a whole shared object for this machine (elf_file.h): dlopen() believes its headers
 *   dlopen     with RTLD_NOW, so that a missing function is an error now and not in the middle of a
 *              backup, and RTLD_LOCAL, so that two plugins do not see each other's symbols.
 *   symbol     hb_plugin_v1 of this very file. dlsym() also finds that of a library which the file
 *              needs, and that would be another plugin under this one's name.
 *   descriptor size, ABI, kind, options and callbacks (descriptor.h). Nothing of it is used before.
 *   process    what belongs to the whole process is as before (process_state.h)
 *
 * What nobody has selected and is only looked at because it is on the path is loaded in a child
 * first (trial.h), unless it came with the program.
 *
 * A file is loaded once and never unmapped: threads of the plugin, and texts that it has handed
 * out, may outlive the run that asked for it.
 */
#include "plugin/loader.h"

#include "base/memory.h"
#include "base/nearest.h"
#include "base/path.h"
#include "files/installed.h"
#include "files/listing.h"
#include "files/trust.h"
#include "plugin/descriptor.h"
#include "plugin/elf_file.h"
#include "plugin/inside.h"
#include "plugin/option.h"
#include "plugin/process_state.h"
#include "plugin/trial.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* A file that was loaded in a child, once. */
struct tried {
    char *path;
    struct hb_error error; /* text "": it was outlived */
};

struct hb_loader {
    char **directories;
    size_t directory_count;
    struct hb_library **libraries;
    size_t library_count;
    struct tried *tried;
    size_t tried_count;
};

/* ---- where plugins are --------------------------------------------------------------------- */

static void add_directory(struct hb_loader *loader, char *directory)
{
    loader->directories =
        hb_resize(loader->directories, loader->directory_count + 1, sizeof *loader->directories);
    loader->directories[loader->directory_count++] = directory;
}

struct hb_loader *hb_loader_new(const char *const *directories)
{
    struct hb_loader *loader = hb_alloc(sizeof *loader);
    for (; directories != NULL && *directories != NULL; directories++)
        add_directory(loader, hb_copy_text(*directories));
    add_directory(loader, hb_installed(HBCORE_LIBDIR "/hbcore/plugins", HBCORE_PLUGIN_DIR));
    return loader;
}

void hb_loader_free(struct hb_loader *loader)
{
    if (loader == NULL)
        return;
    for (size_t i = 0; i < loader->directory_count; i++)
        free(loader->directories[i]);
    for (size_t i = 0; i < loader->library_count; i++) {
        free(loader->libraries[i]->path);
        free(loader->libraries[i]);
    }
    for (size_t i = 0; i < loader->tried_count; i++)
        free(loader->tried[i].path);
    free(loader->tried);
    free(loader->directories);
    free(loader->libraries);
    free(loader);
}

/* ---- the plugins that are there, unopened -------------------------------------------------- */

struct names {
    char **names; /* stems */
    char **paths;
    size_t count;
};

static void add_name(struct names *names, const char *directory, const char *file, size_t stem)
{
    HB_AUTO_FREE char *name = hb_copy_bytes(file, stem);
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->names[i], name) == 0)
            return; /* an earlier directory has it */
    names->names = hb_resize(names->names, names->count + 1, sizeof *names->names);
    names->paths = hb_resize(names->paths, names->count + 1, sizeof *names->paths);
    HB_AUTO_FREE char *path = hb_text("%s/%s", directory, file);
    char *full = hb_absolute(path); /* as hb_loader_open() calls it */
    names->paths[names->count] = full != NULL ? full : hb_copy_text(path);
    names->names[names->count++] = name;
    name = NULL;
}

static void read_names(struct names *names, const char *path)
{
    struct hb_listing listing;
    HB_AUTO_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    hb_listing_read(fd, &listing);
    for (size_t i = 0; i < listing.count; i++) {
        const char *file = listing.names[i];
        size_t length = strlen(file);
        if (length > 3 && file[0] != '.' && strcmp(file + length - 3, ".so") == 0)
            add_name(names, path, file, length - 3);
    }
    hb_listing_free(&listing);
}

static void swap(char **list, size_t a, size_t b)
{
    char *kept = list[a];
    list[a] = list[b];
    list[b] = kept;
}

static struct names find_names(const struct hb_loader *loader)
{
    struct names names = {0};
    for (size_t i = 0; i < loader->directory_count; i++)
        read_names(&names, loader->directories[i]);
    for (size_t i = 1; i < names.count;
         i++) /* a handful: insertion sort keeps both lists together */
        for (size_t j = i; j > 0 && strcmp(names.names[j - 1], names.names[j]) > 0; j--) {
            swap(names.names, j - 1, j);
            swap(names.paths, j - 1, j);
        }
    return names;
}

static void free_names(struct names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        free(names->names[i]);
        free(names->paths[i]);
    }
    free(names->names);
    free(names->paths);
}

static const char *next_name(const void *context, size_t index)
{
    const struct names *names = context;
    return index < names->count ? names->names[index] : NULL;
}

/* ---- loading one file ---------------------------------------------------------------------- */

/* Does `text` hold `part`? If so, *before is how long it is up to there. */
static bool splits_at(const char *text, const char *part, int *before)
{
    const char *at = strstr(text, part);
    *before = at == NULL ? 0 : (int)(at - text);
    return at != NULL;
}

/*
 * What the dynamic linker said, as something that can be acted on. Its sentences are English: the
 * program sets no LC_MESSAGES.
 */
static int explain(const char *path, const char *said, struct hb_error *error)
{
    int name;
    if (splits_at(said, ": cannot open shared object file", &name)) {
        hb_error_set(error, HB_STATUS_FATAL,
                     "plugin %s: the library %.*s, which it needs, is missing", path, name, said);
        hb_error_hint(error, "install the package that has %.*s (apt-file search %.*s finds it)",
                      name, said, name, said);
        return HB_STATUS_FATAL;
    }
    const char *reason = said;
    size_t own = strlen(path);
    if (strncmp(said, path, own) == 0 && strncmp(said + own, ": ", 2) == 0)
        reason = said + own + 2;
    hb_error_set(error, HB_STATUS_FATAL, "plugin %s: cannot be loaded: %s", path, reason);
    if (strstr(reason, "undefined symbol") != NULL)
        hb_error_hint(error, "the plugin, or a library that it needs, is of another release: "
                             "install the matching one");
    else if (splits_at(reason, "version `", &name))
        hb_error_hint(error, "the plugin was built for a newer system: install its build for this "
                             "one");
    else if (strstr(reason, "ELF") != NULL || strstr(reason, "file too short") != NULL)
        hb_error_hint(error, "the file is damaged or made for another machine: install it again");
    else if (strstr(reason, "failed to map segment") != NULL)
        hb_error_hint(error, "is its file system mounted noexec? put the plugin elsewhere");
    else
        hb_error_hint(error, "install the plugin again");
    return HB_STATUS_FATAL;
}

/* The one symbol, out of this file and not out of a library that it needs; or NULL. */
static hb_plugin_function own_symbol(void *handle)
{
    struct link_map *own = NULL, *owner = NULL;
    Dl_info info;
    hb_plugin_function function = NULL;
    void *symbol = dlsym(handle, HB_PLUGIN_SYMBOL);
    if (symbol == NULL || dlinfo(handle, RTLD_DI_LINKMAP, &own) != 0 ||
        dladdr1(symbol, &info, (void **)&owner, RTLD_DL_LINKMAP) == 0 || own != owner)
        return NULL;
    memcpy(&function, &symbol, sizeof function); /* ISO C has no cast for this */
    return function;
}

/*
 * Owner and modes are checked on the open file, and of every directory that leads to it. So nobody
 * but root and the caller can put another file there before dlopen() opens it by name again; that
 * keeps the true path in debuggers and in dladdr(), which a detour over /proc/self/fd would not.
 * Whether they have done so is looked at afterwards: is_still().
 */
static int check_file(int fd, const char *path, struct hb_error *error)
{
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        hb_error_set(error, HB_STATUS_FATAL, "plugin %s: %s", path, strerror(errno));
        hb_error_hint(error, "`hbcore plugins list` shows the plugins that were found");
        return HB_STATUS_FATAL;
    }
    if (!S_ISREG(status.st_mode)) {
        hb_error_set(error, HB_STATUS_FATAL, "plugin %s: not a file", path);
        hb_error_hint(error, "a plugin is a file called NAME.so");
        return HB_STATUS_FATAL;
    }
    if (hb_trust_check(fd, path, "plugin", false, error) != HB_OK)
        return HB_STATUS_FATAL;
    return hb_elf_check(fd, path, error);
}

/* The open file, which was checked, is the one of that name, which was loaded. */
static int is_still(int fd, const char *path, struct hb_error *error)
{
    struct stat checked, named;
    if (fstat(fd, &checked) == 0 && stat(path, &named) == 0 && checked.st_dev == named.st_dev &&
        checked.st_ino == named.st_ino)
        return HB_OK;
    hb_error_set(error, HB_STATUS_FATAL, "plugin %s: the file was replaced while it was loaded",
                 path);
    hb_error_hint(error, "try again");
    return HB_STATUS_FATAL;
}

static int check_note(int fd, const char *path, uint32_t kind, struct hb_error *error)
{
    uint32_t noted = hb_elf_kind(fd);
    if (noted == 0 || noted == kind)
        return HB_OK;
    const char *name = hb_kind_name(noted);
    hb_error_set(error, HB_STATUS_FATAL,
                 "plugin %s: contradicts itself: by its note it is a plugin of %s kind%s%s, by its "
                 "descriptor it is a %s plugin",
                 path, name == NULL ? "an unknown" : "the", name == NULL ? "" : " ",
                 name == NULL ? "" : name, hb_kind_name(kind));
    hb_error_hint(error, "its author has to correct HB_PLUGIN_KIND()");
    return HB_STATUS_FATAL;
}

/* Its constructors run, and its own function, under the name of its file. */
static int map(int fd, const char *path, const char *stem, const struct hb_plugin **plugin,
               struct hb_error *error)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL); /* never closed */
    hb_inside_loaded();
    if (handle == NULL) {
        const char *said = dlerror();
        return explain(path, said == NULL ? "no reason given" : said, error);
    }
    if (is_still(fd, path, error) != HB_OK)
        return HB_STATUS_FATAL;
    hb_plugin_function function = own_symbol(handle);
    if (function == NULL) {
        hb_error_set(error, HB_STATUS_FATAL,
                     "plugin %s: not an hbcore plugin: it has no symbol " HB_PLUGIN_SYMBOL, path);
        hb_error_hint(error, "remove the file from the plugin directory, or build it as a plugin");
        return HB_STATUS_FATAL;
    }
    *plugin = function();
    return hb_descriptor_check(*plugin, path, stem, error) == HB_OK
               ? check_note(fd, path, (*plugin)->kind, error)
               : HB_STATUS_FATAL;
}

static int load(const char *path, const char *stem, const struct hb_plugin **plugin,
                struct hb_error *error)
{
    char changed[128];
    HB_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (check_file(fd, path, error) != HB_OK)
        return HB_STATUS_FATAL;
    struct hb_inside outside = hb_inside_enter(path, HB_PLUGIN_SYMBOL);
    int status = map(fd, path, stem, plugin, error);
    hb_inside_leave(&outside);
    if (!hb_process_put_back(changed, sizeof changed))
        return status;
    hb_error_set(error, HB_STATUS_FATAL, "plugin %s: changed %s while it was loaded", path,
                 changed);
    hb_error_hint(error, "it is as before again; a plugin must not change it: install another "
                         "release of the plugin, or remove it");
    return HB_STATUS_FATAL;
}

/* The file's name without directory and ".so", or NULL. Caller frees. */
static char *stem_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *file = slash == NULL ? path : slash + 1;
    size_t length = strlen(file);
    if (length <= 3 || strcmp(file + length - 3, ".so") != 0)
        return NULL;
    return hb_copy_bytes(file, length - 3);
}

/* What is known of the file already; NULL: nothing. */
static const struct hb_library *loaded(const struct hb_loader *loader, const char *path)
{
    for (size_t i = 0; i < loader->library_count; i++)
        if (strcmp(loader->libraries[i]->path, path) == 0)
            return loader->libraries[i];
    return NULL;
}

static const struct tried *tried(const struct hb_loader *loader, const char *path)
{
    for (size_t i = 0; i < loader->tried_count; i++)
        if (strcmp(loader->tried[i].path, path) == 0)
            return &loader->tried[i];
    return NULL;
}

int hb_loader_open(struct hb_loader *loader, const char *path, const struct hb_library **library,
                   struct hb_error *error)
{
    HB_AUTO_FREE char *full = hb_absolute(path);
    if (full == NULL)
        return hb_error_set(error, HB_STATUS_FATAL, "plugin %s: %s", path, HB_NO_CURRENT_TEXT);
    *library = loaded(loader, full);
    if (*library != NULL)
        return HB_OK;
    const struct tried *known = tried(loader, full);
    if (known != NULL && known->error.text[0] != '\0') {
        *error = known->error;
        return HB_STATUS_FATAL;
    }
    HB_AUTO_FREE char *stem = stem_of(full);
    if (stem == NULL) {
        hb_error_set(error, HB_STATUS_FATAL, "plugin %s: the name of the file does not end in .so",
                     full);
        hb_error_hint(error, "a plugin is a file called NAME.so");
        return HB_STATUS_FATAL;
    }
    const struct hb_plugin *plugin = NULL;
    if (load(full, stem, &plugin, error) != HB_OK)
        return HB_STATUS_FATAL;
    struct hb_library *made = hb_alloc(sizeof *made);
    *made = (struct hb_library){.plugin = plugin, .path = full};
    full = NULL;
    loader->libraries =
        hb_resize(loader->libraries, loader->library_count + 1, sizeof *loader->libraries);
    loader->libraries[loader->library_count++] = made;
    *library = made;
    return HB_OK;
}

/* ---- by name ------------------------------------------------------------------------------- */

static int fail_not_found(const struct hb_loader *loader, const char *name, struct hb_error *error)
{
    HB_AUTO_FREE char *where = hb_copy_text("");
    for (size_t i = 0; i < loader->directory_count; i++) {
        char *longer = hb_text("%s%s%s%s", where, i == 0 ? "" : ", ", loader->directories[i],
                               access(loader->directories[i], F_OK) == 0 ? "" : " (not there)");
        free(where);
        where = longer;
    }
    hb_error_set(error, HB_STATUS_FATAL, "plugin '%.100s' not found in %s", name, where);
    struct names names = find_names(loader);
    const char *near = hb_nearest(name, next_name, &names);
    if (near != NULL)
        hb_error_hint(error, "did you mean '%s'?", near);
    else
        hb_error_hint(error, "`hbcore plugins list` shows the plugins that were found; set "
                             "[plugins] path to search more directories");
    free_names(&names);
    return HB_STATUS_FATAL;
}

/* The first directory's NAME.so, whatever it is; NULL: none has it. Caller frees. */
static char *path_of(const struct hb_loader *loader, const char *name)
{
    for (size_t i = 0; i < loader->directory_count; i++) {
        char *path = hb_text("%s/%s.so", loader->directories[i], name);
        struct stat status;
        if (lstat(path, &status) == 0)
            return path;
        free(path);
    }
    return NULL;
}

int hb_loader_find(struct hb_loader *loader, enum hb_kind kind, const char *name,
                   const struct hb_library **library, struct hb_error *error)
{
    HB_AUTO_FREE char *path =
        strchr(name, '/') != NULL ? hb_copy_text(name) : path_of(loader, name);
    if (path == NULL)
        return fail_not_found(loader, name, error);
    const struct hb_library *found = NULL;
    if (hb_loader_open(loader, path, &found, error) != HB_OK)
        return HB_STATUS_FATAL;
    if (kind == 0 || found->plugin->kind == (uint32_t)kind) {
        *library = found;
        return HB_OK;
    }
    hb_error_set(error, HB_STATUS_FATAL, "plugin %s: this is a %s plugin, not a %s plugin",
                 found->path, hb_kind_name(found->plugin->kind), hb_kind_name((uint32_t)kind));
    hb_error_hint(error, "choose a %s plugin (`hbcore plugins list`), or make the section [%s:…]",
                  hb_kind_name((uint32_t)kind), hb_kind_name(found->plugin->kind));
    return HB_STATUS_FATAL;
}

char *hb_loader_shadowed(const struct hb_loader *loader, const struct hb_library *library)
{
    struct stat used, other;
    bool found = false;
    if (stat(library->path, &used) != 0)
        return NULL;
    for (size_t i = 0; i < loader->directory_count; i++) {
        char *path = hb_text("%s/%s.so", loader->directories[i], library->plugin->name);
        bool there = stat(path, &other) == 0;
        bool same = there && used.st_dev == other.st_dev && used.st_ino == other.st_ino;
        if (found && there && !same)
            return path;
        found = found || same;
        free(path);
    }
    return NULL;
}

/* ---- all that are there -------------------------------------------------------------------- */

struct on_trial {
    struct hb_loader *loader;
    char **paths;
};

static void load_on_trial(void *context, size_t number)
{
    const struct on_trial *on_trial = context;
    const struct hb_library *library;
    struct hb_error error;
    hb_loader_open(on_trial->loader, on_trial->paths[number], &library, &error);
}

static void remember(struct hb_loader *loader, const char *path, const struct hb_trial *row)
{
    loader->tried = hb_resize(loader->tried, loader->tried_count + 1, sizeof *loader->tried);
    struct tried *tried = &loader->tried[loader->tried_count++];
    *tried = (struct tried){.path = hb_copy_text(path)};
    if (!row->failed)
        return;
    hb_error_set(&tried->error, HB_STATUS_FATAL, "plugin %s: %s", path, row->why);
    hb_error_hint(&tried->error, "install another release of the plugin, or remove the file");
}

/* Of those that came with the program it is known that they load; a child costs milliseconds. */
static bool is_installed(const struct hb_loader *loader, const char *path)
{
    const char *directory = loader->directories[loader->directory_count - 1];
    size_t bytes = strlen(directory);
    return strncmp(path, directory, bytes) == 0 && path[bytes] == '/';
}

/* `paths` has room for `count`. */
static void try_these(struct hb_loader *loader, char **paths, size_t count)
{
    struct on_trial on_trial = {loader, paths};
    struct hb_trial *rows = hb_alloc((count + 1) * sizeof *rows);
    hb_trial_run(load_on_trial, &on_trial, rows, count);
    for (size_t i = 0; i < count; i++)
        remember(loader, paths[i], &rows[i]);
    free(rows);
}

/* It is not loaded yet, and says that it is of another kind. 0: any will do. */
static bool is_of_no_use(const struct hb_loader *loader, const char *path, enum hb_kind kind)
{
    if (kind == 0 || loaded(loader, path) != NULL)
        return false;
    HB_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    uint32_t noted = fd < 0 ? 0 : hb_elf_kind(fd);
    return noted != 0 && noted != (uint32_t)kind;
}

/* Those that nothing is known of yet. */
static void try_all(struct hb_loader *loader, const struct names *names)
{
    char **paths = hb_alloc((names->count + 1) * sizeof *paths);
    size_t count = 0;
    for (size_t i = 0; i < names->count; i++)
        if (!is_installed(loader, names->paths[i]) && loaded(loader, names->paths[i]) == NULL &&
            tried(loader, names->paths[i]) == NULL)
            paths[count++] = names->paths[i];
    try_these(loader, paths, count);
    free(paths);
}

void hb_loader_try(struct hb_loader *loader, const char *path)
{
    HB_AUTO_FREE char *full = hb_absolute(path);
    if (full != NULL && loaded(loader, full) == NULL)
        try_these(loader, &full, 1);
}

/* Takes out what is_of_no_use(). */
static void keep_useful(const struct hb_loader *loader, struct names *names, enum hb_kind kind)
{
    size_t kept = 0;
    for (size_t i = 0; i < names->count; i++) {
        if (is_of_no_use(loader, names->paths[i], kind)) {
            free(names->names[i]);
            free(names->paths[i]);
            continue;
        }
        names->names[kept] = names->names[i];
        names->paths[kept++] = names->paths[i];
    }
    names->count = kept;
}

int hb_loader_each(struct hb_loader *loader, enum hb_kind kind,
                   int (*each)(void *context, const char *path, const struct hb_library *library,
                               const struct hb_error *error),
                   void *context)
{
    struct names names = find_names(loader);
    int status = 0;
    keep_useful(loader, &names, kind);
    try_all(loader, &names);
    for (size_t i = 0; status == 0 && i < names.count; i++) {
        const struct hb_library *library = NULL;
        struct hb_error error;
        bool usable = hb_loader_open(loader, names.paths[i], &library, &error) == HB_OK;
        status = each(context, names.paths[i], usable ? library : NULL, usable ? NULL : &error);
    }
    free_names(&names);
    return status;
}
