#pragma once

#include <string>
#include <string_view>

namespace lodge {

// OutputGate lets through of a guest's output what a terminal in a pane has to see, whole and
// within bounds: valid characters that are safe to show (others become U+FFFD), control characters
// that move the cursor, complete escape and control sequences with counts below 10,000. What speaks
// to the person's own terminal or to programs of another kind stays outside: clipboard and colours
// by OSC, DCS, APC and PM strings, other character sets than UTF-8. A sequence may come in any
// pieces.
//
// It stands before libvterm for two more reasons: libvterm 0.1.4 loops without end when the last
// character is to be repeated (REP) and there is none, and it moves to the left for a control
// character of two bytes (C1). Repetitions are written out here.
class OutputGate {
  public:
    static constexpr size_t most_title = 256;  // bytes

    // Appends to `out` what passes of `bytes`.
    void pass(std::string_view bytes, std::string& out);
    // As if the line began anew: what is unfinished is forgotten, the title too.
    void reset();

    // The title that the guest gave its window (OSC 0 and 2), printable.
    const std::string& title() const { return title_; }
    size_t bells() const { return bells_; }

  private:
    enum class State { text, escape, control, overlong, title, string };
    size_t plain(std::string_view bytes, std::string& out);
    void text(char byte, std::string& out);
    void character(std::string& out);
    void steer(char byte, std::string& out);
    void escape(char byte, std::string& out);
    void control(char byte, std::string& out);
    void end_control(char final, std::string& out);
    void end_title();

    State state_ = State::text;
    std::string partial_;   // the bytes of a character, of a sequence or of a title so far
    size_t wanted_ = 0;     // bytes of the character
    std::string repeated_;  // the last character while nothing came behind it
    std::string title_;
    size_t bells_ = 0;
    size_t repeats_ = 0;  // that may still be written out in this pass
};

}  // namespace lodge
