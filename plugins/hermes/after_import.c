/* SPDX-License-Identifier: Apache-2.0 */
/* What an import leaves to be done: an alias for each profile, and what to type next. */
#include "after_import.h"

#include "alias.h"
#include "home.h"
#include "text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

/* An older host does not say. */
static bool is_elsewhere(const struct hb_event *event)
{
    return HB_HAS(event, elsewhere) && event->elsewhere != 0;
}

struct profiles {
    char **names;
    size_t count;
};

/* ---- the profiles ---------------------------------------------------------------------------- */

static void free_profiles(struct profiles *profiles)
{
    for (size_t i = 0; i < profiles->count; i++)
        free(profiles->names[i]);
    free(profiles->names);
}

static int compare_names(const void *one, const void *other)
{
    return strcmp(*(char *const *)one, *(char *const *)other);
}

/* Is it a profile: a directory that has one of the profile files? Only their existence counts. */
static bool is_profile(const struct hermes *hermes, const char *name)
{
    struct stat status;
    HERMES_AUTO_FREE char *path = hermes_format("%s/%s", hermes->profiles, name);
    HERMES_AUTO_CLOSE int fd =
        path == NULL ? -1 : hermes_open(hermes->host, path, O_RDONLY | O_DIRECTORY);
    for (const char *const *file = hermes->profile_files; fd >= 0 && *file != NULL; file++)
        if (fstatat(fd, *file, &status, 0) == 0)
            return true;
    return false;
}

static int add_profile(struct profiles *profiles, const char *name)
{
    char **names = reallocarray(profiles->names, profiles->count + 1, sizeof *names);
    char *copy = strdup(name);
    if (names != NULL)
        profiles->names = names;
    if (names == NULL || copy == NULL) {
        free(copy);
        return -ENOMEM;
    }
    profiles->names[profiles->count++] = copy;
    return 0;
}

/* Sorted by their bytes. 0, or -errno: their directory cannot be read. */
static int find_profiles(const struct hermes *hermes, struct profiles *profiles)
{
    if (*hermes->profiles == '\0')
        return 0;
    int fd = hermes_open(hermes->host, hermes->profiles, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    DIR *directory = fdopendir(fd);
    int result = directory == NULL ? -errno : 0;
    if (directory == NULL)
        close(fd);
    for (struct dirent *entry;
         directory != NULL && result == 0 && (entry = readdir(directory)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            is_profile(hermes, entry->d_name))
            result = add_profile(profiles, entry->d_name);
    if (directory != NULL)
        closedir(directory);
    if (profiles->count > 1)
        qsort(profiles->names, profiles->count, sizeof *profiles->names, compare_names);
    return result;
}

/* ---- the aliases --------------------------------------------------------------------- */

static void set_text(json_t *object, const char *key, const char *text)
{
    HERMES_AUTO_FREE char *shown = hermes_printable(text);
    json_object_set_new(object, key, json_string(shown == NULL ? "" : shown));
}

static void show_alias(const struct alias_place *place, const char *profile,
                       const struct alias *alias, json_t *list)
{
    static const char *const words[] = {"made", "unchanged", "skipped"};
    const struct hb_host *host = place->hermes->host;
    HERMES_AUTO_FREE char *shown = hermes_printable(profile);
    const char *name = shown == NULL ? alias->name : shown;
    json_t *object = json_object();
    set_text(object, "profile", profile);
    json_object_set_new(object, "alias",
                        alias->name[0] == '\0' ? json_null() : json_string(alias->name));
    json_object_set_new(object, "status", json_string(words[alias->status]));
    if (alias->status == ALIAS_SKIPPED) {
        set_text(object, "reason", alias->reason);
        host->summary(host, "  Skipped alias '%s': %s", name, alias->reason);
    } else {
        host->summary(host, "  %s%s", alias->name,
                      alias->status == ALIAS_UNCHANGED ? " (was there)" : "");
    }
    json_array_append_new(list, object);
}

/* How to reach a directory that is not in PATH. */
static void show_path_note(const struct alias_place *place)
{
    const struct hb_host *host = place->hermes->host;
    const char *setting = place->hermes->alias_directory;
    HERMES_AUTO_FREE char *shown = hermes_printable(place->directory);
    HERMES_AUTO_FREE char *quoted = hermes_quoted(place->directory);
    HERMES_AUTO_FREE char *safe = quoted == NULL ? NULL : hermes_printable(quoted);
    if (shown == NULL || safe == NULL)
        return;
    host->summary(host, "%s", "");
    host->summary(host, "Note: %s is not in your PATH.", shown);
    host->summary(host, "  Add to your shell config (~/.bashrc or ~/.zshrc):");
    if (strncmp(setting, "~/", 2) == 0 && setting[strcspn(setting, "\"$`\\")] == '\0')
        host->summary(host, "    export PATH=\"$HOME/%s:$PATH\"", setting + 2);
    else
        host->summary(host, "    export PATH=%s:\"$PATH\"", safe);
}

static int make_aliases(const struct hermes *hermes, bool dry_run, const struct profiles *profiles)
{
    const struct hb_host *host = hermes->host;
    struct alias_place place;
    int status = alias_place_open(hermes, dry_run, &place);
    HERMES_AUTO_FREE char *shown = status == HB_OK ? hermes_printable(place.directory) : NULL;
    json_t *list = json_array();
    if (shown != NULL && profiles->count > 0) {
        host->summary(host, "%s", "");
        host->summary(
            host,
            dry_run ? "Profile aliases that would be in %s:" : "Profile aliases in %s:", shown);
    }
    for (size_t i = 0; status == HB_OK && i < profiles->count; i++) {
        struct alias alias;
        alias_make(&place, profiles->names[i], &alias);
        show_alias(&place, profiles->names[i], &alias, list);
    }
    if (status == HB_OK && profiles->count > 0 && !place.in_path)
        show_path_note(&place);
    hermes_member(host, "aliases", list);
    if (shown != NULL)
        hermes_member(host, "alias_directory", json_string(shown));
    hermes_member(host, "alias_directory_in_path", json_boolean(place.in_path));
    alias_place_clear(&place);
    return status;
}

/* Those of a drill would take the names of commands in use, and start the program in another home.
 */
static void tell_none(const struct hermes *hermes, const struct hb_event *event,
                      const struct profiles *profiles)
{
    const struct hb_host *host = hermes->host;
    const char *reason = hermes->aliases == ALIASES_NEVER
                             ? "the configuration says never"
                             : "the home is not the one that the configuration names";
    HERMES_AUTO_FREE char *home = hermes_printable(event->home == NULL ? "" : event->home);
    json_t *list = json_array();
    for (size_t i = 0; i < profiles->count; i++) {
        json_t *object = json_object();
        set_text(object, "profile", profiles->names[i]);
        json_object_set_new(object, "alias", json_null());
        json_object_set_new(object, "status", json_string("skipped"));
        json_object_set_new(object, "reason", json_string(reason));
        json_array_append_new(list, object);
    }
    hermes_member(host, "aliases", list);
    if (profiles->count == 0 || hermes->aliases == ALIASES_NEVER)
        return;
    host->summary(host, "%s", "");
    host->summary(host, "No profile aliases: %s is not the home that the configuration names.",
                  home == NULL ? "it" : home);
    host->summary(host, "  To make them all the same: --set %s.aliases=always", hermes->section);
}

/* ---- what to type next --------------------------------------------------------------- */

static void suggest(const struct hb_host *host, json_t *commands, const char *command)
{
    host->summary(host, "  %s", command);
    json_array_append_new(commands, json_string(command));
}

static bool is_missing(const struct hermes *hermes, const char *directory)
{
    HERMES_AUTO_CLOSE int fd = hermes_open(hermes->host, directory, O_PATH | O_DIRECTORY);
    return fd < 0;
}

/* As they would be typed: a strange name is quoted. */
static void suggest_gateways(const struct hermes *hermes, const struct profiles *profiles,
                             json_t *commands)
{
    const struct hb_host *host = hermes->host;
    if (profiles->count == 0)
        return;
    host->summary(host, "%s", "");
    host->summary(host, "To re-enable gateway services for profiles:");
    for (size_t i = 0; i < profiles->count; i++) {
        HERMES_AUTO_FREE char *shown = hermes_printable(profiles->names[i]);
        HERMES_AUTO_FREE char *word = shown == NULL ? NULL : hermes_quoted(shown);
        HERMES_AUTO_FREE char *line =
            word == NULL ? NULL : hermes_format("%s -p %s gateway install", hermes->program, word);
        if (line != NULL)
            suggest(host, commands, line);
    }
}

static void guide(const struct hermes *hermes, const struct profiles *profiles)
{
    const struct hb_host *host = hermes->host;
    json_t *commands = json_array();
    if (*hermes->program_directory != '\0' && is_missing(hermes, hermes->program_directory)) {
        HERMES_AUTO_FREE char *line = hermes_format("%s update", hermes->program);
        host->summary(host, "%s", "");
        host->summary(host, "Note: %s is missing, because a backup leaves it out.",
                      hermes->program_directory);
        host->summary(host, "If this is a fresh install, run:");
        if (line != NULL)
            suggest(host, commands, line);
    }
    suggest_gateways(hermes, profiles, commands);
    hermes_member(host, "next_commands", commands);
}

/* Only what is true: neither of a part of the archive, nor of an import that was incomplete. */
static void say_done(const struct hermes *hermes, const struct hb_event *event)
{
    const struct hb_host *host = hermes->host;
    if (event->exit_status != 0 || event->dry_run)
        return;
    if (HB_HAS(event, left_out) && event->left_out > 0)
        host->summary(host, "Done. A part of the archive has been restored.");
    else if (is_elsewhere(event))
        host->summary(host, "Done. The archive has been restored.");
    else
        host->summary(host, "Done. Your configuration has been restored.");
}

int hermes_after_import(const struct hermes *hermes, const struct hb_event *event)
{
    struct profiles profiles = {0};
    int result = find_profiles(hermes, &profiles), status = HB_OK;
    if (result != 0)
        hermes->host->note(hermes->host, NULL, "%s: %s: its profiles cannot be listed",
                           hermes->profiles, hermes_reason(result));
    if (hermes->aliases == ALIASES_NEVER ||
        (hermes->aliases == ALIASES_OF_HOME && is_elsewhere(event)))
        tell_none(hermes, event, &profiles);
    else
        status = make_aliases(hermes, event->dry_run != 0, &profiles);
    if (is_elsewhere(event)) /* what is typed works on the other one */
        hermes_member(hermes->host, "next_commands", json_array());
    else
        guide(hermes, &profiles);
    say_done(hermes, event);
    free_profiles(&profiles);
    return status;
}
