# SPDX-License-Identifier: Apache-2.0
"""The databases of a home: one of messages in WAL mode, with a log that was not checkpointed."""
import json
import os
import sqlite3

import messages
import words

SCHEMA = """
CREATE TABLE schema_version (version INTEGER NOT NULL);
CREATE TABLE sessions (
    id TEXT PRIMARY KEY, source TEXT NOT NULL, user_id TEXT, model TEXT, system_prompt TEXT,
    parent_session_id TEXT REFERENCES sessions(id), started_at REAL NOT NULL, ended_at REAL,
    message_count INTEGER DEFAULT 0, input_tokens INTEGER, output_tokens INTEGER, title TEXT);
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL REFERENCES sessions(id),
    role TEXT NOT NULL, content TEXT, tool_call_id TEXT, tool_calls TEXT, tool_name TEXT,
    timestamp REAL NOT NULL, token_count INTEGER, finish_reason TEXT, reasoning TEXT);
CREATE INDEX idx_messages_session ON messages(session_id, timestamp);
CREATE INDEX idx_sessions_started ON sessions(started_at DESC);
CREATE VIRTUAL TABLE messages_fts USING fts5(content, content=messages, content_rowid=id);
CREATE TRIGGER messages_fts_insert AFTER INSERT ON messages BEGIN
    INSERT INTO messages_fts(rowid, content) VALUES (new.id, new.content);
END;
INSERT INTO schema_version VALUES (11);
"""
INSERT_MESSAGE = """INSERT INTO messages (session_id, role, content, tool_call_id, tool_calls,
    tool_name, timestamp, token_count, finish_reason, reasoning) VALUES (?,?,?,?,?,?,?,?,?,?)"""
INSERT_SESSION = "INSERT INTO sessions VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"
SESSION_MESSAGES = 60  # on average
PAGES_FACTOR = 1.72  # pages with indexes, full text search and unused ends, to bytes of text
LOG_COMMITS = 4  # that were not checkpointed: about 1 MB


def message_row(session, message):
    calls = message.get("tool_calls")
    return (session, message["role"], message["content"], message.get("tool_call_id"),
            json.dumps(calls) if calls else None, message.get("tool_name"), message["timestamp"],
            len(message["content"]) // 4, message.get("finish_reason"), message.get("reasoning"))


def add_session(connection, text, start, count):
    """One session; returns the bytes of its messages."""
    session = f"{int(start)}_{text.hex(4)}"
    talk = messages.Conversation(text, start)
    rows = [message_row(session, talk.next()) for _ in range(count)]
    connection.execute(INSERT_SESSION, (
        session, text.rng.choice(messages.PLATFORMS), text.uuid(),
        text.rng.choice(messages.MODELS), text.prose(800), None, start, talk.time, count,
        text.rng.randint(1000, 90_000), text.rng.randint(100, 9000), text.prose(40)))
    connection.executemany(INSERT_MESSAGE, rows)
    return sum(len(value) for row in rows for value in row if isinstance(value, str))


def fill(connection, text, size):
    connection.execute("PRAGMA synchronous=OFF")
    connection.executescript(SCHEMA)
    start, used = float(messages.BASE_TIME), 0
    while used * PAGES_FACTOR < size:
        used += add_session(connection, text, start,
                            1 + int(text.rng.expovariate(1 / SESSION_MESSAGES)))
        start += text.rng.uniform(60, 9000)
    connection.commit()


def make(path, size, language, key, wal):
    """A database that nobody holds open: one file."""
    connection = sqlite3.connect(path)
    fill(connection, words.Text(language, key), size)
    if wal:
        connection.execute("PRAGMA journal_mode=WAL")
    connection.close()


def make_in_use(path, size, language, key):
    """
    One whose last commits are in its log alone, as while a program works with it.
    Ends the process: a connection that is closed would take the log away.
    """
    make(path, size, language, key, True)
    text = words.Text(language, key + "/log")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_autocheckpoint=0")
    for commit in range(LOG_COMMITS):
        add_session(connection, text, float(messages.BASE_TIME - 900 * commit), 10)
        connection.commit()
    os._exit(0)
