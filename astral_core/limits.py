"""Limits of the Bot API, as its documentation states them.

Lengths of texts are in UTF-16 units without the tags, as `text_length` counts them.
"""

from __future__ import annotations

TEXT = 4096  # of a message
CAPTION = 1024  # below a file
ANSWER = 200  # to the press of a button
BUTTON_DATA = 64  # bytes
BUTTONS = 100  # below one message
ROW = 8  # buttons in a row
KEYBOARD_BUTTONS = 300  # below a chat
COPIED = 256  # characters that a button copies
PLACEHOLDER = 64  # characters in the empty text field
ALBUM_LEAST, ALBUM_MOST = 2, 10  # pieces of an album
PAYLOAD = 128  # bytes of an invoice's payload

PHOTO_BYTES = 10 * 2**20
FILE_BYTES = 50 * 2**20  # of an upload of any other kind
STICKER_BYTES = 512 * 2**10
THUMBNAIL_BYTES = 200 * 1000
DOWNLOAD_BYTES = 20 * 2**20  # of a file that a bot may download

STORED_BYTES = 256 * 2**20  # of the files of one message: the limit of the outbox, which keeps them
