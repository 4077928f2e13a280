/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the plugin and other programs, for judges.py:
 *
 *     zip-bridge write file|pipe LEVEL ARCHIVE     an archive of the entries below
 *     zip-bridge content DIRECTORY                 the same entries, as files
 *     zip-bridge read ARCHIVE DIRECTORY            every regular file of an archive, as files
 *
 * Names are flattened where they become files: '/' turns into '!'.
 */
#include "zip_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MIB = 1 << 20, ENTRIES = 12 };

struct content {
    struct sample samples[ENTRIES];
    unsigned char *text, *noise, *mixed;
};

static void make_content(struct content *content)
{
    unsigned char *text = content->text = zip_test_text(5 * MIB);
    unsigned char *noise = content->noise = zip_test_noise(3 * MIB, 7);
    unsigned char *mixed = content->mixed = malloc(3 * MIB);
    memcpy(mixed, text, MIB);
    memcpy(mixed + MIB, noise, MIB);
    memset(mixed + 2 * MIB, 0, MIB);
    struct sample samples[ENTRIES] = {
        zip_test_file("empty", NULL, 0),
        zip_test_directory("directory"),
        zip_test_file("directory/one byte", "x", 1),
        zip_test_file("gr\xc3\xbc\xc3\x9f\x65", text, 4000),
        zip_test_file("small noise", noise, 5000),
        zip_test_file("text", text, 5 * MIB),
        zip_test_file("noise", noise, 3 * MIB),
        zip_test_file("mixed", mixed, 3 * MIB - 17),
        zip_test_file("a unit", text, MIB),
        zip_test_file("a unit and a byte", noise, MIB + 1),
        zip_test_file("before 1980", text, 300),
        zip_test_file("after 2107", text, 301),
    };
    samples[10].entry.mtime = (struct timespec){-86400, 5};
    samples[11].entry.mtime = (struct timespec){7258118400, 0};
    memcpy(content->samples, samples, sizeof samples);
}

static void free_content(struct content *content)
{
    free(content->text);
    free(content->noise);
    free(content->mixed);
}

static int save(const char *path, const void *data, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    bool done = file != NULL && (bytes == 0 || fwrite(data, 1, bytes, file) == bytes);
    if (file != NULL && fclose(file) != 0)
        done = false;
    if (!done)
        perror(path);
    return done ? 0 : 1;
}

static int save_flat(const char *directory, const char *name, const void *data, size_t bytes)
{
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/", directory);
    snprintf(path + length, sizeof path - (size_t)length, "%s", name);
    for (char *at = path + length; *at != '\0'; at++)
        if (*at == '/')
            *at = '!';
    return save(path, data, bytes);
}

static int write_archive(const char *sink, const char *level, const char *path)
{
    static const char trailer[] = "PK\3\4 an opaque block that others must pass over";
    struct content content;
    struct memory memory;
    make_content(&content);
    int number = strcmp(level, "fast") == 0 ? ZIP_LEVEL_FAST : (int)strtol(level, NULL, 10);
    int status = zip_test_write(&memory, strcmp(sink, "file") == 0, number, content.samples,
                                ENTRIES, trailer, sizeof trailer);
    int result = status == HB_OK ? save(path, memory.data, memory.bytes) : 1;
    memory_free(&memory);
    free_content(&content);
    return result;
}

static int write_content(const char *directory)
{
    struct content content;
    int result = 0;
    make_content(&content);
    for (size_t i = 0; i < ENTRIES; i++)
        if (content.samples[i].entry.type == HB_FILE)
            result |= save_flat(directory, content.samples[i].entry.path, content.samples[i].data,
                                content.samples[i].entry.bytes);
    free_content(&content);
    return result;
}

static int load(const char *path, struct memory *memory)
{
    FILE *file = fopen(path, "rb");
    memory_init(memory, true);
    if (file == NULL) {
        perror(path);
        return 1;
    }
    unsigned char buffer[65536];
    for (size_t got; (got = fread(buffer, 1, sizeof buffer, file)) > 0;)
        memory->sink.write(&memory->sink, buffer, got);
    fclose(file);
    return 0;
}

static int read_archive(const char *path, const char *directory)
{
    struct memory memory;
    struct found_list list;
    int result = load(path, &memory);
    zip_test_read(&memory, &list);
    if (list.status != HB_OK) {
        fprintf(stderr, "%s: %s\n", path, list.message);
        result = 1;
    }
    for (size_t i = 0; i < list.count; i++) {
        const struct found *found = &list.members[i];
        printf("%u %o %lld %s\n", found->type, found->flags & HB_ENTRY_HAS_MODE ? found->mode : 0,
               (long long)found->mtime.tv_sec, found->path);
        if (found->status != HB_OK)
            result = 1;
        else if (found->type == HB_FILE)
            result |= save_flat(directory, found->path, found->data, found->data_bytes);
    }
    zip_test_free(&list);
    memory_free(&memory);
    return result;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "write") == 0)
        return write_archive(argv[2], argv[3], argv[4]);
    if (argc == 3 && strcmp(argv[1], "content") == 0)
        return write_content(argv[2]);
    if (argc == 4 && strcmp(argv[1], "read") == 0)
        return read_archive(argv[2], argv[3]);
    fprintf(stderr, "usage: zip-bridge write|content|read ...\n");
    return 2;
}
