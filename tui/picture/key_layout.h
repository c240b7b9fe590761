#pragma once

#include <map>
#include <string>
#include <string_view>

#include "engine/host.h"

namespace lodge {

// KeyLayout says which of Shift and AltGr a person would hold to type a character. QEMU finds the
// key of a character by the layout of the guest's `keyboard`, but holds nothing for it: who sends
// only "@" to a German one types a q.
class KeyLayout {
  public:
    struct Held {
        bool shift = false, altgr = false;
        bool operator==(const Held&) const = default;
    };

    KeyLayout() = default;  // that of the US, as QEMU without one
    // Of the text of a keymap of QEMU (qemu-keymap(1)): "at 0x10 altgr". Characters of Latin-1 and
    // the euro are known; other lines are passed over.
    explicit KeyLayout(std::string_view text);
    // By its name, as `keyboard` has it, out of /usr/share/qemu/keymaps; else that of the US.
    static KeyLayout of(const Host& host, const std::string& name);

    Held held_for(char32_t character) const;

  private:
    std::map<char32_t, Held> known_;  // empty: the US
};

}  // namespace lodge
