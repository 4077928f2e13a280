/* SPDX-License-Identifier: Apache-2.0 */
#include "config/settings.h"

#include "base/memory.h"
#include "base/path.h"
#include "base/url.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ---- what cannot be meant ------------------------------------------------------------------ */

/* From whichever directory the program is started, it is the same home, and the same archives. */
static const char *absolute_problem(const char *text)
{
    HB_AUTO_FREE char *path = hb_expand_path(text);
    return *path == '\0' || *path == '/' ? NULL
                                         : "depends on the current directory: begin it with / or "
                                           "~/";
}

static const char *home_problem(const char *text, bool in_file)
{
    (void)in_file;
    const char *problem = hb_path_unexpanded(text);
    return problem != NULL ? problem : absolute_problem(text);
}

static const char *place_problem(const char *text, bool in_file)
{
    const char *problem = hb_path_unexpanded(text);
    return problem != NULL || !in_file ? problem : absolute_problem(text);
}

static const char *archives_problem(const char *text, bool in_file)
{
    HB_AUTO_FREE char *path = hb_expand_path(text);
    return hb_url_is_slip(path) ? HB_URL_SLIP
                                : place_problem(text, in_file && hb_url_scheme(path) == 0);
}

/* Of a preset: below the home. */
static const char *preset_problem(const char *text, bool in_file)
{
    (void)in_file;
    return hb_url_is_slip(text) ? HB_URL_SLIP : hb_path_unexpanded(text);
}

static const char *prefix_problem(const char *text, bool in_file)
{
    (void)in_file;
    return strchr(text, '/') != NULL ? "is the start of a file's name and must not contain a '/'"
                                     : NULL;
}

/* The directory of a root may be none. */
static const char *root_problem(const char *text, bool in_file)
{
    return *text == '\0' ? NULL : home_problem(text, in_file);
}

/* The name in the home below which a root lies. */
static const char *graft_problem(const char *text, bool in_file)
{
    size_t skip;
    (void)in_file;
    return *text != '\0' && (strchr(text, '/') != NULL || hb_path_problem(text, 1, &skip) != NULL)
               ? "is not the name of one directory, which has no '/'"
               : NULL;
}

/* A name that is compared with one component of a path. */
static const char *name_problem(const char *text, bool in_file)
{
    bool dots = strcmp(text, ".") == 0 || strcmp(text, "..") == 0;
    (void)in_file;
    return dots || strchr(text, '/') != NULL
               ? "would never match: it is not the name of one file or directory, which has no '/'"
               : NULL;
}

/* A file of a home, before an import into it. */
static const char *asked_problem(const char *text, bool in_file)
{
    bool outside = *text == '/';
    (void)in_file;
    for (const char *part = text; !outside && *part != '\0'; part += *part == '/') {
        size_t bytes = strcspn(part, "/");
        outside = bytes == 2 && strncmp(part, "..", 2) == 0;
        part += bytes;
    }
    return outside ? "is never in a home: the paths are those below it" : NULL;
}

/* A shell sets no other, and "$NAME" is what stands for its value. */
static const char *variable_problem(const char *text, bool in_file)
{
    (void)in_file;
    return strpbrk(text, " \t=$/~") != NULL
               ? "is not the name of an environment variable, such as APP_HOME"
               : NULL;
}

unsigned hb_setting_percent(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    unsigned long percent = digits == 0 || digits > 2 ? 0 : strtoul(text, NULL, 10);
    return strcmp(text + digits, "%") == 0 ? (unsigned)percent : 0;
}

static const char *percent_problem(const char *text, bool in_file)
{
    (void)in_file;
    return strcmp(text, "none") == 0 || hb_setting_percent(text) > 0
               ? NULL
               : "is not none, and not a percentage from 1% to 99%";
}

/* Below the directory of a root. */
static const char *rooted_problem(const char *text, bool in_file)
{
    size_t skip, length = strlen(text);
    HB_AUTO_FREE char *path = hb_copy_bytes(text, length - (length > 1 && text[length - 1] == '/'));
    (void)in_file;
    return *text == '~' || hb_path_problem(path, HB_IMPORTED_DEPTH, &skip) != NULL || skip > 0
               ? "is not a path below the directory of the root"
               : NULL;
}

/* Of snapshots, in the home: "~/x" would be a directory called "~" in it. */
static bool expands(const char *text)
{
    return *text == '~' || strncmp(text, "$HOME", 5) == 0 || strncmp(text, "${HOME}", 7) == 0;
}

static const char *copied_problem(const char *text, bool in_file)
{
    (void)in_file;
    return expands(text) && (*text == '$' || text[1] == '\0' || text[1] == '/')
               ? "never exists: the paths are those below the home"
               : NULL;
}

static const char *below_problem(const char *text, bool in_file)
{
    size_t skip, length = strlen(text);
    HB_AUTO_FREE char *path = hb_copy_bytes(text, length - (length > 1 && text[length - 1] == '/'));
    (void)in_file;
    return expands(text) || hb_path_problem(path, HB_IMPORTED_DEPTH, &skip) != NULL
               ? "is not a path below the home"
               : NULL;
}

/* ---- the tables ---------------------------------------------------------------------------- */

/* Where `member` is in `structure`; it is not compiled where that is of another type. */
#define AT(structure, member, type)                                                                \
    (offsetof(struct structure, member) +                                                          \
     _Generic(((struct structure *)0)->member, __typeof__(type) : 0))

#define SETTING(offset, check, ...)                                                                \
    &(const struct hb_setting){.option = {.size = sizeof(struct hb_option), __VA_ARGS__},          \
                               .at = (offset),                                                     \
                               .problem = (check)}                                                 \
         .option

#define TEXT(structure, member, name, initial, check, about)                                       \
    SETTING(AT(structure, member, const char *), check, .type = HB_OPTION_STRING, .key = (name),   \
            .default_text = (initial), .help = (about))

#define LIST(structure, member, name, check, about)                                                \
    SETTING(AT(structure, member, const char *const *), check, .type = HB_OPTION_LIST,             \
            .key = (name), .default_text = "", .help = (about))

#define FLAG(structure, member, name, initial, about)                                              \
    SETTING(AT(structure, member, bool), NULL, .type = HB_OPTION_BOOLEAN, .key = (name),           \
            .default_text = (initial), .help = (about))

/* One of two words, the first unless it is set; the member says whether it is the second. */
#define WORD(structure, member, name, first, second, about)                                        \
    SETTING(AT(structure, member, bool), NULL, .type = HB_OPTION_CHOICE, .key = (name),            \
            .default_text = (first), .choices = (const char *const[]){(first), (second), NULL},    \
            .help = (about))

#define NUMBER(structure, member, kind, name, initial, low, high, words, about)                    \
    SETTING(AT(structure, member, int64_t), NULL, .type = (kind), .key = (name),                   \
            .default_text = (initial), .minimum = (low), .maximum = (high), .choices = (words),    \
            .help = (about))

#define KEEP(member, name, about)                                                                  \
    NUMBER(hb_preset_settings, member, HB_OPTION_INTEGER, name, "0", 0, HB_MOST_KEPT, NULL, about)

static const char *const auto_word[] = {"auto", NULL};

static const struct hb_option *const home_options[] = {
    TEXT(hb_home_settings, variable, "variable", "", variable_problem,
         "Environment variable that names the home, if it is set and not empty"),
    TEXT(hb_home_settings, path, "path", "", home_problem,
         "The home, if that variable does not name one; ~ expands"),
    LIST(hb_home_settings, nested_in, "nested-in", name_problem,
         "Directory names: for full backups, imports and presets a home of the form "
         "X/NAME/anything means X"),
    WORD(hb_home_settings, read_as_root, "read-as", "owner", "root",
         "As root, in directories of another user: read only what their owner can read, or "
         "everything; archives and snapshots of everything belong to root"),
};

static const struct hb_option *const plugins_options[] = {
    LIST(hb_plugins_settings, path, "path", NULL,
         "Directories to search for plugins before the installed one; ~ expands"),
};

static const struct hb_option *const backup_options[] = {
    TEXT(hb_backup_settings, format, "format", "", NULL,
         "The [format:NAME] or format plugin that writes the archive; empty: the first [format:…]"),
    TEXT(hb_backup_settings, seal, "seal", "", NULL,
         "The [transform:NAME] or transform plugin that seals archives; empty, or none: they are "
         "not sealed"),
    TEXT(hb_backup_settings, directory, "directory", "~", archives_problem,
         "Directory of an archive that is made without -o; ~ expands"),
    TEXT(hb_backup_settings, prefix, "prefix", "backup-", prefix_problem,
         "Start of its name, followed by the date, the time and the suffix; it must not contain "
         "a '/'"),
    WORD(hb_backup_settings, store_links, "links", "skip", "store",
         "What to do with symbolic links: skip and count them, or store them as links"),
    FLAG(hb_backup_settings, one_file_system, "one-file-system", "no",
         "Do not enter directories on other file systems"),
    NUMBER(hb_backup_settings, workers, HB_OPTION_INTEGER, "workers", "auto", 0, HB_MOST_WORKERS,
           auto_word, "Number of threads that read and encode; auto, or 0: one for each processor"),
    NUMBER(hb_backup_settings, window, HB_OPTION_BYTES, "window", "24M", 1 << 20, 1LL << 36, NULL,
           "Encoded data that may wait in memory until it is written"),
    TEXT(
        hb_backup_settings, stage_dir, "stage-dir", "", place_problem,
        "Directory for staged copies; empty: beside the archive, or in the home with -o - or seal"),
    FLAG(hb_backup_settings, reuse, "reuse", "no",
         "Copy what has not changed from the archive before: the one that is replaced, or else "
         "the newest with that prefix"),
    TEXT(hb_backup_settings, restore_command, "restore-command", "hbcore import", NULL,
         "The command to restore with, which the summary names"),
};

static const struct hb_option *const preset_options[] = {
    TEXT(hb_preset_settings, directory, "directory", "backups", preset_problem,
         "Directory of its archives; below the home unless it is absolute; ~ expands"),
    TEXT(hb_preset_settings, prefix, "prefix", "", prefix_problem,
         "Start of their names; empty: the name of the preset and a '-'"),
    TEXT(hb_preset_settings, format, "format", "", NULL,
         "The [format:NAME] or format plugin that writes them; empty: that of [backup]"),
    TEXT(hb_preset_settings, seal, "seal", "", NULL,
         "The [transform:NAME] or transform plugin that seals them; none: they are not sealed; "
         "empty: as [backup] says"),
    NUMBER(hb_preset_settings, keep, HB_OPTION_INTEGER, "keep", "auto", 0, HB_MOST_KEPT, auto_word,
           "How many archives stay when another one has been made; the newest always stays; auto: "
           "5, or as the other keep-… say"),
    KEEP(keep_last, "keep-last", "The newest so many stay, the same as keep"),
    KEEP(keep_hourly, "keep-hourly", "Of the last so many hours with archives, the newest of each"),
    KEEP(keep_daily, "keep-daily", "Of so many days, in local time"),
    KEEP(keep_weekly, "keep-weekly", "Of so many weeks, which begin on Monday"),
    KEEP(keep_monthly, "keep-monthly", "Of so many months"),
    KEEP(keep_yearly, "keep-yearly", "Of so many years"),
    NUMBER(hb_preset_settings, keep_within, HB_OPTION_SECONDS, "keep-within", "0", 0,
           1000LL * 366 * 24 * 3600, NULL,
           "All that were begun less than so long before the newest; 0: no such rule"),
    FLAG(hb_preset_settings, reuse, "reuse", "yes",
         "Copy what has not changed from the newest archive of the preset"),
    NUMBER(hb_preset_settings, min_files, HB_OPTION_INTEGER, "min-files", "0", 0, INT64_MAX, NULL,
           "An archive of fewer files is marked as shrunk, and retention removes nothing then"),
    NUMBER(hb_preset_settings, min_bytes, HB_OPTION_BYTES, "min-bytes", "0", 0, INT64_MAX, NULL,
           "The same of fewer bytes of content"),
    TEXT(hb_preset_settings, shrink_limit, "shrink-limit", "none", percent_problem,
         "The same where files or bytes, or rows that are counted, fell by more than this: none, "
         "or 1% to 99%"),
    WORD(hb_preset_settings, empty_is_error, "empty", "nothing", "error",
         "A home with nothing to back up: nothing to be done, or an error (exit status 3)"),
    WORD(hb_preset_settings, history_names, "history", "plain", "names",
         "What find may keep in its history: names in archives that are not sealed, or in sealed "
         "ones, too"),
};

static const struct hb_option *const import_options[] = {
    SETTING(AT(hb_import_settings, nested_in, const char *const *), name_problem,
            .type = HB_OPTION_LIST, .key = "nested-in", .default_text = "auto",
            .help = "Directory names: an import for a home of the form X/NAME/anything goes to X; "
                    "auto: those of [home]"),
    WORD(hb_import_settings, restore_links, "links", "refuse", "restore",
         "What to do with symbolic links in an archive: refuse and report them, or restore them"),
    LIST(hb_import_settings, markers, "markers", name_problem,
         "An archive must contain a file with one of these names; empty: any archive is accepted"),
    LIST(hb_import_settings, wrappers, "wrappers", name_problem,
         "Strip a single top-level directory that has one of these names"),
    LIST(hb_import_settings, ask_if, "ask-if", asked_problem,
         "Ask before importing into a home that has one of these files"),
    NUMBER(hb_import_settings, max_entries, HB_OPTION_INTEGER, "max-entries", "10000000", 1,
           1LL << 40, NULL, "Refuse an archive with more entries"),
    NUMBER(hb_import_settings, max_bytes, HB_OPTION_BYTES, "max-bytes", "1T", 1, INT64_MAX, NULL,
           "Refuse an archive whose contents exceed this size, and always one for which there is "
           "not enough space"),
    NUMBER(hb_import_settings, max_path, HB_OPTION_BYTES, "max-path", "64K", 1, 1 << 16, NULL,
           "Refuse an archive with a longer path"),
    NUMBER(hb_import_settings, max_names, HB_OPTION_BYTES, "max-names", "1G", 1, 1LL << 40, NULL,
           "Refuse an archive whose names together exceed this size: they are held in memory"),
    NUMBER(hb_import_settings, max_depth, HB_OPTION_INTEGER, "max-depth", "10000", 1, 100000, NULL,
           "Refuse an entry below more directories"),
    WORD(hb_import_settings, keep_owners, "owners", "home", "keep",
         "To whom what root restores belongs: to the owner of its directory, or to whom it "
         "belonged in the archive"),
    TEXT(hb_import_settings, backup_preset, "backup-preset", "", NULL,
         "The [preset:NAME] that --backup-first uses for its archive; empty: make it as [backup] "
         "says"),
};

static const struct hb_option *const snapshot_options[] = {
    TEXT(hb_snapshot_settings, directory, "directory", "snapshots", below_problem,
         "Directory of the snapshots, below the home"),
    LIST(hb_snapshot_settings, files, "files", copied_problem,
         "What a snapshot copies: files, and directories with everything below them, if they "
         "exist"),
    LIST(hb_snapshot_settings, without, "without", name_problem,
         "Names of directories to leave out below those directories"),
    NUMBER(hb_snapshot_settings, max_file_size, HB_OPTION_BYTES, "max-file-size", "0", 0, 1LL << 60,
           NULL, "Leave out larger files, and name them; no older snapshot goes then; 0: none"),
    NUMBER(hb_snapshot_settings, keep, HB_OPTION_INTEGER, "keep", "20", 0, 1000000, NULL,
           "How many snapshots stay when another one has been made"),
    FLAG(hb_snapshot_settings, before_restore, "before-restore", "no",
         "Make a snapshot before snapshot restore replaces anything"),
};

static const struct hb_option *const root_options[] = {
    TEXT(hb_root_settings, prefix, "prefix", "", graft_problem,
         "Name below which archives have what lies in it; empty: the label of the section"),
    TEXT(hb_root_settings, directory, "directory", "", root_problem,
         "The directory; ~ is the login directory of the home's owner; empty: none, and an import "
         "names what an archive has below that name"),
    LIST(hb_root_settings, paths, "paths", rooted_problem,
         "Files and directories in it that a backup stores, if they exist"),
};

#define TABLE(name, is_labelled, table, structure)                                                 \
    {                                                                                              \
        .section = (name), .labelled = (is_labelled), .options = (table), .count = COUNT(table),   \
        .bytes = sizeof(struct structure)                                                          \
    }

const struct hb_settings_table hb_settings_tables[] = {
    [HB_SETTINGS_HOME] = TABLE("home", false, home_options, hb_home_settings),
    [HB_SETTINGS_PLUGINS] = TABLE("plugins", false, plugins_options, hb_plugins_settings),
    [HB_SETTINGS_BACKUP] = TABLE("backup", false, backup_options, hb_backup_settings),
    [HB_SETTINGS_IMPORT] = TABLE("import", false, import_options, hb_import_settings),
    [HB_SETTINGS_SNAPSHOT] = TABLE("snapshot", false, snapshot_options, hb_snapshot_settings),
    [HB_SETTINGS_PRESET] = TABLE("preset:", true, preset_options, hb_preset_settings),
    [HB_SETTINGS_ROOT] = TABLE("root:", true, root_options, hb_root_settings),
    {0},
};

/* ---- of plugins' sections ------------------------------------------------------------------ */

#define OPTION(option_type, name, initial, words, about)                                           \
    &(const struct hb_option)                                                                      \
    {                                                                                              \
        .size = sizeof(struct hb_option), .type = (option_type), .key = (name),                    \
        .default_text = (initial), .choices = (words), .help = (about)                             \
    }

static const char *const common_directions[] = {"backup", "import", NULL};
/* The commands of hooks come behind them: config_load.c. */
static const char *const hook_events[] = {"backup", "import", "snapshot", "prune", NULL};

static const struct hb_option *const hook_common_options[] = {
    OPTION(HB_OPTION_STRING, "plugin", "", NULL, "Plugin to use; default: the section's label"),
    OPTION(HB_OPTION_LIST, "on", "backup import snapshot prune", hook_events,
           "The commands that it hears of"),
};

static const struct hb_option *const common_options[] = {
    OPTION(HB_OPTION_STRING, "plugin", "", NULL, "Plugin to use; default: the section's label"),
    OPTION(HB_OPTION_LIST, "on", "backup import", common_directions,
           "Filters: the commands for which they are asked"),
};

const struct hb_settings_table hb_settings_common = {
    .section = "", .labelled = true, .options = common_options, .count = COUNT(common_options)};
const struct hb_settings_table hb_settings_hook_common = {.section = "",
                                                          .labelled = true,
                                                          .options = hook_common_options,
                                                          .count = COUNT(hook_common_options)};

/* ---- values -------------------------------------------------------------------------------- */

static const struct hb_setting *setting_of(const struct hb_option *option)
{
    return (const struct hb_setting *)(const void *)option;
}

void hb_setting_put(const struct hb_option *option, const struct hb_value *value, void *structure)
{
    void *member = (char *)structure + setting_of(option)->at;
    switch (option->type) {
    case HB_OPTION_BOOLEAN:
    case HB_OPTION_CHOICE:
        *(bool *)member = value->number == 1;
        return;
    case HB_OPTION_STRING:
        *(const char **)member = value->text;
        return;
    case HB_OPTION_LIST:
        *(const char *const **)member = value->list;
        return;
    default:
        *(int64_t *)member = value->number;
    }
}

const void *hb_setting_at(const struct hb_option *option, const void *structure)
{
    return (const char *)structure + setting_of(option)->at;
}

const char *hb_setting_problem(const struct hb_option *option, const char *text, bool in_file)
{
    const struct hb_setting *setting = setting_of(option);
    return setting->problem == NULL ? NULL : setting->problem(text, in_file);
}
