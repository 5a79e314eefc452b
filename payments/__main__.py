"""`python -m payments SETTINGS`: run the provider that a settings file describes until it is told to end."""

import argparse
import signal
import threading
from pathlib import Path

from payments.server import Server
from payments.service import Service
from payments.settings import Settings


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m payments", description=__doc__)
    parser.add_argument("settings", type=Path, help="JSON: port, database, api_key, webhook_secret, ...")
    service = Service(Settings.read(parser.parse_args().settings))
    server = Server(service)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    service.start()
    print(f"payments: {server.url}", flush=True)
    server.serve_forever()
    server.server_close()
    service.stop()


if __name__ == "__main__":
    main()
