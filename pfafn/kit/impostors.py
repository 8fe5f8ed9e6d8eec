"""What a file is that was taken for another: told by its first bytes, with what to do."""

import re
from pathlib import Path

HEAD = 512  # bytes that tell what a file is
LFS = b"version https://git-lfs"
PAGE = re.compile(rb"<(!doctype|html|head|body|\?xml)", re.IGNORECASE)
BEFORE = b"\xef\xbb\xbf\xff\xfe \t\r\n"  # marks and blanks that a text may begin with
PACKED = {
    b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd",
    b"Rar!": "RAR", b"7z\xbc\xaf": "7z",
}  # fmt: skip
TAR = slice(257, 262), b"ustar"


def what_else(path: Path) -> str | None:
    """What a file of bytes is not to be, and what to do; None if it is nothing of that kind."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head.strip(b"\0 \t\r\n"):
        return "empty: fetch it again"
    if head.startswith(LFS):
        return "a Git LFS pointer, not the file: run `git lfs pull` in the repository it is of"
    text = head.replace(b"\0", b"").lstrip(BEFORE)  # UTF-16 has a zero in every letter
    if text.startswith(b"<") and PAGE.search(text):
        return (
            "a web page, not the file itself (a page to confirm, or an error such as a quota that "
            "is used up): open its address in a browser and save the file"
        )
    packed = next((kind for start, kind in PACKED.items() if head.startswith(start)), None)
    if packed or head[TAR[0]] == TAR[1]:
        return f"an archive ({packed or 'tar'}): unpack it, give what is in it"
    if all(32 <= byte < 127 or byte in b"\t\r\n" for byte in head):
        said = head.decode().strip()[:60].splitlines()[0]
        return f"a text, not the file itself; it begins with {said!r}: fetch the file"
    return None
