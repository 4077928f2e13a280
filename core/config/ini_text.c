/* SPDX-License-Identifier: Apache-2.0 */
#include "config/ini_text.h"

#include "base/memory.h"
#include "base/url.h"
#include <ini.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* libinih keeps names in buffers of 50 bytes and cuts what is longer. */
enum { LONGEST_NAME = 49 };

/* What libinih will make of the line that it was given last. */
enum line_kind { LINE_NOTHING, LINE_KEY, LINE_CONTINUATION };

/* What an indented line would continue. */
enum open_value { OPEN_NONE, OPEN_KEY, OPEN_REFUSED };

struct reader {
    const char *data;
    size_t bytes;
    size_t at;
    unsigned line;
    enum line_kind kind;
    enum open_value open;
    bool astray; /* below a malformed header: whose keys these are is not known */
    struct hb_ini *ini;
    size_t section; /* index of the present one, plus 1; 0: none yet */
    hb_ini_report report;
    void *context;
    bool failed;
};

static void refuse(struct reader *reader, const struct hb_error *error)
{
    reader->failed = true;
    reader->report(reader->context, reader->line, error);
}

#define REFUSE(reader, hint, ...)                                                                  \
    do {                                                                                           \
        struct hb_error problem_;                                                                  \
        hb_error_set(&problem_, HB_STATUS_FATAL, __VA_ARGS__);                                     \
        hb_error_hint(&problem_, "%s", (hint));                                                    \
        refuse((reader), &problem_);                                                               \
    } while (0)

/* ---- the tree ------------------------------------------------------------------------------ */

/* The label of a store is the scheme of its URLs, and kept in lower case. Caller frees. */
static char *kept_name(const char *name)
{
    return hb_url_lower(name, strncmp(name, "store:", 6) == 0 ? strlen(name) : 0);
}

struct hb_ini_section *hb_ini_section(const struct hb_ini *ini, const char *name)
{
    HB_AUTO_FREE char *kept = kept_name(name);
    for (size_t i = 0; i < ini->count; i++)
        if (strcmp(ini->sections[i].name, kept) == 0)
            return &ini->sections[i];
    return NULL;
}

struct hb_ini_entry *hb_ini_entry(const struct hb_ini_section *section, const char *key)
{
    for (size_t i = 0; i < section->count; i++)
        if (strcmp(section->entries[i].key, key) == 0)
            return &section->entries[i];
    return NULL;
}

static struct hb_ini_section *add_section(struct hb_ini *ini, const char *name, unsigned line)
{
    ini->sections = hb_resize(ini->sections, ini->count + 1, sizeof *ini->sections);
    struct hb_ini_section *section = &ini->sections[ini->count++];
    *section = (struct hb_ini_section){.name = kept_name(name), .line = line};
    return section;
}

static struct hb_ini_entry *add_entry(struct hb_ini_section *section, const char *key,
                                      const char *value, unsigned line)
{
    section->entries = hb_resize(section->entries, section->count + 1, sizeof *section->entries);
    struct hb_ini_entry *entry = &section->entries[section->count++];
    *entry =
        (struct hb_ini_entry){.key = hb_copy_text(key), .value = hb_copy_text(value), .line = line};
    return entry;
}

static void add_line(struct hb_ini_entry *entry, const char *text, unsigned line)
{
    entry->more = hb_resize(entry->more, entry->more_count + 1, sizeof *entry->more);
    entry->more[entry->more_count++] =
        (struct hb_ini_line){.text = hb_copy_text(text), .line = line};
    char *joined = hb_text("%s%s%s", entry->value, *entry->value == '\0' ? "" : " ", text);
    free(entry->value);
    entry->value = joined;
}

static void clear_entry(struct hb_ini_entry *entry)
{
    for (size_t i = 0; i < entry->more_count; i++)
        free(entry->more[i].text);
    free(entry->more);
    free(entry->value);
    free(entry->key);
}

void hb_ini_free(struct hb_ini *ini)
{
    if (ini == NULL)
        return;
    for (size_t i = 0; i < ini->count; i++) {
        for (size_t j = 0; j < ini->sections[i].count; j++)
            clear_entry(&ini->sections[i].entries[j]);
        free(ini->sections[i].entries);
        free(ini->sections[i].name);
    }
    free(ini->sections);
    free(ini);
}

void hb_ini_set(struct hb_ini *ini, const char *section_name, const char *key, const char *value)
{
    struct hb_ini_section *section = hb_ini_section(ini, section_name);
    if (section == NULL)
        section = add_section(ini, section_name, 0);
    struct hb_ini_entry *entry = hb_ini_entry(section, key);
    if (entry == NULL) {
        add_entry(section, key, value, 0);
        return;
    }
    clear_entry(entry);
    *entry = (struct hb_ini_entry){.key = hb_copy_text(key), .value = hb_copy_text(value)};
}

/* ---- one line ------------------------------------------------------------------------------ */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Where libinih would see a comment begin, or NULL. */
static const char *inline_comment(const char *text)
{
    for (const char *at = text; (at = strchr(at, ';')) != NULL; at++)
        if (at > text && is_blank(at[-1]))
            return at;
    return NULL;
}

static bool refuse_inline_comment(struct reader *reader, const char *text)
{
    const char *comment = inline_comment(text);
    if (comment == NULL)
        return false;
    REFUSE(reader, "give the comment a line of its own; a value cannot hold ' ;'",
           "'%.40s': a comment cannot follow a value on the same line", comment);
    return true;
}

/* The name in a header, or NULL after a report. Cuts `text`. */
static char *header_name(struct reader *reader, char *text)
{
    char *end = strchr(text, ']');
    if (end == NULL) {
        REFUSE(reader, "begin a section with a line such as [backup]", "%s: the ']' is missing",
               text);
        return NULL;
    }
    const char *after = end + 1;
    while (is_blank(*after))
        after++;
    if (*after == ';' || *after == '#') {
        REFUSE(reader, "give the comment a line of its own",
               "'%.40s': a comment cannot follow a section's name on the same line", after);
        return NULL;
    }
    if (*after != '\0') {
        REFUSE(reader, "end the line with the ']'",
               "'%.40s' follows a section's name on the same line", after);
        return NULL;
    }
    *end = '\0';
    const char *name = text + 1;
    if (name[strspn(name, " \t")] == '\0') {
        REFUSE(reader, "begin a section with a line such as [backup]", "the section has no name");
        return NULL;
    }
    if (strlen(name) > LONGEST_NAME) {
        REFUSE(reader, "shorten it", "the section's name is %zu bytes long, at most %d are allowed",
               strlen(name), LONGEST_NAME);
        return NULL;
    }
    return text + 1;
}

static bool take_header(struct reader *reader, char *text)
{
    reader->open = OPEN_NONE;
    reader->astray = true;
    if (refuse_inline_comment(reader, text))
        return false;
    const char *name = header_name(reader, text);
    if (name == NULL)
        return false;
    reader->astray = false;
    const struct hb_ini_section *first = hb_ini_section(reader->ini, name);
    if (first != NULL) {
        REFUSE(reader, "put all its keys below one header",
               "section [%s] is repeated; it is first on line %u", name, first->line);
        reader->section = (size_t)(first - reader->ini->sections) + 1;
    } else {
        add_section(reader->ini, name, reader->line);
        reader->section = reader->ini->count;
    }
    return true;
}

static bool take_key(struct reader *reader, const char *text)
{
    reader->open = OPEN_REFUSED;
    if (refuse_inline_comment(reader, text))
        return false;
    size_t name = strcspn(text, "=:");
    if (text[name] == '\0') { /* behind the first word may stand a secret */
        size_t word = strcspn(text, " \t");
        REFUSE(reader, "a line is 'key = value', '[section]', or a comment after '#'",
               "'%.*s%s' has no '='", word > 60 ? 60 : (int)word, text,
               text[word] == '\0' ? "" : " …");
        return false;
    }
    if (name == 0) {
        REFUSE(reader, "a line is 'key = value'", "there is no key before the '%c'", text[name]);
        return false;
    }
    if (reader->astray)
        return false;
    if (reader->section == 0) {
        REFUSE(reader, "put it below a section header such as [backup]",
               "'%.*s' is outside any section", (int)(name > 60 ? 60 : name), text);
        return false;
    }
    reader->kind = LINE_KEY;
    reader->open = OPEN_KEY;
    return true;
}

static bool take_indented(struct reader *reader, const char *text)
{
    size_t length = strlen(text);
    while (length > 0 && is_blank(text[length - 1]))
        length--;
    if (*text == '[' && text[length - 1] == ']') {
        REFUSE(reader, "remove the blanks before it; if it is a word of a list, put it in quotes",
               "%.*s: a section's header must not be indented", (int)length, text);
        reader->open = OPEN_REFUSED;
        reader->astray = true;
        return false;
    }
    if (reader->open == OPEN_REFUSED || refuse_inline_comment(reader, text))
        return false;
    if (reader->open == OPEN_NONE) {
        REFUSE(reader, "put a key at the beginning of its line",
               "this line is indented, but there is no value above to continue");
        reader->open = OPEN_REFUSED;
        return false;
    }
    reader->kind = LINE_CONTINUATION;
    return true;
}

/* Shall libinih see this line? `text` may be cut. */
static bool take_line(struct reader *reader, char *text)
{
    size_t blanks = strspn(text, " \t");
    char *start = text + blanks;
    if (*start == '\0' || *start == ';' || *start == '#')
        return false;
    if (blanks > 0)
        return take_indented(reader, start);
    return *start == '[' ? take_header(reader, text) : take_key(reader, text);
}

/* Refuses what no line may have, whatever it is. */
static bool check_bytes(struct reader *reader, const char *text, size_t length, size_t limit)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            REFUSE(reader, "remove it; only tabs are allowed",
                   "byte %zu is a control character (0x%02x)", i + 1, c);
            return false;
        }
    }
    if (length <= limit)
        return true;
    size_t blanks = 0;
    while (blanks < length && is_blank(text[blanks]))
        blanks++;
    bool comment = blanks < length && (text[blanks] == ';' || text[blanks] == '#');
    REFUSE(reader,
           comment ? "split the comment into two lines"
                   : "a list or a text can continue on the next line, which must be indented",
           "the %s is %zu bytes long, at most %zu are allowed", comment ? "comment" : "line",
           length, limit);
    return false;
}

/* After a line that could not be looked at: do not let others take its place. */
static void mislaid(struct reader *reader, const char *text)
{
    reader->open = OPEN_REFUSED;
    if (*text == '[')
        reader->astray = true;
}

static char *next_line(char *buffer, int size, void *stream)
{
    struct reader *reader = stream;
    reader->kind = LINE_NOTHING;
    if (reader->at >= reader->bytes || size < 1)
        return NULL;
    const char *text = reader->data + reader->at;
    size_t left = reader->bytes - reader->at;
    const char *end = memchr(text, '\n', left);
    size_t length = end == NULL ? left : (size_t)(end - text);
    reader->at += length + (end != NULL);
    reader->line++;
    if (length > 0 && text[length - 1] == '\r')
        length--;
    *buffer = '\0';
    if (!check_bytes(reader, text, length, (size_t)size - 1)) {
        mislaid(reader, text);
        return buffer;
    }
    HB_AUTO_FREE char *line = hb_copy_bytes(text, length);
    if (take_line(reader, line)) {
        memcpy(buffer, text, length);
        buffer[length] = '\0';
    }
    return buffer;
}

/* ---- what libinih found -------------------------------------------------------------------- */

static int found(void *context, const char *name, const char *key, const char *value)
{
    struct reader *reader = context;
    if (reader->kind == LINE_NOTHING || reader->section == 0)
        return 0;
    struct hb_ini_section *section = &reader->ini->sections[reader->section - 1];
    HB_AUTO_FREE char *kept = kept_name(name);
    if (strcmp(section->name, kept) != 0)
        return 0;
    if (reader->kind == LINE_CONTINUATION) {
        add_line(&section->entries[section->count - 1], value, reader->line);
        return 1;
    }
    const struct hb_ini_entry *first = hb_ini_entry(section, key);
    if (first == NULL) {
        add_entry(section, key, value, reader->line);
        return 1;
    }
    REFUSE(reader, "keep one of them; a list can continue on an indented line",
           "'%s' is repeated in [%s]; it is first on line %u", key, name, first->line);
    reader->open = OPEN_REFUSED;
    return 1;
}

int hb_ini_parse(const char *data, size_t bytes, hb_ini_report report, void *context,
                 struct hb_ini **ini)
{
    static const char bom[] = "\xef\xbb\xbf";
    struct reader reader = {.data = data, .bytes = bytes, .report = report, .context = context};
    *ini = reader.ini = hb_alloc(sizeof *reader.ini);
    const char *nul = bytes == 0 ? NULL : memchr(data, '\0', bytes);
    if (nul != NULL) {
        for (const char *at = data; at < nul; at++)
            reader.line += *at == '\n';
        reader.line++;
        REFUSE(&reader, "save it as plain text in UTF-8", "a NUL byte: this is not a text file");
        return HB_STATUS_FATAL;
    }
    if (bytes >= sizeof bom - 1 && memcmp(data, bom, sizeof bom - 1) == 0)
        reader.at = sizeof bom - 1;
    int wrong = ini_parse_stream(next_line, &reader, found, &reader);
    if (wrong != 0) { /* ours and libinih's idea of a line differ */
        reader.line = wrong > 0 ? (unsigned)wrong : 1;
        REFUSE(&reader, "a line is 'key = value', '[section]', or a comment after '#'",
               "this line cannot be understood");
    }
    return reader.failed ? HB_STATUS_FATAL : HB_OK;
}
