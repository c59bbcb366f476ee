"""What a terminal would show: screen.py ROWS COLUMNS <OUTPUT

Goes through the output as a terminal of that size does, whose cursor is at the bottom, where a shell's is. What was drawn
last, and so stays, is left out. Prints "lost: TEXT" for each line that scrolled off, which can't be drawn over, and
"shown: TEXT" for each one that ever stood on the screen when something was drawn over it.
"""
import re
import sys
import unicodedata

rows, columns = int(sys.argv[1]), int(sys.argv[2])
output = sys.stdin.buffer.read().decode(errors="replace")
output = output[:output.rindex("\x1b[J")]
screen = [[] for _ in range(rows)]
row, column, wraps = rows - 1, 0, True
shown = {}


def text_of(line):
    return "".join(line).rstrip()


def next_row():
    global row
    row += 1
    if row == rows:
        row -= 1
        lost = text_of(screen.pop(0))
        screen.append([])
        if lost:
            print(f"lost: {lost}")


def put(character):
    global column
    width = 2 if unicodedata.east_asian_width(character) in "WF" else 1
    if column + width > columns:
        if wraps:
            next_row()
            column = 0
        else:
            column = columns - width
    line = screen[row]
    line.extend([" "] * (column + width - len(line)))
    line[column:column + width] = [character] + [""] * (width - 1)
    column += width


for piece in re.findall(r"\x1b\[\??[0-9]*[A-Za-z]|.", output, re.DOTALL):
    if piece == "\r":
        column = 0
    elif piece == "\n":
        next_row()
    elif piece == "\x1b[?7l" or piece == "\x1b[?7h":
        wraps = piece[-1] == "h"
    elif piece == "\x1b[J":
        screen[row] = screen[row][:column]
        screen[row + 1:] = [[] for _ in screen[row + 1:]]
    elif piece.startswith("\x1b[") and piece.endswith("A"):
        for line in screen:
            shown[text_of(line)] = True
        row = max(0, row - int(piece[2:-1]))
    elif not piece.startswith("\x1b"):
        put(piece)
for text in shown:
    print(f"shown: {text}")
