#include "engine/template/download.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <memory>
#include <optional>
#include <vector>

#include "engine/error.h"
#include "engine/fd.h"
#include "engine/storage/image.h"
#include "engine/storage/volume_files.h"
#include "engine/template/sum.h"
#include "engine/units.h"

namespace lodge {
namespace {

constexpr int tries = 4;
constexpr long connect_seconds = 30, silent_seconds = 60;

// Transfer is one request. What its callbacks throw is carried over libcurl, which is C.
class Transfer {
  public:
    explicit Transfer(const std::string& url) : handle_(curl_easy_init()), url_(url) {
        if (!handle_) fail(Exit::failed, "cannot fetch {}: libcurl does not start", printable(url));
        CURL* curl = handle_.get();
        curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
        curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 10L);
        curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, connect_seconds);
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, silent_seconds);
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "lodge/" LODGE_VERSION);
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, words_);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
        curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, watch);
        curl_easy_setopt(curl, CURLOPT_XFERINFODATA, this);
        curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    }
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;

    // Gets the next bytes; may throw.
    std::function<void(const char*, size_t)> taken;
    // Asked several times a second, with what is still to come; may throw.
    std::function<void(int64_t to_come)> watched;

    void begin_at(int64_t offset) {
        curl_easy_setopt(handle_.get(), CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(offset));
    }
    void accept_packed() { curl_easy_setopt(handle_.get(), CURLOPT_ACCEPT_ENCODING, ""); }
    CURLcode run() {
        const CURLcode result = curl_easy_perform(handle_.get());
        if (trouble_) std::rethrow_exception(trouble_);
        return result;
    }
    long status() const {
        long code = 0;
        curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &code);
        return code;
    }
    std::string words(CURLcode result) const {
        return printable(words_[0] != '\0' ? words_ : curl_easy_strerror(result));
    }

  private:
    static size_t take(char* bytes, size_t size, size_t count, void* self) {
        auto* own = static_cast<Transfer*>(self);
        try {
            own->taken(bytes, size * count);
            return size * count;
        } catch (...) {
            own->trouble_ = std::current_exception();
            return CURL_WRITEFUNC_ERROR;
        }
    }
    static int watch(void* self, curl_off_t total, curl_off_t, curl_off_t, curl_off_t) {
        auto* own = static_cast<Transfer*>(self);
        try {
            if (own->watched) own->watched(total);
            return 0;
        } catch (...) {
            own->trouble_ = std::current_exception();
            return 1;
        }
    }

    std::unique_ptr<CURL, Owned<curl_easy_cleanup>> handle_;
    std::string url_;
    char words_[CURL_ERROR_SIZE] = {};
    std::exception_ptr trouble_;
};

// Whether another try may help.
bool is_passing(CURLcode result, long status) {
    switch (result) {
        case CURLE_COULDNT_CONNECT:
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_OPERATION_TIMEDOUT:
        case CURLE_PARTIAL_FILE:
        case CURLE_GOT_NOTHING:
        case CURLE_RECV_ERROR:
        case CURLE_SEND_ERROR:
        case CURLE_HTTP2:
        case CURLE_HTTP2_STREAM:
            return true;
        default:
            return result == CURLE_HTTP_RETURNED_ERROR && (status >= 500 || status == 429);
    }
}

[[noreturn]] void fail_fetch(const std::string& url, const std::string& why) {
    fail(Exit::failed, "cannot fetch {}: {}", printable(url), why);
}

// Partial is the file in which the bytes collect, with the sum of those that are there.
class Partial {
  public:
    explicit Partial(const Download& download)
        : download_(download), path_(partial_path(download.path)) {
        file_.reset(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
        if (!file_) fail_errno(errno, "cannot make " + printable(path_));
        read_what_is_there();
    }

    int64_t size() const { return size_; }
    void add(const char* bytes, size_t count) {
        if (download_.size > 0 && size_ + static_cast<int64_t>(count) > download_.size)
            fail(Exit::refused,
                 "cannot fetch {}: the server sends more than the {} bytes that it "
                 "announced",
                 printable(download_.url), download_.size);
        sum_->add(bytes, count);
        while (count > 0) {
            const ssize_t wrote = ::pwrite(file_.get(), bytes, count, size_);
            if (wrote < 0 && errno == EINTR) continue;
            if (wrote < 0 && (errno == ENOSPC || errno == EDQUOT))
                fail(Exit::missing, "cannot fetch {}: {} is full ({} left)",
                     printable(download_.url), printable(parent_of(path_)),
                     short_size(space_of(parent_of(path_)).available));
            if (wrote < 0) fail_errno(errno, "cannot write " + printable(path_));
            size_ += wrote;
            bytes += wrote;
            count -= static_cast<size_t>(wrote);
        }
    }
    void start_over() {
        if (::ftruncate(file_.get(), 0) != 0) fail_errno(errno, "cannot write " + printable(path_));
        size_ = 0;
        sum_.emplace();
    }
    // The sum; the file takes its name when it is the right one.
    std::string finish() {
        const std::string sum = sum_->hex();
        if (!download_.sha256.empty() && sum != download_.sha256) return sum;
        sync_file(path_, "keep " + printable(path_));
        if (::rename(path_.c_str(), download_.path.c_str()) != 0)
            fail_errno(errno, "cannot make " + printable(download_.path));
        const Fd folder(::open(parent_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!folder || ::fsync(folder.get()) != 0)
            fail_errno(errno, "cannot keep " + printable(download_.path));
        return sum;
    }

  private:
    void read_what_is_there() {
        sum_.emplace();
        std::vector<char> piece(1u << 20);
        for (;;) {
            const ssize_t got = ::pread(file_.get(), piece.data(), piece.size(), size_);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) fail_errno(errno, "cannot read " + printable(path_));
            if (got == 0) break;
            sum_->add(piece.data(), static_cast<size_t>(got));
            size_ += got;
        }
        if (download_.size > 0 && size_ > download_.size) start_over();
    }

    const Download& download_;
    std::string path_;
    Fd file_;
    int64_t size_ = 0;
    std::optional<Sum> sum_;
};

// One request for what is missing. True when all is there; false when another try may help.
bool fetch_rest(const Download& download, Partial& partial,
                const std::function<void(int64_t, int64_t)>& told, std::string& why) {
    const int64_t before = partial.size();
    Transfer transfer(download.url);
    transfer.begin_at(before);
    transfer.taken = [&](const char* bytes, size_t count) {
        // The bytes of an answer that is no part of the file are the file from its beginning.
        if (before > 0 && partial.size() == before && transfer.status() == 200)
            partial.start_over();
        partial.add(bytes, count);
    };
    transfer.watched = [&](int64_t to_come) {
        told(partial.size(), download.size > 0 ? download.size
                             : to_come > 0     ? before + to_come
                                               : 0);
    };
    const CURLcode result = transfer.run();
    if (result == CURLE_OK) return true;
    why = transfer.words(result);
    const long status = transfer.status();
    // The server cannot go on in the middle: from the beginning.
    if (before > 0 && (result == CURLE_RANGE_ERROR || result == CURLE_HTTP_RANGE_ERROR ||
                       result == CURLE_BAD_DOWNLOAD_RESUME || status == 416)) {
        partial.start_over();
        return false;
    }
    if (!is_passing(result, status)) fail_fetch(download.url, why);
    return false;
}

}  // namespace

std::string partial_path(const std::string& path) {
    const auto slash = path.rfind('/');
    return path.substr(0, slash + 1) + "." + path.substr(slash + 1) + ".part";
}

std::string download_file(const Download& download,
                          const std::function<void(int64_t, int64_t)>& told) {
    Partial partial(download);
    for (bool resumed = partial.size() > 0;; resumed = false) {
        std::string why;
        bool whole = download.size > 0 && partial.size() == download.size;
        for (int attempt = 0; !whole && attempt < tries; ++attempt)
            whole = fetch_rest(download, partial, told, why) &&
                    (download.size == 0 || partial.size() == download.size);
        if (!whole)
            fail_fetch(download.url, fmt::format("{} ({} are there; the next try goes on)",
                                                 why.empty() ? "it ends too early" : why,
                                                 short_size(partial.size())));
        const std::string sum = partial.finish();
        if (download.sha256.empty() || sum == download.sha256) return sum;
        // What an earlier try left may be of another file, or spoilt: once from the beginning.
        partial.start_over();
        if (!resumed)
            fail(Exit::refused,
                 "cannot take {}: its SHA-256 is {}, not {} as the server's index says",
                 printable(download.url), sum, download.sha256);
    }
}

std::string fetch_text(const std::string& url, size_t most, bool& found,
                       const std::function<void()>& check) {
    std::string why;
    for (int attempt = 0; attempt < tries; ++attempt) {
        std::string text;
        Transfer transfer(url);
        // Indexes are long and pack well; whatever the packing, the text is bounded.
        transfer.accept_packed();
        transfer.taken = [&](const char* bytes, size_t count) {
            if (text.size() + count > most)
                fail(Exit::refused, "cannot fetch {}: it is longer than {}", printable(url),
                     short_size(static_cast<int64_t>(most)));
            text.append(bytes, count);
        };
        transfer.watched = [&](int64_t) { check(); };
        const CURLcode result = transfer.run();
        found = result == CURLE_OK;
        if (found) return text;
        const long status = transfer.status();
        if (result == CURLE_HTTP_RETURNED_ERROR && (status == 404 || status == 403)) return "";
        why = transfer.words(result);
        if (!is_passing(result, status)) break;
    }
    fail_fetch(url, why);
}

}  // namespace lodge
