#include "tui/picture/rfb.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/text.h"

namespace lodge {
namespace {

// Encodings that we say we take (RFC 6143, 7.7; -257 is QEMU's own, ui/vnc.h).
constexpr int32_t raw = 0, desktop_size = -223, pointer_kind = -257;
constexpr size_t most_name = 256, most_reason = 1024;

uint32_t number(std::string_view bytes, size_t at, int size) {
    uint32_t value = 0;
    for (int i = 0; i < size; ++i)
        value = value << 8 | static_cast<uint8_t>(bytes[at + static_cast<size_t>(i)]);
    return value;
}

void append(std::string& text, uint32_t value, int size) {
    for (int shift = 8 * (size - 1); shift >= 0; shift -= 8)
        text += static_cast<char>(value >> shift);
}

}  // namespace

void RfbStream::expect(Stage stage, size_t size) {
    stage_ = stage;
    wanted_ = size;
}

std::string RfbStream::take_output() {
    return std::exchange(output_, {});
}

bool RfbStream::take_update() {
    return std::exchange(updated_, false);
}

void RfbStream::add(std::string_view bytes) {
    while (!bytes.empty()) {
        if (stage_ == Stage::skipped) {
            const size_t count = std::min<uint64_t>(skip_, bytes.size());
            bytes.remove_prefix(count);
            skip_ -= count;
            if (skip_ == 0) expect(Stage::message, 1);
            continue;
        }
        // Straight from what came when it is there in one piece.
        if (partial_.empty() && bytes.size() >= wanted_) {
            const std::string_view piece = bytes.substr(0, wanted_);
            bytes.remove_prefix(wanted_);
            read(piece);
            continue;
        }
        const size_t count = std::min(wanted_ - partial_.size(), bytes.size());
        partial_ += bytes.substr(0, count);
        bytes.remove_prefix(count);
        if (partial_.size() == wanted_) read(std::exchange(partial_, {}));
    }
}

void RfbStream::read(std::string_view bytes) {
    switch (stage_) {
        case Stage::version:
            if (!bytes.starts_with("RFB 003."))
                fail(Exit::failed, "the guest's screen does not speak RFB: '{}'", printable(bytes));
            send("RFB 003.008\n");
            return expect(Stage::security_count, 1);
        case Stage::security_count:
        case Stage::security_kinds:
        case Stage::security_result:
        case Stage::security_reason_size:
        case Stage::security_reason:
            return read_security(bytes);
        case Stage::server:
        case Stage::name:
            return read_server(bytes);
        case Stage::message:
            return read_message(static_cast<uint8_t>(bytes[0]));
        case Stage::update:
            rectangles_ = static_cast<int>(number(bytes, 1, 2));
            return next_rectangle();
        case Stage::rectangle:
            return read_rectangle(bytes);
        case Stage::pixels:
            return read_row(bytes);
        case Stage::colors:
            skip_ = uint64_t{number(bytes, 3, 2)} * 6;
            return skip_ == 0 ? expect(Stage::message, 1) : expect(Stage::skipped, 0);
        case Stage::cut:
            skip_ = number(bytes, 3, 4);
            return skip_ == 0 ? expect(Stage::message, 1) : expect(Stage::skipped, 0);
        case Stage::skipped:
            return;
    }
}

void RfbStream::read_security(std::string_view bytes) {
    if (stage_ == Stage::security_count) {
        const auto count = static_cast<uint8_t>(bytes[0]);
        if (count == 0) return expect(Stage::security_reason_size, 4);
        return expect(Stage::security_kinds, count);
    }
    if (stage_ == Stage::security_kinds) {
        if (bytes.find('\1') == std::string_view::npos)  // "None"
            fail(Exit::refused, "the guest's screen asks for a password");
        send("\1");
        return expect(Stage::security_result, 4);
    }
    if (stage_ == Stage::security_result) {
        if (number(bytes, 0, 4) != 0) return expect(Stage::security_reason_size, 4);
        send("\1");  // others may look on too
        return expect(Stage::server, 24);
    }
    if (stage_ == Stage::security_reason_size) {
        const size_t size = std::min<size_t>(number(bytes, 0, 4), most_reason);
        if (size == 0) fail(Exit::refused, "the guest's screen lets nobody in");
        return expect(Stage::security_reason, size);
    }
    fail(Exit::refused, "the guest's screen lets nobody in: {}", printable(bytes));
}

void RfbStream::read_server(std::string_view bytes) {
    if (stage_ == Stage::server) {
        set_size(static_cast<int>(number(bytes, 0, 2)), static_cast<int>(number(bytes, 2, 2)));
        const size_t size = number(bytes, 20, 4);
        if (size > most_name) fail(Exit::failed, "the guest's screen has a name of {} bytes", size);
        if (size != 0) return expect(Stage::name, size);
    } else {
        name_ = printable(bytes);
    }
    // SetPixelFormat: 32 bits a pixel, depth 24, blue first, true colour.
    constexpr char format[] = {0, 0,         0, 0,         32, 24, 0, 1, 0, char(255),
                               0, char(255), 0, char(255), 16, 8,  0, 0, 0, 0};
    send({format, sizeof format});
    std::string encodings;
    append(encodings, 2, 1);
    append(encodings, 0, 1);
    append(encodings, 3, 2);
    for (const int32_t encoding : {raw, desktop_size, pointer_kind})
        append(encodings, static_cast<uint32_t>(encoding), 4);
    send(encodings);
    expect(Stage::message, 1);
    ask(true);
}

void RfbStream::read_message(uint8_t kind) {
    switch (kind) {
        case 0:
            return expect(Stage::update, 3);
        case 1:
            return expect(Stage::colors, 5);
        case 2:  // a bell
            return expect(Stage::message, 1);
        case 3:
            return expect(Stage::cut, 7);
        default:
            fail(Exit::failed, "the guest's screen sent what is no message of RFB ({})", kind);
    }
}

void RfbStream::next_rectangle() {
    if (rectangles_-- > 0) return expect(Stage::rectangle, 12);
    updated_ = true;
    expect(Stage::message, 1);
}

void RfbStream::read_rectangle(std::string_view bytes) {
    const auto part = [&](size_t at) { return static_cast<int>(number(bytes, at, 2)); };
    rectangle_ = {part(0), part(2), part(4), part(6)};
    const auto encoding = static_cast<int32_t>(number(bytes, 8, 4));
    if (encoding == desktop_size) {
        set_size(rectangle_.width, rectangle_.height);
        return next_rectangle();
    }
    if (encoding == pointer_kind) {
        absolute_ = rectangle_.x != 0;
        return next_rectangle();
    }
    if (encoding != raw)
        fail(Exit::failed, "the guest's screen sent an encoding that was not asked for ({})",
             encoding);
    if (rectangle_.x + rectangle_.width > picture_.width ||
        rectangle_.y + rectangle_.height > picture_.height)
        fail(Exit::failed, "the guest's screen drew outside of itself");
    if (rectangle_.width == 0 || rectangle_.height == 0) return next_rectangle();
    row_ = 0;
    expect(Stage::pixels, static_cast<size_t>(rectangle_.width) * 4);
}

void RfbStream::read_row(std::string_view bytes) {
    uint8_t* to = picture_.at(rectangle_.x, rectangle_.y + row_);
    for (size_t i = 0; i < bytes.size(); i += 4, to += 3) {
        to[0] = static_cast<uint8_t>(bytes[i + 2]);
        to[1] = static_cast<uint8_t>(bytes[i + 1]);
        to[2] = static_cast<uint8_t>(bytes[i]);
    }
    if (++row_ == rectangle_.height) next_rectangle();
}

void RfbStream::set_size(int width, int height) {
    if (width > most_side || height > most_side || int64_t{width} * height > most_pixels)
        fail(Exit::failed, "the guest's screen is too large: {} x {}", width, height);
    picture_ = Picture(width, height);
    pointer_x_ = pointer_y_ = 0;
}

void RfbStream::ask(bool everything) {
    if (!ready()) return;
    std::string bytes = "\3";
    append(bytes, everything ? 0 : 1, 1);
    append(bytes, 0, 4);
    append(bytes, static_cast<uint32_t>(picture_.width), 2);
    append(bytes, static_cast<uint32_t>(picture_.height), 2);
    send(bytes);
}

void RfbStream::key(uint32_t keysym, bool down) {
    if (!ready()) return;
    std::string bytes = "\4";
    append(bytes, down ? 1 : 0, 1);
    append(bytes, 0, 2);
    append(bytes, keysym, 4);
    send(bytes);
}

void RfbStream::pointer(int x, int y, int buttons) {
    if (!ready() || picture_.empty()) return;
    x = std::clamp(x, 0, picture_.width - 1);
    y = std::clamp(y, 0, picture_.height - 1);
    // Without a tablet QEMU takes how far it moved, around 0x7fff.
    const int send_x = absolute_ ? x : 0x7fff + x - pointer_x_;
    const int send_y = absolute_ ? y : 0x7fff + y - pointer_y_;
    pointer_x_ = x;
    pointer_y_ = y;
    std::string bytes = "\5";
    append(bytes, static_cast<uint32_t>(buttons), 1);
    append(bytes, static_cast<uint32_t>(send_x), 2);
    append(bytes, static_cast<uint32_t>(send_y), 2);
    send(bytes);
}

}  // namespace lodge
