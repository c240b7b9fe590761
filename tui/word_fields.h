#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tui/form.h"
#include "tui/screen.h"
#include "tui/words.h"

namespace lodge {

// "keep-disks" as "Keep disks".
std::string label_of(std::string_view name);

// The words of a command as fields of a form: the operands that `known` does not say yet and, when
// wanted, those that may be left out. What a word may be is what completion offers for it.
std::vector<FormField> word_fields(CommandTables tables, Engine& engine, const Command& command,
                                   const Values& known, bool with_options);

// What the form said, for the command: a word that may stand several times is a list, with blanks
// between.
Values said_words(const Command& command, const Values& said);

}  // namespace lodge
