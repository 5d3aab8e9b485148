"""``python -m services.websocket``: serves the sockets with the settings of the environment."""

from services.websocket import green

if __name__ == "__main__":
    green.patch()
    from services.websocket.server import main  # not earlier: what is imported before the patch blocks every client

    main()
