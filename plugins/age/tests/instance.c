/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE 1 /* what is beyond C11: mkdtemp, fchmod */
#include "instance.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "age-keys-XXXXXX";

static void name_of(const char *name, char *path, size_t room)
{
    char *here = realpath(directory, NULL);
    assert_non_null(here);
    snprintf(path, room, "%s/%s", here, name);
    free(here);
}

static void write_file(const char *name, const void *data, size_t bytes, unsigned mode)
{
    char path[4096];
    name_of(name, path, sizeof path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, bytes), bytes);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

int instances_begin(void **state)
{
    (void)state;
    if (mkdtemp(directory) == NULL)
        return -1;
    write_file("first", FIRST_SECRET "\n", strlen(FIRST_SECRET) + 1, 0600);
    write_file("second", SECOND_SECRET, strlen(SECOND_SECRET), 0600);
    write_file("word", WORD "\n", strlen(WORD) + 1, 0600);
    return 0;
}

int instances_end(void **state)
{
    static const char *const names[] = {"first", "second", "word", "file"};
    char path[4096];
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        name_of(names[i], path, sizeof path);
        unlink(path);
    }
    return rmdir(directory);
}

void instance_file(const void *data, size_t bytes, unsigned mode)
{
    write_file("file", data, bytes, mode);
}

static const char *name_behind(char letter)
{
    return letter == '1' ? "first" : letter == '2' ? "second" : letter == 'W' ? "word" : "file";
}

void instance_init(struct instance *instance, const char *settings)
{
    char text[16384];
    size_t bytes = 0;
    for (const char *at = settings; *at != '\0' && bytes < sizeof text - 4096; at++)
        if (*at == '$')
            name_of(name_behind(*++at), text + bytes, sizeof text - bytes),
                bytes += strlen(text + bytes);
        else
            text[bytes++] = *at;
    text[bytes] = '\0';
    *instance = (struct instance){.plugin = hb_plugin_v1()};
    instance->ops = instance->plugin->ops;
    fake_host_init(&instance->fake);
    instance->status =
        fake_create(&instance->fake, instance->plugin, text, &instance->self, &instance->settings);
}

static void check_no_secret(const char *text)
{
    static const char *const secrets[] = {WORD, "AGE-SECRET-KEY-1"};
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        if (strstr(text, secrets[i]) != NULL)
            fail_msg("a secret is told: %s", text);
}

void instance_said(const struct instance *instance, const char *words)
{
    const struct fake_host *fake = &instance->fake;
    check_no_secret(fake->message);
    check_no_secret(fake->hint);
    check_no_secret(fake->report);
    if (strstr(fake->message, words) == NULL)
        fail_msg("\"%s\" is not in: %s", words, fake->message);
}

void instance_end(struct instance *instance)
{
    instance_said(instance, "");
    if (instance->self != NULL)
        fake_destroy(instance->plugin, instance->self, instance->settings);
    else { /* the settings alone */
        struct hb_plugin none = *instance->plugin;
        none.destroy = NULL;
        fake_destroy(&none, NULL, instance->settings);
    }
    fake_host_finish(&instance->fake);
}
