#include "tui/pane/serial_pane.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/error.h"
#include "engine/process.h"
#include "engine/text.h"
#include "engine/units.h"
#include "engine/vm/scrollback.h"
#include "engine/vm/vm.h"
#include "tui/pane/serial_advice.h"

namespace lodge {
namespace {

using std::chrono::milliseconds;

constexpr int64_t most_replayed = 256 << 10;
// What is said faster than it can be shown: of more than the one, the other stays.
constexpr size_t most_waiting = 1 << 20, kept_waiting = 128 << 10;
constexpr auto flood_pause = milliseconds(4);
constexpr size_t most_unsent = 1 << 16;
constexpr Size usual{80, 24};
// QEMU puts this between the lives of a guest; what one of them left switched on ends there.
constexpr std::string_view life = "\n[started ";
constexpr std::string_view fresh = "\x18\x1b[?1049l\x1b[?1000;1002;1003;1004;2004l\x1b[!p\x1b[m";

// From the first whole line on.
void cut_to_line(std::string& bytes) {
    const size_t newline = bytes.find('\n');
    if (newline != std::string::npos) bytes.erase(0, newline + 1);
}

// Whether the guest itself said something: the log's line of its start is Lodge's.
bool has_words(std::string_view bytes) {
    const auto lines = split(bytes, '\n');
    return std::any_of(lines.begin(), lines.end(), [](const std::string& line) {
        return !line.starts_with("[started ") && line.find_first_not_of(" \r\t") != line.npos;
    });
}

}  // namespace

SerialPane::SerialPane(Loop& loop, Engine& engine, int id, int port,
                       std::function<void()> on_change)
    : loop_(loop),
      engine_(engine),
      id_(id),
      port_(port),
      name_("serial" + std::to_string(port)),
      run_(guest_run_folder(engine.host, id)),
      log_(guest_log_folder(engine.host, id) + "/" + name_ + ".log"),
      on_change_(std::move(on_change)),
      pane_(usual),
      watch_(loop, engine.host, id, [this] { look(); }) {
    try {
        take_old(read_scrollback(log_, shown_, most_replayed));
    } catch (const Error& error) {
        take(printable(error.what()));  // who may not read the log
    }
    look();
    ready_ = true;
}

SerialPane::~SerialPane() = default;

void SerialPane::say(State state, std::string words) {
    if (state == state_ && words == status_) return;
    state_ = state;
    status_ = printable(words);
    if (ready_) on_change_();
}

void SerialPane::type(bool on) {
    if (types_ == on) return;
    types_ = on;
    detach();
    look();
}

bool SerialPane::find_port() {
    try {
        guest_ = load_guest(engine_, id_);
    } catch (const Error& error) {
        detach();
        say(State::gone, error.what());
        return false;
    }
    advice_ = port_advice(*guest_, port_);
    if (!advice_.empty()) {
        detach();
        say(State::no_port, fmt::format("{} has no console here", guest_words(*guest_)));
        return false;
    }
    return true;
}

void SerialPane::look() {
    if (console_ && !console_->closed() && state_ == State::attached) return;
    if (!find_port()) return;
    const std::string who = guest_words(*guest_);
    const auto process = vm_process(engine_.host, id_);
    end_.cancel();
    process_ = process ? open_process(engine_.host, *process) : Fd();
    if (!process_) {
        detach();
        return say(State::stopped, who + " is not running; attaches when it starts");
    }
    // Also while it starts: one that fails to is then told.
    end_ = loop_.on_end(process_.get(), [this] {
        end_.cancel();
        if (console_) console_->catch_up();
        detach();
        ended_ = true;
        wait_turn();
        watch_.look_soon();
    });
    if (!engine_.host.exists(run_ + "/" + name_)) {
        detach();
        return say(
            State::starting,
            fmt::format("{} has no {} yet: it is starting, or else stop and start it", who, name_));
    }
    attach();
}

void SerialPane::attach() {
    const std::string who = guest_words(*guest_), socket = run_ + "/" + name_;
    try {
        if (types_ && !hold_) hold_.emplace(engine_.host, socket + ".lock");
        if (types_ && !hold_->take()) {
            if (!console_) listen("");
            return say(State::taken, fmt::format("{} of {} is held by {}: you look on until it is "
                                                 "free",
                                                 name_, who, hold_->holder()));
        }
        listen(types_ ? socket : "");
    } catch (const Error& error) {
        // A guest that starts listens a little later; one that ends takes its sockets along.
        console_.reset();
        watch_.look_later();
        return say(State::starting, error.what());
    }
    say(State::attached, types_ ? fmt::format("{} of {}", name_, who)
                                : fmt::format("{} of {}: looking on", name_, who));
}

// What was said while nobody was attached is old: its questions are not answered any more.
void SerialPane::listen(const std::string& socket) {
    if (console_) shown_ = console_->shown();
    console_.reset();
    take_old(read_scrollback(log_, shown_, most_replayed));
    console_ = std::make_unique<SerialConsole>(
        loop_, SerialConsole::Ends{socket, log_, shown_},
        [this](std::string_view bytes) { take(bytes); }, [this] { watch_.look_soon(); });
}

void SerialPane::detach() {
    hold_.reset();
    if (!console_) return;
    shown_ = console_->shown();
    console_.reset();
}

void SerialPane::take_old(std::string bytes) {
    if (bytes.empty()) return;
    if (shown_ > static_cast<int64_t>(bytes.size()) && pane_.most_offset() == 0) cut_to_line(bytes);
    heard_ = heard_ || has_words(bytes);
    for (size_t at = 0; (at = bytes.find(life, at)) != std::string::npos;
         at += life.size() + fresh.size())
        bytes.insert(at + 1, fresh);
    waiting_ += bytes;
    old_ = waiting_.size();
    wait_turn();
}

void SerialPane::take(std::string_view bytes) {
    heard_ = heard_ || has_words(bytes);
    waiting_ += bytes;
    if (waiting_.size() > most_waiting) {
        waiting_.erase(0, waiting_.size() - kept_waiting);
        cut_to_line(waiting_);
        waiting_.insert(0, fresh);
        old_ = 0;
    }
    wait_turn();
}

void SerialPane::wait_turn(milliseconds pause) {
    if (!turn_) turn_ = loop_.after(pause, milliseconds(0), [this] { turn(); });
}

// A piece at a time, so that a guest that floods its console does not keep the keys waiting.
void SerialPane::turn() {
    turn_.cancel();
    const size_t count = std::min(TerminalPane::per_turn, waiting_.size());
    const size_t old = std::min(old_, count);
    pane_.replay(std::string_view(waiting_).substr(0, old));
    pane_.feed(std::string_view(waiting_).substr(old, count - old));
    waiting_.erase(0, count);
    old_ -= old;
    if (const std::string answers = pane_.take_answers(); types_) send(answers);
    // Of a flood no more than about half a processor; old words are read at once.
    if (!waiting_.empty())
        wait_turn(old_ > 0 ? milliseconds(0) : flood_pause);
    else if (std::exchange(ended_, false))
        pane_.forget_modes();
    // Old words are shown when they are complete.
    if (old_ == 0) on_change_();
}

void SerialPane::send(std::string_view bytes) {
    if (!console_ || state_ != State::attached || !types_ || bytes.empty()) return;
    if (console_->unsent() + bytes.size() <= most_unsent) console_->write(bytes);
}

void SerialPane::write(const Key& key) {
    const std::string bytes = pane_.key(key);
    send(bytes);
    if (pane_.changed()) on_change_();
}

void SerialPane::tell_size() {
    send(fmt::format("stty rows {} cols {}\r", pane_.size().height, pane_.size().width));
}

void SerialPane::draw(const Area& area) {
    const int rows = area.height() > 2 ? area.height() - 1 : area.height();
    const Area body = area.rows(0, rows);
    if (state_ == State::no_port && !heard_) {
        body.fill({});
        for (int y = 0; y < static_cast<int>(advice_.size()); ++y)
            body.put(1, y + 1, advice_[static_cast<size_t>(y)]);
    } else {
        pane_.draw(body);
        if (state_ == State::attached && !heard_) {
            int y = 2;
            body.put(1, y++,
                     "It has said nothing here yet. When Enter brings no prompt:", Role::dim);
            for (const std::string& line : login_advice(*guest_, port_))
                body.put(1, y++, line, Role::dim);
        }
    }
    if (rows == area.height()) return;
    const Area line = area.row(rows);
    line.fill(Role::dim);
    std::string words = status_;
    if (pane_.offset() > 0) words = fmt::format("{} lines back | {}", pane_.offset(), words);
    line.put(0, 0, words, bad_news() ? Role::warning : Role::dim);
}

}  // namespace lodge
