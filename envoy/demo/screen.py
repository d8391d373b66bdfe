"""Output of `make run`."""

import sys


class Screen:
    """Shows the current step. In a terminal it redraws one line; otherwise it prints a line at
    the end of each step."""

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
