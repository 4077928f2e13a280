/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys from ~/.aws/credentials. Not by inih, whose lines end after 199 bytes, and tokens are
 * longer; what is needed of such a file is "[profile]" and "key = value".
 */
#include "credentials_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Where it is. False: nobody says. */
static bool find_path(const struct asking *asking, struct text *path)
{
    const char *said = text_setting(asking->settings, CREDENTIALS_FILE);
    const char *file = getenv("AWS_SHARED_CREDENTIALS_FILE"), *home = getenv("HOME");
    if (*said != '\0')
        text_put(path, said);
    else if (file != NULL && *file != '\0')
        text_put(path, file);
    else if (home != NULL && *home == '/')
        text_format(path, "%s/.aws/credentials", home);
    return path->bytes > 0;
}

static const char *profile_of(const struct asking *asking)
{
    const char *said = text_setting(asking->settings, PROFILE), *name = getenv("AWS_PROFILE");
    return *said != '\0' ? said : name != NULL && *name != '\0' ? name : "default";
}

/* Without blanks around it; in place. */
static char *trimmed(char *text)
{
    text += strspn(text, " \t\r\n");
    size_t bytes = strlen(text);
    while (bytes > 0 && strchr(" \t\r\n", text[bytes - 1]) != NULL)
        text[--bytes] = '\0';
    return text;
}

static void take_line(char *line, struct keys *keys)
{
    char *equals = strchr(line, '=');
    if (equals == NULL)
        return;
    *equals = '\0';
    const char *name = trimmed(line), *value = trimmed(equals + 1);
    struct text *to = strcmp(name, "aws_access_key_id") == 0       ? &keys->access
                      : strcmp(name, "aws_secret_access_key") == 0 ? &keys->secret
                      : strcmp(name, "aws_session_token") == 0     ? &keys->token
                                                                   : NULL;
    if (to != NULL && to->bytes == 0)
        text_put(to, value);
}

static void take_profile(FILE *stream, const char *profile, struct keys *keys)
{
    char *line = NULL;
    size_t room = 0;
    bool inside = false;
    while (getline(&line, &room, stream) >= 0) {
        char *text = trimmed(line), *end = strchr(text, ']');
        if (*text == '[' && end != NULL) {
            *end = '\0';
            inside = strcmp(trimmed(text + 1), profile) == 0;
        } else if (inside && *text != '#' && *text != ';') {
            take_line(text, keys);
        }
        explicit_bzero(line, room);
    }
    free(line);
}

static int refuse(const struct asking *asking, const char *path, const char *why)
{
    return asking->host->fail_as(asking->host, HB_STATUS_FATAL, HB_CAUSE_AUTHENTICATION, NULL,
                                 "%s: %s", path, why);
}

static void warn_if_open(const struct asking *asking, FILE *stream, const char *path)
{
    struct stat status;
    if (fstat(fileno(stream), &status) == 0 && (status.st_mode & (S_IRGRP | S_IROTH)) != 0)
        asking->host->note(asking->host, NULL,
                           "%s: others can read these keys (mode %04o); `chmod go-rwx` it", path,
                           status.st_mode & 07777);
}

int keys_from_file(const struct asking *asking, bool needed, struct keys *keys)
{
    AUTO_TEXT path = {0};
    const char *profile = profile_of(asking);
    needed |= *text_setting(asking->settings, PROFILE) != '\0' ||
              *text_setting(asking->settings, CREDENTIALS_FILE) != '\0';
    FILE *stream = find_path(asking, &path) ? fopen(text_of(&path), "re") : NULL;
    if (stream == NULL && (!needed && (path.bytes == 0 || errno == ENOENT || errno == ENOTDIR)))
        return HB_STATUS_NOMATCH;
    if (stream == NULL)
        return refuse(asking, path.bytes == 0 ? "credentials-file" : text_of(&path),
                      path.bytes == 0 ? "there is no HOME to find it in" : strerror(errno));
    take_profile(stream, profile, keys);
    if (keys->access.bytes > 0 && keys->secret.bytes > 0)
        warn_if_open(asking, stream, text_of(&path));
    fclose(stream);
    if (keys->access.bytes > 0 && keys->secret.bytes > 0)
        return HB_OK;
    if (!needed && keys->access.bytes == 0 && keys->secret.bytes == 0)
        return HB_STATUS_NOMATCH;
    AUTO_TEXT why = {0};
    text_format(&why, "the profile '%s' has no %s there", profile,
                keys->access.bytes == 0 ? "aws_access_key_id" : "aws_secret_access_key");
    return refuse(asking, text_of(&path), text_of(&why));
}
