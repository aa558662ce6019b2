"""As much of HTTP/1.1 as a load generator and a stand-in server need: where the first message of a buffer ends."""

from __future__ import annotations

import re

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_LAST_CHUNK = b"0\r\n\r\n"


def end_of_head(buffer: bytearray) -> int:
    """Where the head of the first message ends and its body begins; -1 while the head is not whole."""
    end = buffer.find(b"\r\n\r\n")
    return -1 if end < 0 else end + 4


def end_of_message(buffer: bytearray) -> int:
    """Where the first message ends; -1 while it is not whole. Without a length there is no body."""
    body = end_of_head(buffer)
    if body < 0:
        return -1
    length = _LENGTH.search(buffer, 0, body)
    if length is not None:
        end = body + int(length[1])
        return end if len(buffer) >= end else -1
    if _CHUNKED.search(buffer, 0, body):
        last = buffer.find(_LAST_CHUNK, body)
        return -1 if last < 0 else last + len(_LAST_CHUNK)
    return body
