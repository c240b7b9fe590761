#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tui/picture/picture.h"

namespace lodge {

// RfbStream is one side of the protocol in which QEMU shows a guest's screen over its socket "vnc"
// (RFC 6143), without the socket: bytes of the other side in, a picture and bytes for the other
// side out. Raw pixels only: the socket is on this machine.
class RfbStream {
  public:
    static constexpr int most_side = 8192;  // pixels
    static constexpr int64_t most_pixels = 16 << 20;

    // Throws Error when it is no RFB, asks for a password, or draws beyond its own screen.
    void add(std::string_view bytes);
    // What has to be sent, taken once.
    std::string take_output();

    bool ready() const { return stage_ >= Stage::message; }
    const Picture& picture() const { return picture_; }
    const std::string& name() const { return name_; }  // of the guest, printable
    // Whether a whole update came since this was asked last.
    bool take_update();
    // Whether the guest takes the mouse where it is (a tablet), or only by how far it moves.
    bool absolute() const { return absolute_; }

    // Asks for what changes from now on; or for everything. The answer comes when there is
    // something.
    void ask(bool everything);
    void key(uint32_t keysym, bool down);
    // `buttons`: 1 left, 2 middle, 4 right, 8 and 16 the wheel. Pixels of the picture.
    void pointer(int x, int y, int buttons);

  private:
    // What the next bytes are; each has a size, after which it is read.
    enum class Stage {
        version,
        security_count,
        security_kinds,
        security_result,
        security_reason_size,
        security_reason,
        server,
        name,
        message,  // from here on: ready
        update,
        rectangle,
        pixels,
        colors,
        cut,
        skipped,
    };
    void expect(Stage stage, size_t size);
    void read(std::string_view bytes);
    void read_security(std::string_view bytes);
    void read_server(std::string_view bytes);
    void read_message(uint8_t kind);
    void read_rectangle(std::string_view bytes);
    void read_row(std::string_view bytes);
    void next_rectangle();
    void set_size(int width, int height);
    void send(std::string_view bytes) { output_ += bytes; }

    Stage stage_ = Stage::version;
    size_t wanted_ = 12;
    std::string partial_;
    std::string output_;
    std::string name_;
    Picture picture_;
    bool updated_ = false;
    bool absolute_ = true;
    int rectangles_ = 0;  // of the update, still to come
    Rect rectangle_;
    int row_ = 0;
    uint64_t skip_ = 0;
    int pointer_x_ = 0, pointer_y_ = 0;
};

}  // namespace lodge
