#include "tui/pane/gate.h"

#include <algorithm>

#include "engine/text.h"
#include "engine/units.h"

namespace lodge {
namespace {

constexpr char bell = 0x07, cancel = 0x18, substitute = 0x1a, esc = 0x1b, del = 0x7f;
constexpr std::string_view unknown = "\xef\xbf\xbd";  // U+FFFD
constexpr size_t most_parameters = 16, most_sequence = 128, least_repeats = 4096;
constexpr long most_count = 9999, most_repeats = 256;

size_t sequence_bytes(unsigned char first) {
    if (first >= 0xc2 && first <= 0xdf) return 2;
    if (first >= 0xe0 && first <= 0xef) return 3;
    return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

// Sequences of ESC that steer a terminal. Not: "ESC %" and "ESC SP", which choose how characters
// are encoded, nor what libvterm 0.1.4 would read as the begin of another kind of sequence.
bool is_known_escape(std::string_view between, char final) {
    constexpr std::string_view alone = "78=>cDEHMNOZno|}~", lines = "34568",
                               sets = "0AB4C5RQKY=1<>";
    if (between.empty()) return alone.find(final) != alone.npos;
    if (between == "#") return lines.find(final) != lines.npos;
    return between.size() == 1 && between[0] >= '(' && between[0] <= '+' &&
           sets.find(final) != sets.npos;
}

// A sign of whose it is, numbers, intermediate bytes (ECMA-48, 5.4).
bool is_well_formed(std::string_view sequence) {
    if (!sequence.empty() && sequence[0] >= '<') sequence.remove_prefix(1);
    const size_t numbers = sequence.find_first_not_of("0123456789;:");
    return numbers == std::string_view::npos ||
           std::all_of(sequence.begin() + static_cast<ptrdiff_t>(numbers), sequence.end(),
                       [](char byte) { return byte <= '/'; });
}

// "1;99999999999;3" with each count bounded and at most `most_parameters` of them.
std::string bounded(std::string_view parameters) {
    std::string result;
    size_t count = 1;
    long value = -1;
    const auto end_value = [&] {
        if (value >= 0) result += std::to_string(value);
        value = -1;
    };
    for (const char byte : parameters) {
        if (byte >= '0' && byte <= '9') {
            value = std::min(std::max(value, 0L) * 10 + (byte - '0'), most_count);
            continue;
        }
        end_value();
        if ((byte == ';' || byte == ':') && ++count > most_parameters) return result;
        result += byte;
    }
    end_value();
    return result;
}

}  // namespace

void OutputGate::reset() {
    state_ = State::text;
    partial_.clear();
    repeated_.clear();
    title_.clear();
    wanted_ = 0;
}

void OutputGate::pass(std::string_view bytes, std::string& out) {
    // What comes out is not much more than what came in.
    repeats_ = std::max(bytes.size(), least_repeats);
    while (!bytes.empty()) {
        if (state_ == State::text && wanted_ == 0) {
            bytes.remove_prefix(plain(bytes, out));
            if (bytes.empty()) return;
        }
        const char byte = bytes.front();
        bytes.remove_prefix(1);
        switch (state_) {
            case State::text:
                text(byte, out);
                break;
            case State::escape:
                escape(byte, out);
                break;
            case State::control:
            case State::overlong:
                control(byte, out);
                break;
            case State::title:
            case State::string:
                steer(byte, out);
                break;
        }
    }
}

// What most output consists of, at once; returns its length.
size_t OutputGate::plain(std::string_view bytes, std::string& out) {
    const auto* end = std::find_if(bytes.begin(), bytes.end(),
                                   [](char byte) { return byte < ' ' || byte == del; });
    const auto length = static_cast<size_t>(end - bytes.begin());
    if (length == 0) return 0;
    out += bytes.substr(0, length);
    repeated_ = bytes[length - 1];
    return length;
}

void OutputGate::text(char byte, std::string& out) {
    const auto value = static_cast<unsigned char>(byte);
    if (wanted_ != 0) {
        if ((value & 0xc0) == 0x80) {
            partial_ += byte;
            if (partial_.size() == wanted_) character(out);
            return;
        }
        out += unknown;
        partial_.clear();
        wanted_ = 0;
    }
    if (value >= 0x80) {
        wanted_ = sequence_bytes(value);
        if (wanted_ == 0)
            out += unknown;
        else
            partial_ = byte;
    } else if (value >= ' ' && byte != del) {
        out += byte;
        repeated_ = byte;
    } else {
        if (byte != esc) repeated_.clear();
        steer(byte, out);
    }
}

void OutputGate::character(std::string& out) {
    std::string_view rest = partial_;
    const char32_t read = take_character(rest);
    const bool shown = read != no_character && !is_unsafe(read);
    repeated_ = shown ? partial_ : std::string(unknown);
    out += repeated_;
    // A mark alone is nothing to repeat: it belongs to the character before.
    if (shown && character_width(read) == 0) repeated_.clear();
    partial_.clear();
    wanted_ = 0;
}

// A control character, in text or within a sequence or string.
void OutputGate::steer(char byte, std::string& out) {
    const bool in_string = state_ == State::title || state_ == State::string;
    if (byte == esc || byte == cancel || byte == substitute) {
        if (state_ == State::title && byte == esc) end_title();
        state_ = byte == esc ? State::escape : State::text;
        partial_.clear();
        return;
    }
    if (in_string) {
        // A title has one line: behind a newline stands no title any more.
        const bool over =
            byte == bell || (state_ == State::title && (byte == '\n' || byte == '\r'));
        if (over) {
            if (byte == bell) end_title();
            state_ = State::text;
            partial_.clear();
        } else if (state_ == State::title && partial_.size() < most_title) {
            partial_ += byte;
        }
        return;
    }
    if (byte == bell) ++bells_;
    if (byte >= 0x08 && byte <= 0x0f) out += byte;  // backspace, tab, newlines, SO and SI
}

void OutputGate::escape(char byte, std::string& out) {
    if (byte < ' ' || byte == del) return steer(byte, out);
    if (partial_.empty() && byte == '[') {
        state_ = State::control;
        return;
    }
    if (partial_.empty() && byte == ']') {
        state_ = State::title;
        return;
    }
    if (partial_.empty() && (byte == 'P' || byte == 'X' || byte == '^' || byte == '_')) {
        state_ = State::string;
        return;
    }
    if (byte <= '/' && partial_.size() < 3) {  // an intermediate byte
        partial_ += byte;
        return;
    }
    if (is_known_escape(partial_, byte)) (out += esc).append(partial_) += byte;
    repeated_.clear();
    partial_.clear();
    state_ = State::text;
}

void OutputGate::control(char byte, std::string& out) {
    if (byte < ' ' || byte == del) return steer(byte, out);
    if (byte < '@') {
        if (partial_.size() < most_sequence)
            partial_ += byte;
        else
            state_ = State::overlong;
        return;
    }
    const bool whole = state_ == State::control;
    state_ = State::text;
    if (whole) end_control(byte, out);
    partial_.clear();
}

void OutputGate::end_control(char final, std::string& out) {
    if (!is_well_formed(partial_)) return;
    const std::string parameters = bounded(partial_);
    if (final == 'b') {  // never libvterm's
        const long count = std::max(1L, std::strtol(parameters.c_str(), nullptr, 10));
        for (long i = 0; i < std::min(count, most_repeats) && repeats_ > 0; ++i, --repeats_)
            out += repeated_;
        return;
    }
    repeated_.clear();
    if (final != 'h' && final != 'l') {
        (out += "\x1b[").append(parameters) += final;
        return;
    }
    // libvterm 0.1.4 sets the first of several modes only.
    const std::string_view leader = parameters.starts_with('?') ? "?" : "";
    for (const std::string& mode : split(parameters.substr(leader.size()), ';'))
        (out += "\x1b[").append(leader).append(mode) += final;
}

void OutputGate::end_title() {
    if (partial_.starts_with("0;") || partial_.starts_with("2;"))
        title_ = printable(std::string_view(partial_).substr(2));
}

}  // namespace lodge
