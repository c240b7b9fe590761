#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/fd.h"

namespace lodge {

// HttpServer is a server on the loopback for one test: answers that it was given, by path. One
// connection after the other, each for one request.
class HttpServer {
  public:
    struct Answer {
        std::string body;
        std::string type = "application/octet-stream";
    };
    HttpServer();
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    // "http://127.0.0.1:PORT"
    std::string address() const { return "http://127.0.0.1:" + std::to_string(port_); }
    int port() const { return port_; }
    void put(const std::string& path, Answer answer);
    // All files below a folder.
    void put_folder(const std::string& folder);
    // What it does wrong: ends the next `times` bodies after so many bytes; ignores Range.
    void cut(size_t bytes, int times);
    void ignore_ranges(bool ignore) { ignore_ranges_ = ignore; }
    // "GET /path" or "GET /path from 1000", as they came.
    std::vector<std::string> requests() const;

  private:
    void serve();
    void answer(int connection);

    Fd socket_;
    int port_ = 0;
    mutable std::mutex lock_;
    std::map<std::string, Answer> answers_;
    std::vector<std::string> requests_;
    size_t cut_ = 0;
    int cuts_ = 0;
    std::atomic<bool> ignore_ranges_{false}, ending_{false};
    std::thread thread_;
};

}  // namespace lodge
