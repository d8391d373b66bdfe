"""What `make run` shows."""

import sys


class Screen:
    """The running step: redrawn in a terminal, a line at its end elsewhere."""

    def __init__(self):
        self.live = sys.stdout.isatty()
        self.drawn = False

    def show(self, line):
        if self.live:
            print("\r\x1b[K" + line, end="", flush=True)
            self.drawn = True

    def settle(self, line):
        print(("\r\x1b[K" if self.drawn else "") + line, flush=True)
        self.drawn = False


def bar(share, width=20):
    return f"[{'#' * round(share * width):.<{width}}]"
