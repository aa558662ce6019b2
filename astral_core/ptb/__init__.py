"""Bots that were written for python-telegram-bot, as they are, inside a plugin.

`guest.py` is such a bot as the core sees it. `application.py` is the Application that its handlers are added to;
`run.py` hands it an update, `data.py` has the data of one row, `conversations.py` and `jobs.py` keep conversations
and jobs, and `store.py` is where all of it is. `updates.py` knows which kinds of update a handler can take.
"""
