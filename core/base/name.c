/* SPDX-License-Identifier: Apache-2.0 */
#include "base/name.h"

#include "base/memory.h"
#include <ctype.h>
#include <limits.h>
#include <nettle/base64.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

/* Length of the UTF-8 sequence at `text` (RFC 3629: no overlong forms, no surrogates), or 0. */
static size_t sequence(const unsigned char *text, size_t bytes)
{
    unsigned char first = text[0];
    size_t length = first < 0x80                    ? 1
                    : first >= 0xC2 && first < 0xE0 ? 2
                    : first >= 0xE0 && first < 0xF0 ? 3
                    : first >= 0xF0 && first < 0xF5 ? 4
                                                    : 0;
    if (length == 0 || length > bytes)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    if ((first == 0xE0 && text[1] < 0xA0) || (first == 0xED && text[1] > 0x9F) ||
        (first == 0xF0 && text[1] < 0x90) || (first == 0xF4 && text[1] > 0x8F))
        return 0;
    return length;
}

bool hb_is_utf8(const char *text, size_t bytes)
{
    const unsigned char *at = (const unsigned char *)text, *end = at + bytes;
    while (at < end) {
        size_t length = sequence(at, (size_t)(end - at));
        if (length == 0)
            return false;
        at += length;
    }
    return true;
}

/*
 * Does it turn the direction of the text around it (Bidi_Control in Unicode)? With U+202E in it the
 * name of a program looks like that of a text.
 */
static bool turns_text(const unsigned char *text, size_t length)
{
    if (length == 2)
        return text[0] == 0xD8 && text[1] == 0x9C; /* U+061C */
    if (length != 3 || text[0] != 0xE2)
        return false;
    unsigned last = text[2];
    if (text[1] == 0x80)
        return last == 0x8E || last == 0x8F || (last >= 0xAA && last <= 0xAE); /* U+200E .. 202E */
    return text[1] == 0x81 && last >= 0xA6 && last <= 0xA9;                    /* U+2066 .. 2069 */
}

/* The length of the character at `text` if a terminal shows it, and nothing else by it; or 0. */
static size_t shown_as_it_is(const unsigned char *text, size_t bytes)
{
    size_t length = sequence(text, bytes);
    bool control =
        *text < 0x20 || *text == 0x7F || (length == 2 && *text == 0xC2 && text[1] < 0xA0);
    return control || turns_text(text, length) ? 0 : length;
}

char *hb_printable(const char *name)
{
    size_t bytes = strlen(name);
    char *shown = hb_alloc(bytes * 4 + 1), *end = shown;
    for (size_t i = 0; i < bytes;) {
        size_t length = shown_as_it_is((const unsigned char *)name + i, bytes - i);
        if (length == 0) {
            end += snprintf(end, 5, "\\x%02X", (unsigned char)name[i]);
            i++;
            continue;
        }
        memcpy(end, name + i, length);
        end += length;
        i += length;
    }
    *end = '\0';
    return shown;
}

/* Is nothing in it special to a shell? */
static bool is_plain(const char *word)
{
    for (const char *at = word; *at != '\0'; at++)
        if (!isalnum((unsigned char)*at) && strchr("@%+:,./-_", *at) == NULL)
            return false;
    return *word != '\0';
}

int hb_character_columns(const char *text, size_t *bytes)
{
    mbstate_t state = {0};
    wchar_t character;
    size_t length = strnlen(text, MB_LEN_MAX), got = mbrtowc(&character, text, length, &state);
    *bytes = got == 0 || got > length ? 1 : got;
    int width = *bytes == got ? wcwidth(character) : 1;
    return width < 0 ? 1 : width;
}

int hb_columns(const char *text)
{
    int columns = 0;
    size_t bytes;
    for (; *text != '\0'; text += bytes)
        columns += hb_character_columns(text, &bytes);
    return columns;
}

/* $'…' (POSIX.1-2024): what cannot be shown in octal, for \x takes what follows for more digits. */
static char *escaped_word(const char *name)
{
    size_t bytes = strlen(name);
    char *word = hb_alloc(bytes * 4 + 4), *end = stpcpy(word, "$'");
    for (size_t i = 0; i < bytes;) {
        unsigned char byte = (unsigned char)name[i];
        size_t length = shown_as_it_is((const unsigned char *)name + i, bytes - i);
        if (byte == '\'' || byte == '\\')
            *end++ = '\\';
        if (length == 0)
            end += snprintf(end, 5, "\\%03o", byte);
        memcpy(end, name + i, length);
        end += length;
        i += length == 0 ? 1 : length;
    }
    memcpy(end, "'", 2);
    return word;
}

char *hb_shell_word(const char *name)
{
    HB_AUTO_FREE char *shown = hb_printable(name);
    if (strcmp(shown, name) != 0)
        return escaped_word(name);
    if (is_plain(shown))
        return hb_copy_text(shown);
    char *word = hb_alloc(strlen(shown) * 4 + 3), *end = word;
    *end++ = '\'';
    for (const char *at = shown; *at != '\0'; at++) {
        if (*at == '\'')
            end = stpcpy(end, "'\\'");
        *end++ = *at;
    }
    memcpy(end, "'", 2);
    return word;
}

static char *with_replacements(const char *name, size_t bytes)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    char *text = hb_alloc(bytes * 3 + 1), *end = text;
    for (size_t i = 0; i < bytes;) {
        size_t length = sequence((const unsigned char *)name + i, bytes - i);
        if (length == 0) {
            memcpy(end, replacement, 3);
            end += 3;
            i++;
        } else {
            memcpy(end, name + i, length);
            end += length;
            i += length;
        }
    }
    return text;
}

/* RFC 4648, section 4. */
static char *base64(const unsigned char *data, size_t bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = hb_alloc((bytes + 2) / 3 * 4 + 1), *end = text;
    for (size_t i = 0; i < bytes; i += 3) {
        uint32_t group = (uint32_t)data[i] << 16;
        if (i + 1 < bytes)
            group |= (uint32_t)data[i + 1] << 8;
        if (i + 2 < bytes)
            group |= data[i + 2];
        *end++ = digits[group >> 18];
        *end++ = digits[group >> 12 & 63];
        *end++ = i + 1 < bytes ? digits[group >> 6 & 63] : '=';
        *end++ = i + 2 < bytes ? digits[group & 63] : '=';
    }
    return text;
}

void hb_json_name(json_t *object, const char *key, const char *name)
{
    size_t bytes = strlen(name);
    if (hb_is_utf8(name, bytes)) {
        json_object_set_new(object, key, json_string(name));
        return;
    }
    HB_AUTO_FREE char *text = with_replacements(name, bytes);
    HB_AUTO_FREE char *encoded = base64((const unsigned char *)name, bytes);
    HB_AUTO_FREE char *encoded_key = hb_text("%s_base64", key);
    json_object_set_new(object, key, json_string(text));
    json_object_set_new(object, encoded_key, json_string(encoded));
}

char *hb_json_name_of(const json_t *object, const char *key)
{
    HB_AUTO_FREE char *encoded_key = hb_text("%s_base64", key);
    const char *encoded = json_string_value(json_object_get(object, encoded_key));
    const char *text = json_string_value(json_object_get(object, key));
    if (encoded == NULL)
        return text == NULL ? NULL : hb_copy_text(text);
    struct base64_decode_ctx decoding;
    size_t length = strlen(encoded), bytes = BASE64_DECODE_LENGTH(length);
    HB_AUTO_FREE char *name = hb_alloc(bytes + 1);
    base64_decode_init(&decoding);
    if (!base64_decode_update(&decoding, &bytes, (uint8_t *)name, length, encoded) ||
        !base64_decode_final(&decoding))
        return NULL;
    return hb_copy_bytes(name, bytes);
}
