# SPDX-License-Identifier: Apache-2.0
"""Conversations with an agent: what the database and the session files of a home are full of."""
import json

MODELS = ("hermes-4-405b", "hermes-4-70b", "qwen3-coder", "deepseek-v3.1", "glm-4.6")
PLATFORMS = ("cli", "telegram", "discord", "slack", "cron")
TOOLS = ("terminal", "read_file", "write_file", "search_files", "web_search", "web_extract",
         "browser_snapshot", "vision_analyze", "execute_code", "todo", "memory")
BASE_TIME = 1_700_000_000  # nothing is younger than a year after it


def path(text):
    return "/home/user/" + "/".join(text.words(text.rng.randint(1, 4))) + text.rng.choice(
        (".py", ".md", ".json", ".ts", ".txt", ".yaml"))


def listing(text, size):
    rows = []
    while size > 0:
        row = (f"-rw-r--r-- 1 user user {text.rng.randint(20, 400_000):>8} "
               f"{text.hex(20)} {path(text)}")
        rows.append(row)
        size -= len(row)
    return "\n".join(rows)


def search_hits(text, size):
    rows = []
    while size > 0:
        row = f"{path(text)}:{text.rng.randint(1, 2000)}: {text.prose(60)}"
        rows.append(row)
        size -= len(row)
    return "\n".join(rows)


def tool_output(text, size):
    """What a tool answers: text mostly; listings with hashes, search results, encoded pictures."""
    draw = text.rng.random()
    if draw < 0.54:
        body = text.prose(size)
    elif draw < 0.65:
        body = listing(text, size)
    elif draw < 0.86:
        body = search_hits(text, size)
    else:
        body = "data:image/png;base64," + text.base64(size * 3 // 4)
    return json.dumps({"output": body, "exit_code": 0 if text.rng.random() < 0.9 else 1})


class Conversation:
    """Messages as they follow one another; `size` of them is what their texts take, about."""

    def __init__(self, text, start):
        self.text, self.time, self.pending = text, start, None

    def next(self):
        self.time += self.text.rng.uniform(0.5, 40.0)
        if self.pending is not None:
            return self.answer()
        return self.call() if self.text.rng.random() < 0.55 else self.talk()

    def row(self, role, content, **more):
        return {"role": role, "content": content, "timestamp": round(self.time, 6), **more}

    def talk(self):
        text = self.text
        if text.rng.random() < 0.4:
            return self.row("user", text.prose(min(4000, int(text.rng.expovariate(1 / 220)) + 8)))
        size = min(12_000, int(text.rng.expovariate(1 / 1300)) + 40)
        return self.row("assistant", text.prose(size), finish_reason="stop",
                        reasoning=text.prose(size // 3))

    def call(self):
        text = self.text
        name = text.rng.choice(TOOLS)
        arguments = json.dumps({"path": path(text), "query": text.prose(text.rng.randint(10, 160))})
        self.pending = (f"call_{text.hex(12)}", name)
        call = {"id": self.pending[0], "type": "function",
                "function": {"name": name, "arguments": arguments}}
        return self.row("assistant", text.prose(text.rng.randint(1, 200)), tool_calls=[call],
                        finish_reason="tool_calls")

    def answer(self):
        (identity, name), self.pending = self.pending, None
        size = min(40_000, int(self.text.rng.lognormvariate(7.2, 1.0)) + 20)
        return self.row("tool", tool_output(self.text, size), tool_call_id=identity, tool_name=name)


def session_document(text, size, start):
    """A session file of about `size` bytes."""
    talk = Conversation(text, start)
    messages, used = [], 700
    while used < size:
        message = talk.next()
        messages.append(message)
        used += len(message["content"]) + len(message.get("reasoning", "")) + 190
    head = {"session_id": f"{int(start)}_{text.hex(3)}", "model": text.rng.choice(MODELS),
            "platform": text.rng.choice(PLATFORMS), "session_start": start,
            "last_updated": talk.time, "system_prompt": text.prose(500),
            "message_count": len(messages)}
    rows = ",\n".join("    " + json.dumps(message) for message in messages)
    return json.dumps(head, indent=2)[:-2] + ',\n  "messages": [\n' + rows + "\n  ]\n}\n"
