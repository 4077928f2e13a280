// SPDX-License-Identifier: Apache-2.0
// What Go's reader finds in each archive that standard input names, for imitations.py: a line
// "archive/zip ARCHIVE NAME BYTES CRC ..." with names in hexadecimal, or "archive/zip ARCHIVE failed: ...".

package main

import (
	"archive/zip"
	"bufio"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

func show(line *bufio.Writer, entry *zip.File) error {
	content, err := entry.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	crc := crc32.NewIEEE()
	count, err := io.Copy(crc, content)
	if err == nil {
		fmt.Fprintf(line, " %s %d %d", hex.EncodeToString([]byte(entry.Name)), count, crc.Sum32())
	}
	return err
}

func read(line *bufio.Writer, path string) error {
	archive, err := zip.OpenReader(path)
	if err != nil {
		return err
	}
	defer archive.Close()
	for _, entry := range archive.File {
		if err := show(line, entry); err != nil {
			return fmt.Errorf("%q: %w", entry.Name, err)
		}
	}
	return nil
}

func main() {
	line := bufio.NewWriter(os.Stdout)
	defer line.Flush()
	for paths := bufio.NewScanner(os.Stdin); paths.Scan(); fmt.Fprintln(line) {
		fmt.Fprintf(line, "archive/zip %s", paths.Text())
		if err := read(line, paths.Text()); err != nil {
			fmt.Fprintf(line, " failed: %v", err)
		}
	}
}
