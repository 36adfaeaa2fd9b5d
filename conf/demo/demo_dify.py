#!/usr/bin/env python3
"""A Dify to try opendify with: one chat app that tells what it was asked,
word by word. Needs nothing but Python. demo_dify.py [PORT [ADDRESS]]; with
port 0 or none a free one is taken. The first line of output is the base URL."""

import json
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORD_SECONDS = 0.04

lock = threading.Lock()
turns = {}        # conversation id -> number of turns
stopped = set()   # task ids


def answer_words(query, turn):
    question = " ".join(query.split())
    if len(question) > 200:
        question = question[:200] + "..."
    text = (f'You asked: "{question}" This is the demo Dify. It knows no '
            f"answers, but it streams them as a real one does, and it "
            f"remembers: this was question {turn} of our conversation.")
    words = text.split(" ")
    return [word + " " for word in words[:-1]] + words[-1:]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def error(self, status, code, message):
        self.reply(status, {"code": code, "message": message,
                            "status": status})

    def authorized(self):
        if self.headers.get("Authorization", "").startswith("Bearer app-"):
            return True
        self.error(401, "unauthorized", "Access token is invalid")
        return False

    def do_GET(self):
        if not self.authorized():
            return
        path = self.path.split("?")[0]
        if path == "/v1/info":
            self.reply(200, {"name": "demo", "description": "", "tags": [],
                             "mode": "chat", "author_name": "opendify"})
        elif path == "/v1/messages":
            self.reply(200, {"limit": 1, "has_more": False, "data": []})
        else:
            self.error(404, "not_found", "Not found.")

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if not self.authorized():
            return
        parts = self.path.split("/")
        if self.path == "/v1/chat-messages":
            self.chat(json.loads(body))
        elif len(parts) == 5 and parts[2] == "chat-messages":
            with lock:
                stopped.add(parts[3])
            self.reply(200, {"result": "success"})
        else:
            self.error(404, "not_found", "Not found.")

    def chat(self, request):
        conversation = request.get("conversation_id") or ""
        with lock:
            if conversation and conversation not in turns:
                conversation = None
            else:
                conversation = conversation or str(uuid.uuid4())
                turns[conversation] = turns.get(conversation, 0) + 1
        if conversation is None:
            self.error(404, "not_found", "Conversation Not Exists.")
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.stream(request.get("query", ""), conversation)

    def stream(self, query, conversation):
        message, task = str(uuid.uuid4()), str(uuid.uuid4())
        head = {"conversation_id": conversation, "message_id": message,
                "created_at": int(time.time()), "task_id": task,
                "id": message}
        words = 0
        for word in answer_words(query, turns[conversation]):
            with lock:
                if task in stopped:
                    break
            self.event({"event": "message", **head, "answer": word})
            words += 1
            time.sleep(WORD_SECONDS)
        prompt = len(query.split())
        usage = {"prompt_tokens": prompt, "completion_tokens": words,
                 "total_tokens": prompt + words}
        self.event({"event": "message_end", **head,
                    "metadata": {"usage": usage, "retriever_resources": []},
                    "files": None})
        self.wfile.write(b"0\r\n\r\n")

    def event(self, value):
        data = f"data: {json.dumps(value)}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    address = sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1"
    server = Server((address, port), Handler)
    print(f"http://{address}:{server.server_address[1]}/v1", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
