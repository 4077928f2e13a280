/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer in XML says, by expat: element by element. */
#ifndef S3_XML_H
#define S3_XML_H

#include <stdbool.h>
#include <stddef.h>

struct xml_reader {
    void *self;
    /* An element has ended: "ListBucketResult/Contents/Key", and the text in it. False ends it. */
    bool (*element)(void *self, const char *path, const char *text);
};

/* False: that is no XML, is not whole, has a DOCTYPE, is deeper than any answer, or was ended. */
bool xml_read(const char *data, size_t bytes, const struct xml_reader *reader);

#endif
