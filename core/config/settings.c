/* SPDX-License-Identifier: Apache-2.0 */
#include "config/settings.h"

#include "base/memory.h"
#include "base/path.h"
#include "base/url.h"
#include <string.h>

#define OPTION(option_type, option_key, option_default, low, high, option_choices, option_help)    \
    &(const struct hb_option)                                                                      \
    {                                                                                              \
        .size = sizeof(struct hb_option), .type = (option_type), .key = (option_key),              \
        .default_text = (option_default), .minimum = (low), .maximum = (high),                     \
        .choices = (option_choices), .help = (option_help)                                         \
    }
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const char *const link_choices[] = {"skip", "store", NULL};
static const char *const worker_words[] = {"auto", NULL};

static const char *const reader_choices[] = {"owner", "root", NULL};

static const struct hb_option *const home_options[] = {
    OPTION(HB_OPTION_STRING, "variable", "", 0, 0, NULL,
           "Environment variable that names the home, if it is set and not empty"),
    OPTION(HB_OPTION_STRING, "path", "", 0, 0, NULL,
           "The home, if that variable does not name one; ~ expands"),
    OPTION(HB_OPTION_LIST, "nested-in", "", 0, 0, NULL,
           "Directory names: for full backups, imports and presets a home of the form "
           "X/NAME/anything means X"),
    OPTION(HB_OPTION_CHOICE, "read-as", "owner", 0, 0, reader_choices,
           "As root, in directories of another user: read only what their owner can read, or "
           "everything; archives and snapshots of everything belong to root"),
};

static const struct hb_option *const plugins_options[] = {
    OPTION(HB_OPTION_LIST, "path", "", 0, 0, NULL,
           "Directories to search for plugins before the installed one; ~ expands"),
};

static const struct hb_option *const backup_options[] = {
    OPTION(
        HB_OPTION_STRING, "format", "", 0, 0, NULL,
        "The [format:NAME] or format plugin that writes the archive; empty: the first [format:…]"),
    OPTION(HB_OPTION_STRING, "directory", "~", 0, 0, NULL,
           "Directory of an archive that is made without -o; ~ expands"),
    OPTION(HB_OPTION_STRING, "prefix", "backup-", 0, 0, NULL,
           "Start of its name, followed by the date, the time and the suffix; it must not contain "
           "a '/'"),
    OPTION(HB_OPTION_CHOICE, "links", "skip", 0, 0, link_choices,
           "What to do with symbolic links: skip and count them, or store them as links"),
    OPTION(HB_OPTION_BOOLEAN, "one-file-system", "no", 0, 0, NULL,
           "Do not enter directories on other file systems"),
    OPTION(HB_OPTION_INTEGER, "workers", "auto", 0, HB_MOST_WORKERS, worker_words,
           "Number of threads that read and encode; auto, or 0: one for each processor"),
    OPTION(HB_OPTION_BYTES, "window", "24M", 1 << 20, 1LL << 36, NULL,
           "Encoded data that may wait in memory until it is written"),
    OPTION(HB_OPTION_STRING, "stage-dir", "", 0, 0, NULL,
           "Directory for staged copies; empty: beside the archive, or in the home with -o -"),
    OPTION(HB_OPTION_BOOLEAN, "reuse", "no", 0, 0, NULL,
           "Copy what has not changed from the archive before: the one that is replaced, or else "
           "the newest with that prefix"),
    OPTION(HB_OPTION_STRING, "restore-command", "hbcore import", 0, 0, NULL,
           "The command to restore with, which the summary names"),
};

static const struct hb_option *const preset_options[] = {
    OPTION(HB_OPTION_STRING, "directory", "backups", 0, 0, NULL,
           "Directory of its archives; below the home unless it is absolute; ~ expands"),
    OPTION(HB_OPTION_STRING, "prefix", "", 0, 0, NULL,
           "Start of their names; empty: the name of the preset and a '-'"),
    OPTION(HB_OPTION_STRING, "format", "", 0, 0, NULL,
           "The [format:NAME] or format plugin that writes them; empty: that of [backup]"),
    OPTION(HB_OPTION_INTEGER, "keep", "5", 0, 1000000, NULL,
           "How many archives stay when another one has been made; the newest always stays"),
    OPTION(HB_OPTION_BOOLEAN, "reuse", "yes", 0, 0, NULL,
           "Copy what has not changed from the newest archive of the preset"),
};

static const char *const import_link_choices[] = {"refuse", "restore", NULL};
static const char *const import_owner_choices[] = {"home", "keep", NULL};

static const struct hb_option *const import_options[] = {
    OPTION(HB_OPTION_CHOICE, "links", "refuse", 0, 0, import_link_choices,
           "What to do with symbolic links in an archive: refuse and report them, or restore them"),
    OPTION(
        HB_OPTION_LIST, "markers", "", 0, 0, NULL,
        "An archive must contain a file with one of these names; empty: any archive is accepted"),
    OPTION(HB_OPTION_LIST, "wrappers", "", 0, 0, NULL,
           "Strip a single top-level directory that has one of these names"),
    OPTION(HB_OPTION_LIST, "ask-if", "", 0, 0, NULL,
           "Ask before importing into a home that has one of these files"),
    OPTION(HB_OPTION_INTEGER, "max-entries", "10000000", 1, 1LL << 40, NULL,
           "Refuse an archive with more entries"),
    OPTION(HB_OPTION_BYTES, "max-bytes", "1T", 1, INT64_MAX, NULL,
           "Refuse an archive whose contents exceed this size, and always one for which there is "
           "not enough space"),
    OPTION(HB_OPTION_BYTES, "max-path", "64K", 1, 1 << 16, NULL,
           "Refuse an archive with a longer path"),
    OPTION(HB_OPTION_BYTES, "max-names", "1G", 1, 1LL << 40, NULL,
           "Refuse an archive whose names together exceed this size: they are held in memory"),
    OPTION(HB_OPTION_INTEGER, "max-depth", "10000", 1, 100000, NULL,
           "Refuse an entry below more directories"),
    OPTION(
        HB_OPTION_CHOICE, "owners", "home", 0, 0, import_owner_choices,
        "To whom what root restores belongs: to the owner of its directory, or to whom it belonged "
        "in the archive"),
    OPTION(HB_OPTION_STRING, "backup-preset", "", 0, 0, NULL,
           "The [preset:NAME] that --backup-first uses for its archive; empty: make it as [backup] "
           "says"),
};

static const char *const common_directions[] = {"backup", "import", NULL};
/* The commands of hooks come behind them: config_load.c. */
static const char *const hook_events[] = {"backup", "import", "snapshot", "prune", NULL};

static const struct hb_option *const hook_common_options[] = {
    OPTION(HB_OPTION_STRING, "plugin", "", 0, 0, NULL,
           "Plugin to use; default: the section's label"),
    OPTION(HB_OPTION_LIST, "on", "backup import snapshot prune", 0, 0, hook_events,
           "The commands that it hears of"),
};

static const struct hb_option *const common_options[] = {
    OPTION(HB_OPTION_STRING, "plugin", "", 0, 0, NULL,
           "Plugin to use; default: the section's label"),
    OPTION(HB_OPTION_LIST, "on", "backup import", 0, 0, common_directions,
           "Filters: the commands for which they are asked"),
};

static const struct hb_option *const snapshot_options[] = {
    OPTION(HB_OPTION_STRING, "directory", "snapshots", 0, 0, NULL,
           "Directory of the snapshots, below the home"),
    OPTION(
        HB_OPTION_LIST, "files", "", 0, 0, NULL,
        "What a snapshot copies: files, and directories with everything below them, if they exist"),
    OPTION(HB_OPTION_LIST, "without", "", 0, 0, NULL,
           "Names of directories to leave out below those directories"),
    OPTION(HB_OPTION_INTEGER, "keep", "20", 0, 1000000, NULL,
           "How many snapshots stay when another one has been made"),
};

const struct hb_settings_table hb_settings_tables[] = {
    {"home", false, home_options, COUNT(home_options)},
    {"plugins", false, plugins_options, COUNT(plugins_options)},
    {"backup", false, backup_options, COUNT(backup_options)},
    {"import", false, import_options, COUNT(import_options)},
    {"snapshot", false, snapshot_options, COUNT(snapshot_options)},
    {"preset:", true, preset_options, COUNT(preset_options)},
    {0},
};

const struct hb_settings_table hb_settings_common = {"", true, common_options,
                                                     COUNT(common_options)};
const struct hb_settings_table hb_settings_hook_common = {"", true, hook_common_options,
                                                          COUNT(hook_common_options)};

/* Does it name a place anywhere on this machine? */
static bool is_path(const char *section, const char *key)
{
    bool archives = strcmp(section, "backup") == 0 || strncmp(section, "preset:", 7) == 0;
    return (strcmp(section, "home") == 0 && strcmp(key, "path") == 0) ||
           (archives && (strcmp(key, "directory") == 0 || strcmp(key, "stage-dir") == 0));
}

/* Of snapshots, in the home: "~/x" would be a directory called "~" in it. */
static const char *below_problem(const char *key, const char *text)
{
    size_t skip, length = strlen(text);
    bool expands =
        *text == '~' || strncmp(text, "$HOME", 5) == 0 || strncmp(text, "${HOME}", 7) == 0;
    if (strcmp(key, "files") == 0 && expands && (*text == '$' || length == 1 || text[1] == '/'))
        return "never exists: the paths are those below the home";
    if (strcmp(key, "directory") != 0)
        return NULL;
    HB_AUTO_FREE char *path = hb_copy_bytes(text, length - (length > 1 && text[length - 1] == '/'));
    return expands || hb_path_problem(path, HB_IMPORTED_DEPTH, &skip) != NULL
               ? "is not a path below the home"
               : NULL;
}

/* From whichever directory the program is started, it is the same home, and the same archives. */
static const char *relative_problem(const char *section, const char *text, bool in_file)
{
    HB_AUTO_FREE char *path = hb_expand_path(text);
    bool may = strncmp(section, "preset:", 7) == 0 || /* below the home */
               (strcmp(section, "backup") == 0 && hb_url_scheme(path) > 0) ||
               (!in_file && strcmp(section, "home") != 0);
    return may || *path == '\0' || *path == '/'
               ? NULL
               : "depends on the current directory: begin it with / or ~/";
}

static const char *path_problem(const char *section, const char *text, bool in_file)
{
    const char *problem = hb_path_unexpanded(text);
    return problem != NULL ? problem : relative_problem(section, text, in_file);
}

/* Lists of names, each of which is compared with one component of a path. */
static bool is_names(const char *section, const char *key)
{
    static const char *const lists[][2] = {{"import", "markers"},
                                           {"import", "wrappers"},
                                           {"home", "nested-in"},
                                           {"snapshot", "without"}};
    for (size_t i = 0; i < COUNT(lists); i++)
        if (strcmp(section, lists[i][0]) == 0 && strcmp(key, lists[i][1]) == 0)
            return true;
    return false;
}

static const char *name_problem(const char *text)
{
    bool dots = strcmp(text, ".") == 0 || strcmp(text, "..") == 0;
    return dots || strchr(text, '/') != NULL
               ? "would never match: it is not the name of one file or directory, which has no '/'"
               : NULL;
}

/* Files of a home, before an import into it. */
static const char *asked_problem(const char *text)
{
    bool outside = *text == '/';
    for (const char *part = text; !outside && *part != '\0'; part += *part == '/') {
        size_t bytes = strcspn(part, "/");
        outside = bytes == 2 && strncmp(part, "..", 2) == 0;
        part += bytes;
    }
    return outside ? "is never in a home: the paths are those below it" : NULL;
}

/* A shell sets no other, and "$NAME" is what stands for its value. */
static const char *variable_problem(const char *text)
{
    return strpbrk(text, " \t=$/~") != NULL
               ? "is not the name of an environment variable, such as APP_HOME"
               : NULL;
}

const char *hb_settings_problem(const char *section, const struct hb_option *option,
                                const char *text, bool in_file)
{
    const char *key = option->key;
    bool names = strcmp(section, "backup") == 0 || strncmp(section, "preset:", 7) == 0;
    if (names && strcmp(key, "prefix") == 0 && strchr(text, '/') != NULL)
        return "is the start of a file's name and must not contain a '/'";
    if (is_names(section, key))
        return name_problem(text);
    if (strcmp(section, "import") == 0 && strcmp(key, "ask-if") == 0)
        return asked_problem(text);
    if (strcmp(section, "home") == 0 && strcmp(key, "variable") == 0)
        return variable_problem(text);
    if (strcmp(section, "snapshot") == 0)
        return below_problem(key, text);
    return is_path(section, key) ? path_problem(section, text, in_file) : NULL;
}
