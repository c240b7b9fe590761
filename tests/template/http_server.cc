#include "tests/template/http_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace lodge {
namespace {

void send_all(int connection, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return;
        bytes.remove_prefix(static_cast<size_t>(sent));
    }
}

}  // namespace

HttpServer::HttpServer() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket_.get(), any, size) != 0 || ::listen(socket_.get(), 16) != 0 ||
        ::getsockname(socket_.get(), any, &size) != 0)
        throw std::runtime_error("cannot serve on the loopback");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
}

HttpServer::~HttpServer() {
    ending_ = true;
    ::shutdown(socket_.get(), SHUT_RDWR);
    thread_.join();
}

void HttpServer::put(const std::string& path, Answer answer) {
    const std::lock_guard guard(lock_);
    answers_[path] = std::move(answer);
}

void HttpServer::put_folder(const std::string& folder) {
    for (const auto& one : std::filesystem::recursive_directory_iterator(folder)) {
        if (!one.is_regular_file()) continue;
        std::ifstream file(one.path(), std::ios::binary);
        put("/" + one.path().lexically_relative(folder).string(),
            {{std::istreambuf_iterator<char>(file), {}}});
    }
}

void HttpServer::cut(size_t bytes, int times) {
    const std::lock_guard guard(lock_);
    cut_ = bytes;
    cuts_ = times;
}

std::vector<std::string> HttpServer::requests() const {
    const std::lock_guard guard(lock_);
    return requests_;
}

void HttpServer::serve() {
    while (!ending_) {
        const Fd connection(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (connection) answer(connection.get());
    }
}

void HttpServer::answer(int connection) {
    std::string request;
    char piece[4096];
    while (request.find("\r\n\r\n") == std::string::npos) {
        pollfd ready{connection, POLLIN, 0};
        if (::poll(&ready, 1, 10000) <= 0) return;
        const ssize_t got = ::recv(connection, piece, sizeof piece, 0);
        if (got <= 0) return;
        request.append(piece, static_cast<size_t>(got));
    }
    const auto space = request.find(' ');
    const std::string verb = request.substr(0, space);
    const std::string path = request.substr(space + 1, request.find(' ', space + 1) - space - 1);
    size_t from = 0;
    for (const char* name : {"Range: bytes=", "range: bytes="})
        if (const auto at = request.find(name); at != std::string::npos && !ignore_ranges_)
            from = std::stoul(request.substr(at + 13));
    const std::lock_guard guard(lock_);
    requests_.push_back(verb + " " + path + (from > 0 ? " from " + std::to_string(from) : ""));
    const auto found = answers_.find(path);
    if (found == answers_.end())
        return send_all(connection,
                        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    const std::string& body = found->second.body;
    if (from > 0 && from >= body.size())
        return send_all(connection,
                        "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: "
                        "0\r\nConnection: close\r\n\r\n");
    std::string head = fmt::format(
        "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n",
        from > 0 ? "206 Partial Content" : "200 OK", found->second.type, body.size() - from);
    if (from > 0)
        head +=
            fmt::format("Content-Range: bytes {}-{}/{}\r\n", from, body.size() - 1, body.size());
    send_all(connection, head + "\r\n");
    if (verb == "HEAD") return;
    std::string_view rest = std::string_view(body).substr(from);
    if (cuts_ > 0 && rest.size() > cut_) {
        --cuts_;
        rest = rest.substr(0, cut_);
    }
    send_all(connection, rest);
}

}  // namespace lodge
