// SPDX-License-Identifier: Apache-2.0
// What Java's two readers find in each archive that standard input names, for imitations.py: a line
// "READER ARCHIVE NAME BYTES CRC ..." with names in hexadecimal, or "READER ARCHIVE failed: ...".

import java.io.BufferedInputStream;
import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.HexFormat;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipInputStream;

class Readers {
    static final byte[] BUFFER = new byte[1 << 16];

    static void show(StringBuilder line, ZipEntry entry, InputStream content) throws IOException {
        CRC32 crc = new CRC32();
        long bytes = 0;
        for (int got; (got = content.read(BUFFER)) > 0; bytes += got) {
            crc.update(BUFFER, 0, got);
        }
        byte[] name = entry.getName().getBytes(StandardCharsets.UTF_8);
        line.append(' ').append(HexFormat.of().formatHex(name)).append(' ').append(bytes);
        line.append(' ').append(crc.getValue());
    }

    static void byDirectory(String path, StringBuilder line) throws IOException {
        try (ZipFile file = new ZipFile(path)) {
            for (ZipEntry entry : Collections.list(file.entries())) {
                show(line, entry, file.getInputStream(entry));
            }
        }
    }

    static void byStream(String path, StringBuilder line) throws IOException {
        try (ZipInputStream stream = new ZipInputStream(new BufferedInputStream(new FileInputStream(path), 1 << 16))) {
            for (ZipEntry entry; (entry = stream.getNextEntry()) != null;) {
                show(line, entry, stream);
            }
        }
    }

    public static void main(String[] arguments) throws IOException {
        BufferedReader paths = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String path; (path = paths.readLine()) != null;) {
            for (String reader : new String[] {"ZipFile", "ZipInputStream"}) {
                StringBuilder line = new StringBuilder(reader + " " + path);
                try {
                    if (reader.equals("ZipFile")) {
                        byDirectory(path, line);
                    } else {
                        byStream(path, line);
                    }
                } catch (IOException | RuntimeException error) {
                    line = new StringBuilder(reader + " " + path + " failed: " + error);
                }
                System.out.println(line);
            }
        }
    }
}
