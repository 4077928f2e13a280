/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the plugin and other programs, for judges.py:
 *
 *     zip-bridge write file|pipe LEVEL ARCHIVE     an archive of the entries below
 *     zip-bridge content DIRECTORY                 the same entries, as files
 *     zip-bridge read ARCHIVE DIRECTORY            every regular file of an archive, as files
 *
 * And for places.py, which says what the last entry and the trailer are:
 *
 *     zip-bridge last        for each line SINK ARCHIVE SECONDS NANOSECONDS NAME CONTENT TRAILER of
 *                            standard input an archive of "first" and that entry; the last three
 * are in hexadecimal, or -, and @N is a content of N zero bytes zip-bridge list        for each
 * ARCHIVE of standard input, a line: its names in hexadecimal and the length of its trailer, or
 * what is wrong
 *
 * And for imitations.py, by lines of standard input as well:
 *
 *     zip-bridge archives    "archive SINK PATH TRAILER" begins one; "entry KIND SECONDS
 * NANOSECONDS NAME CONTENT" adds to it: KIND is f, d or l, whose CONTENT is the target zip-bridge
 * show        for each ARCHIVE its entries, "KIND SECONDS NANOSECONDS NAME BYTES CRC", then
 * "trailer BYTES CRC", or "failed: " and why
 *
 * Names are flattened where they become files: '/' turns into '!'.
 */
#include "zip_test.h"

#include <libdeflate.h>
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
        if (content.samples[i].entry.type == HB_TYPE_FILE)
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
        else if (found->type == HB_TYPE_FILE)
            result |= save_flat(directory, found->path, found->data, found->data_bytes);
    }
    zip_test_free(&list);
    memory_free(&memory);
    return result;
}

/* ---- for places.py ------------------------------------------------------------------------ */

enum { LINE = 1 << 20 };

/* Returns the bytes, to be freed; "-": none, "@N": zeros, "@N+...": zeros and these. */
static unsigned char *from_hex(const char *text, size_t *bytes)
{
    char *hex = (char *)(uintptr_t)text;
    size_t zeros = *text == '@' ? strtoul(text + 1, &hex, 10) : 0;
    hex += *hex == '+';
    *bytes = zeros + strlen(hex) / 2;
    unsigned char *data = calloc(1, *bytes + 1);
    for (size_t i = 0; zeros + i < *bytes; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};
        data[zeros + i] = (unsigned char)strtoul(digits, NULL, 16);
    }
    return data;
}

static int write_last(char *line)
{
    static const char between[] = " \n";
    char *place;
    const char *sink = strtok_r(line, between, &place);
    const char *path = strtok_r(NULL, between, &place);
    long long seconds = strtoll(strtok_r(NULL, between, &place), NULL, 10);
    long nanoseconds = strtol(strtok_r(NULL, between, &place), NULL, 10);
    size_t name_bytes, bytes, trailer_bytes;
    unsigned char *name = from_hex(strtok_r(NULL, between, &place), &name_bytes);
    unsigned char *content = from_hex(strtok_r(NULL, between, &place), &bytes);
    unsigned char *trailer = from_hex(strtok_r(NULL, between, &place), &trailer_bytes);
    struct memory memory;
    struct sample samples[2] = {
        zip_test_file("first", "1", 1),
        zip_test_file((const char *)name, content, bytes),
    };
    samples[1].entry.mtime = (struct timespec){seconds, nanoseconds};
    int status =
        zip_test_write(&memory, strcmp(sink, "file") == 0, 0, samples, 2, trailer, trailer_bytes);
    int result = status == HB_OK ? save(path, memory.data, memory.bytes) : 1;
    memory_free(&memory);
    free(name);
    free(content);
    free(trailer);
    return result;
}

static void list_one(const char *path)
{
    struct memory memory;
    struct found_list list;
    struct zip_test test;
    void *trailer = NULL;
    size_t bytes = 0;
    load(path, &memory);
    memory_rewind(&memory, true);
    zip_test_start(&test, 0);
    zip_test_read_with(&test, &memory, &list);
    int status = test.ops->read_trailer(test.self, &memory.input, &trailer, &bytes);
    if (list.status != HB_OK || status < 0)
        printf("failed: %s\n", list.status != HB_OK ? list.message : test.fake.message);
    for (size_t i = 0; list.status == HB_OK && status >= 0 && i < list.count; i++)
        for (size_t at = 0; at <= list.members[i].path_bytes; at++)
            if (at < list.members[i].path_bytes)
                printf("%02x", (unsigned char)list.members[i].path[at]);
            else
                printf(i + 1 < list.count ? " " : " trailer %zu\n", bytes);
    test.fake.host.release(&test.fake.host, trailer);
    zip_test_free(&list);
    zip_test_end(&test);
    memory_free(&memory);
}

/* ---- for imitations.py -------------------------------------------------------------------- */

enum { MOST = 70000 };

/* An archive whose lines are being read. */
struct wanted {
    char sink[8], path[4096];
    unsigned char *trailer;
    size_t trailer_bytes, count;
    struct sample *samples; /* MOST of them */
    struct zip_test test;   /* one for all archives: it takes longer to make than most of them */
};

static int finish_wanted(struct wanted *wanted)
{
    struct memory memory;
    if (wanted->path[0] == '\0')
        return 0;
    struct zip_test *test = &wanted->test;
    zip_test_again(test);
    memory_init(&memory, strcmp(wanted->sink, "file") == 0);
    int status = memory_write(test->ops, &test->fake.host, test->self, &memory, wanted->samples,
                              wanted->count, wanted->trailer, wanted->trailer_bytes);
    int result = status == HB_OK ? save(wanted->path, memory.data, memory.bytes) : 1;
    memory_free(&memory);
    for (size_t i = 0; i < wanted->count; i++) {
        free((void *)(uintptr_t)wanted->samples[i].entry.path);
        free((void *)(uintptr_t)wanted->samples[i].entry.link);
        free((void *)(uintptr_t)wanted->samples[i].data);
    }
    free(wanted->trailer);
    wanted->trailer = NULL;
    wanted->count = 0;
    wanted->path[0] = '\0';
    return result;
}

static void begin_wanted(struct wanted *wanted, char **place)
{
    static const char between[] = " \n";
    snprintf(wanted->sink, sizeof wanted->sink, "%s", strtok_r(NULL, between, place));
    snprintf(wanted->path, sizeof wanted->path, "%s", strtok_r(NULL, between, place));
    wanted->trailer = from_hex(strtok_r(NULL, between, place), &wanted->trailer_bytes);
}

static int add_wanted(struct wanted *wanted, char **place)
{
    static const char between[] = " \n";
    if (wanted->count == MOST)
        return 1;
    const char *kind = strtok_r(NULL, between, place);
    long long seconds = strtoll(strtok_r(NULL, between, place), NULL, 10);
    long nanoseconds = strtol(strtok_r(NULL, between, place), NULL, 10);
    size_t name_bytes, bytes;
    char *name = (char *)from_hex(strtok_r(NULL, between, place), &name_bytes);
    unsigned char *content = from_hex(strtok_r(NULL, between, place), &bytes);
    struct sample sample = *kind == 'd'   ? zip_test_directory(name)
                           : *kind == 'l' ? zip_test_link(name, (const char *)content)
                                          : zip_test_file(name, content, bytes);
    if (*kind == 'd')
        free(content);
    sample.entry.mtime = (struct timespec){seconds, nanoseconds};
    wanted->samples[wanted->count++] = sample;
    return 0;
}

static int write_archives(void)
{
    char *line = malloc(LINE), *place;
    struct wanted wanted = {.samples = calloc(MOST, sizeof *wanted.samples)};
    int result = 0;
    zip_test_start(&wanted.test, 6);
    while (result == 0 && fgets(line, LINE, stdin) != NULL) {
        bool begins = strcmp(strtok_r(line, " ", &place), "archive") == 0;
        if (begins) {
            result = finish_wanted(&wanted);
            begin_wanted(&wanted, &place);
        } else {
            result = add_wanted(&wanted, &place);
        }
    }
    result |= finish_wanted(&wanted);
    zip_test_end(&wanted.test);
    free(wanted.samples);
    free(line);
    return result;
}

static void show_found(const struct found *found)
{
    bool link = found->type == HB_TYPE_SYMLINK;
    const unsigned char *data = link ? (const unsigned char *)found->link : found->data;
    size_t bytes = link ? strlen(found->link) : (size_t)found->data_bytes;
    printf("%c %lld %ld ",
           link                          ? 'l'
           : found->type == HB_TYPE_FILE ? 'f'
                                         : 'd',
           (long long)found->mtime.tv_sec, found->mtime.tv_nsec);
    for (size_t at = 0; at < found->path_bytes; at++)
        printf("%02x", (unsigned char)found->path[at]);
    printf(" %zu %08x\n", bytes, bytes == 0 ? 0 : libdeflate_crc32(0, data, bytes));
}

static void show_one(struct zip_test *test, const char *path)
{
    struct memory memory;
    struct found_list list;
    void *trailer = NULL;
    size_t bytes = 0;
    load(path, &memory);
    zip_test_read_with(test, &memory, &list);
    int status = test->ops->read_trailer(test->self, &memory.input, &trailer, &bytes);
    for (size_t i = 0; list.status == HB_OK && i < list.count; i++)
        show_found(&list.members[i]);
    if (list.status != HB_OK || status < 0)
        printf("failed: %s\n", list.status != HB_OK ? list.message : test->fake.message);
    else
        printf("trailer %zu %08x\n", bytes, bytes == 0 ? 0 : libdeflate_crc32(0, trailer, bytes));
    test->fake.host.release(&test->fake.host, trailer);
    zip_test_free(&list);
    memory_free(&memory);
}

static int show_archives(void)
{
    char *line = malloc(LINE);
    struct zip_test test;
    zip_test_start(&test, 6);
    while (fgets(line, LINE, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        show_one(&test, line);
    }
    zip_test_end(&test);
    free(line);
    return 0;
}

static int each_line(int (*each)(char *line))
{
    char *line = malloc(LINE);
    int result = 0;
    while (result == 0 && fgets(line, LINE, stdin) != NULL)
        result = each(line);
    free(line);
    return result;
}

static int list_line(char *line)
{
    line[strcspn(line, "\n")] = '\0';
    list_one(line);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "last") == 0)
        return each_line(write_last);
    if (argc == 2 && strcmp(argv[1], "archives") == 0)
        return write_archives();
    if (argc == 2 && strcmp(argv[1], "show") == 0)
        return show_archives();
    if (argc == 2 && strcmp(argv[1], "list") == 0)
        return each_line(list_line);
    if (argc == 5 && strcmp(argv[1], "write") == 0)
        return write_archive(argv[2], argv[3], argv[4]);
    if (argc == 3 && strcmp(argv[1], "content") == 0)
        return write_content(argv[2]);
    if (argc == 4 && strcmp(argv[1], "read") == 0)
        return read_archive(argv[2], argv[3]);
    fprintf(stderr, "usage: zip-bridge write|content|read ...\n");
    return 2;
}
