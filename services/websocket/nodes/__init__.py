"""What several websocket processes share through Redis: one stream of what is to be done, and who is online."""
