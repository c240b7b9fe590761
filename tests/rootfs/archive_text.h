#pragma once

#include <string>

namespace lodge {

// A tar archive made of a text, one member a line:
//   folder|file|link|hard|fifo|socket|char|block PATH [TARGET | MAJOR:MINOR] [key=value]…
// keys: mode (octal) uid gid time text size (zeros) hole (bytes of a hole before the text)
//   xattr NAME:hex… acl (as libarchive writes it). %XX in a path or a text is that byte.
// Before them, if wished: "format pax|gnutar|ustar", "compress none|gzip|xz|zstd",
//   "cut BYTES" (off the end of what was made).
std::string archive_of_text(const std::string& text);

// What is in the folder, one line each, sorted: kind, mode, uid:gid, path and what it holds.
std::string tree_text(const std::string& folder);

}  // namespace lodge
