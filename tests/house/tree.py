"""tree: the files that the rules look at, and C with its comments and texts taken out."""

import pathlib
import re
import subprocess

# What builds and stacks leave in a tree that git does not know.
SKIPPED_FOLDERS = ("build", ".git", ".local", "__pycache__")


class Tree:
    """The files of one source tree; paths are relative and written with slashes."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.paths = sorted(_paths_by_git(self.root) or _paths_by_walk(self.root))

    def text(self, path):
        """The file's text, or None for bytes that are no text."""
        data = (self.root / path).read_bytes()
        if b"\0" in data:
            return None
        return data.decode("utf-8", errors="replace")

    def size(self, path):
        return (self.root / path).stat().st_size

    def under(self, folders, suffixes):
        return [p for p in self.paths if p.startswith(folders) and p.endswith(suffixes)]


def _paths_by_git(root):
    """What is tracked, or would be. Nothing when this is no working tree of git, or no git."""
    try:
        if not (root / ".git").exists():
            return []
        command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        return []
    return [p for p in set(listed.split("\0")) if p and (root / p).is_file()]


def _paths_by_walk(root):
    found = []
    for path in root.rglob("*"):
        relative = path.relative_to(root)
        if path.is_file() and not any(part.startswith(SKIPPED_FOLDERS) for part in relative.parts[:-1]):
            found.append(relative.as_posix())
    return found


_COMMENT = r"//[^\n]*|/\*.*?\*/"
_LITERAL = r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
_COMMENT_OR_LITERAL = re.compile(f"{_COMMENT}|{_LITERAL}", re.DOTALL)


def _blank(match):
    """As many lines as before, so that places stay right."""
    return " " + "\n" * match.group().count("\n")


def without_comments(c_text):
    """C without comments; texts in quotes stay."""
    return _COMMENT_OR_LITERAL.sub(lambda m: m.group() if m.group()[0] in "\"'" else _blank(m), c_text)


def without_comments_and_literals(c_text):
    return _COMMENT_OR_LITERAL.sub(_blank, c_text)
