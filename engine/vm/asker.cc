#include "engine/vm/asker.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "engine/error.h"
#include "engine/vm/agent_answers.h"
#include "engine/vm/qmp.h"

namespace lodge {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// What one answer may take. A guest's list of interfaces is some kilobytes.
constexpr size_t most_bytes = 1 << 20;
// Figures of a balloon that are older than this say nothing of now.
constexpr int64_t unknown_figure = -1;

// Of qom-get guest-stats (docs/interop/virtio-balloon-stats.rst of QEMU).
std::optional<int64_t> memory_used(const nlohmann::json& said) {
    if (!said.is_object() || number_in(said, "last-update") <= 0) return std::nullopt;
    const auto stats = said.find("stats");
    if (stats == said.end() || !stats->is_object()) return std::nullopt;
    const auto figure = [&](const char* name) {
        const auto found = stats->find(name);
        // One that the guest did not give is 2^64 - 1.
        if (found == stats->end() || !found->is_number_unsigned()) return unknown_figure;
        const auto value = found->get<uint64_t>();
        return value > uint64_t{1} << 60 ? unknown_figure : static_cast<int64_t>(value);
    };
    const int64_t total = figure("stat-total-memory");
    int64_t free = figure("stat-available-memory");
    if (free == unknown_figure) free = figure("stat-free-memory");
    if (total <= 0 || free == unknown_figure || free > total) return std::nullopt;
    return total - free;
}

}  // namespace

// One question on a connection of its own, on its way.
class Asker::Exchange {
  public:
    Exchange(int id, std::string path) : id_(id), path_(std::move(path)) {}
    virtual ~Exchange() = default;

    int id() const { return id_; }
    const std::string& path() const { return path_; }
    Clock::time_point sent() const { return sent_; }
    bool is_over() const { return !socket_ && !taken_back_; }

    void send() {
        const std::string words = begin();
        taken_back_ = false;
        heard_ = 0;
        sent_ = Clock::now();
        try {
            socket_ = connect_unix(path_, milliseconds(0));
            if (::send(socket_.get(), words.data(), words.size(), MSG_NOSIGNAL | MSG_DONTWAIT) !=
                static_cast<ssize_t>(words.size()))
                socket_.reset();
        } catch (const Error&) {
            socket_.reset();  // no answer, whatever the reason
        }
    }
    void take_back() {
        if (socket_) taken_back_ = true;
        socket_.reset();
    }
    // Takes what has come; is_over() when that was all or nothing more will come.
    void hear() {
        if (taken_back_) send();
        std::array<char, 16384> piece;
        while (socket_) {
            const ssize_t got = ::recv(socket_.get(), piece.data(), piece.size(), MSG_DONTWAIT);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0 && errno == EAGAIN) return;
            heard_ += static_cast<size_t>(std::max<ssize_t>(got, 0));
            bool done = got <= 0 || heard_ > most_bytes;
            try {
                if (got > 0 && take({piece.data(), static_cast<size_t>(got)})) done = true;
            } catch (const std::exception&) {
                done = true;  // it talks nonsense
            }
            if (done) socket_.reset();
        }
    }
    // Puts what was heard where it belongs; true when it is news.
    virtual bool tell(Said& said) = 0;

  protected:
    // The question; what was heard before is forgotten.
    virtual std::string begin() = 0;
    // True when all is there.
    virtual bool take(std::string_view bytes) = 0;

  private:
    int id_;
    std::string path_;
    Fd socket_;
    bool taken_back_ = false;
    size_t heard_ = 0;
    Clock::time_point sent_{};
};

// Both commands are sent before the greeting is read, so that it takes one round trip.
class Asker::MonitorExchange : public Exchange {
  public:
    // `wake`: the balloon has told nothing yet; QEMU asks it for figures only when it is told to.
    MonitorExchange(int id, const std::string& path, bool memory, bool wake)
        : Exchange(id, path), memory_(memory), wake_(wake) {}
    bool tell(Said& said) override {
        const bool news =
            !said.asked || said.status != status_ || (memory_ && said.memory_used != memory_used_);
        said.asked = true;
        said.status = status_;
        if (memory_) said.memory_used = memory_used_;
        if (memory_) said.tells_memory = has_balloon_;
        return news;
    }

  protected:
    std::string begin() override {
        stream_ = {};
        greeted_ = false;
        status_.clear();
        memory_used_.reset();
        has_balloon_ = true;
        std::string words =
            "{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"query-status\",\"id\":1}\n";
        if (memory_ && wake_)
            words +=
                "{\"execute\":\"qom-set\",\"id\":3,\"arguments\":{\"path\":"
                "\"/machine/peripheral/balloon0\",\"property\":"
                "\"guest-stats-polling-interval\",\"value\":5}}\n";
        if (memory_)
            words +=
                "{\"execute\":\"qom-get\",\"id\":2,\"arguments\":{\"path\":"
                "\"/machine/peripheral/balloon0\",\"property\":\"guest-stats\"}}\n";
        return words;
    }
    bool take(std::string_view bytes) override {
        stream_.add(bytes);
        while (const auto value = stream_.next()) {
            // Before the greeting comes what QEMU still owed to someone else.
            if (value->contains("QMP")) greeted_ = true;
            if (!greeted_) continue;
            const int64_t id = number_in(*value, "id");
            const auto answer = value->find("return");
            if (id == 1 && answer != value->end()) status_ = text_in(*answer, "status");
            if (id == 2 && answer != value->end()) memory_used_ = lodge::memory_used(*answer);
            const auto error = value->find("error");
            if (id == 2 && error != value->end())
                has_balloon_ = text_in(*error, "class") != "DeviceNotFound";
            if (id == (memory_ ? 2 : 1)) return true;
        }
        return false;
    }

  private:
    bool memory_, wake_, greeted_ = false, has_balloon_ = true;
    QmpStream stream_;
    std::string status_;
    std::optional<int64_t> memory_used_;
};

// The agent may be in the middle of another's answer: it starts afresh first, as Agent does.
class Asker::AgentExchange : public Exchange {
  public:
    AgentExchange(int id, const std::string& path) : Exchange(id, path) {}
    bool tell(Said& said) override {
        said.agent_silences = in_step_ ? 0 : said.agent_silences + 1;
        if (!told_) return false;
        said.interfaces = std::move(interfaces_);
        return true;
    }

  protected:
    std::string begin() override {
        static int64_t last_token = 1'000'000'000;
        token_ = ++last_token;
        text_.clear();
        in_step_ = told_ = false;
        return "\xff{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":" +
               std::to_string(token_) + "}}\n{\"execute\":\"guest-network-get-interfaces\"}\n";
    }
    bool take(std::string_view bytes) override {
        text_ += bytes;
        for (size_t end = 0; (end = text_.find('\n')) != std::string::npos;) {
            const auto value = agent_line(std::string_view(text_).substr(0, end));
            text_.erase(0, end + 1);
            if (!value) continue;
            if (!in_step_) {
                in_step_ = number_in(*value, "return") == token_;
                continue;
            }
            if (const auto answer = value->find("return"); answer != value->end()) {
                interfaces_ = agent_interfaces(*answer);
                told_ = true;
            }
            return true;
        }
        return false;
    }

  private:
    int64_t token_ = 0;
    std::string text_;
    bool in_step_ = false, told_ = false;
    std::vector<Agent::Interface> interfaces_;
};

std::vector<Asker*>& Asker::all() {
    static thread_local std::vector<Asker*> all;
    return all;
}

Asker::Asker(std::function<void(int)> heard) : heard_(std::move(heard)) {
    all().push_back(this);
}

Asker::~Asker() {
    std::erase(all(), this);
}

void Asker::let_go(const std::string& socket_path) {
    for (Asker* asker : all())
        for (auto& exchange : asker->open_)
            if (exchange->path() == socket_path) exchange->take_back();
}

void Asker::ask_monitor(int id, const std::string& socket_path, bool memory) {
    ask(std::make_unique<MonitorExchange>(id, socket_path, memory, !said(id).memory_used));
}

void Asker::ask_agent(int id, const std::string& socket_path) {
    ask(std::make_unique<AgentExchange>(id, socket_path));
}

void Asker::ask(std::unique_ptr<Exchange> exchange) {
    for (const auto& open : open_)
        if (open->path() == exchange->path()) return;
    exchange->send();
    open_.push_back(std::move(exchange));
    if (!timer_) take_later();
}

void Asker::take() {
    const auto now = Clock::now();
    std::vector<int> heard;
    for (auto& exchange : open_) {
        exchange->hear();
        if (!exchange->is_over() && now - exchange->sent() < longest) continue;
        if (exchange->tell(said_[exchange->id()])) heard.push_back(exchange->id());
        exchange.reset();
    }
    std::erase(open_, nullptr);
    take_later();
    for (const int id : heard)
        heard_(id);
}

// Most answer within a millisecond. Those that do not are looked at less and less often: all of
// them together wake us some five times, however many hang.
void Asker::take_later() {
    timer_.cancel();
    if (open_.empty() || !loop_) return;
    auto youngest = Clock::duration::max();
    for (const auto& exchange : open_)
        youngest = std::min(youngest, Clock::now() - exchange->sent());
    const auto age = std::chrono::duration_cast<Loop::Duration>(youngest);
    const auto pause = std::clamp<Loop::Duration>(age * 3, milliseconds(8), longest / 2);
    timer_ = loop_->after(pause, pause / 4, [this] { take(); });
}

const Asker::Said& Asker::said(int id) const {
    static const Said nothing;
    const auto found = said_.find(id);
    return found == said_.end() ? nothing : found->second;
}

void Asker::forget(int id) {
    said_.erase(id);
    std::erase_if(open_, [&](const auto& exchange) { return exchange->id() == id; });
}

}  // namespace lodge
