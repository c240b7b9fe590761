#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace lodge {

// Download is a file of some server and where it goes.
struct Download {
    std::string url;     // http or https
    std::string path;    // appears there only when it is whole and its sum is right
    std::string sha256;  // "" when nobody says
    int64_t size = 0;    // bytes; 0 when nobody says
};

// Where the bytes lie until then: a hidden file beside the path. Another try goes on from there.
std::string partial_path(const std::string& path);

// Fetches the file. What came stays when it breaks off, so that the next try goes on, or begins
// anew when the server cannot go on or the sum is wrong. `told` hears the bytes that are there, of
// how many (0: not known), and throws to stop. Returns the SHA-256 of the file. Throws
// Error(Exit::refused) for a wrong sum, Exit::missing where there is no space or no libcurl.
std::string download_file(const Download& download,
                          const std::function<void(int64_t done, int64_t total)>& told);

// A text of a server, at most `most` bytes. `found` false: the server has none such (404 or 403),
// and the text is "". Throws Error for anything else.
std::string fetch_text(const std::string& url, size_t most, bool& found,
                       const std::function<void()>& check);

}  // namespace lodge
